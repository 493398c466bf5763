"""A proxy by what an operator types: a pod, or the workload it belongs to."""

from __future__ import annotations

import difflib
import re

from meshdoctor.istio.workloads import injected_pods
from meshdoctor.model.errors import UsageError
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.workloads import Pod

_LONG = {"deploy": "deployment", "sts": "statefulset", "ds": "daemonset", "po": "pod"}  # as kubectl shortens them
_KINDS = re.compile(r"^(deploy|sts|ds|po)/", re.IGNORECASE)


def proxy_named(mesh: Mesh, text: str, namespace: str | None = None) -> Pod:
    """The pod that `NAME`, `NAMESPACE/NAME`, `NAME.NAMESPACE`, `KIND/NAME` or an app's name means.

    Raises UsageError with near names, Unseen where it may be among those that may not be read.
    """
    text = _KINDS.sub(lambda m: f"{_LONG[m[1].lower()]}/", text)
    pods = [p for p in injected_pods(mesh) if namespace in (None, p.namespace)]
    for pod in pods:
        owner = mesh.owner(pod)
        names = {pod.name, f"{pod.namespace}/{pod.name}", f"{pod.name}.{pod.namespace}"}
        names |= {owner.name, f"{owner.kind}/{owner.name}".lower(), f"{owner.namespace}/{owner.name}"}
        if text in names or text.lower() in names:
            return pod
    for pod in pods:  # a name that no pod or workload has: the app's
        app = pod.labels.get("app.kubernetes.io/name") or pod.labels.get("app") or ""
        if app and text in {app, f"{pod.namespace}/{app}", f"{app}.{pod.namespace}"}:
            return pod
    mesh[Pod].everywhere()
    near = difflib.get_close_matches(text.rpartition("/")[2], [p.name for p in pods], 3, 0.4)
    hint = f"Near: {', '.join(near)}." if near else "`meshdoctor proxies` lists them."
    raise UsageError(f"No pod with a proxy is called {text!r}.", do=hint)
