"""Images of proxies: another one than is injected now."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.injection import NAMESPACE_LABEL, REVISION
from meshdoctor.istio.injector_values import IMAGE, is_current_image, values
from meshdoctor.istio.workloads import by_owner, is_live
from meshdoctor.model.admission import MutatingWebhookConfiguration
from meshdoctor.model.cluster import ConfigMap, Namespace
from meshdoctor.model.findings import Evidence
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.proxies import ProxyConfig
from meshdoctor.model.text import some
from meshdoctor.model.workloads import Pod
from probes.registry import Draft, fail, get, probe


@probe("UP-007", over=Namespace, needs=(Namespace, Pod, ConfigMap, ProxyConfig, MutatingWebhookConfiguration))
def image_differs(mesh: Mesh, namespace: Namespace) -> Iterator[Draft]:
    """Proxies of an injected namespace have another image than its revision injects now."""
    revision = namespace.labels.get(REVISION, "default" if namespace.labels.get(NAMESPACE_LABEL) == "enabled" else "")
    injected = values(mesh, revision) if revision else None
    if injected is None or not injected.image:
        return
    pods = [p for p in mesh[Pod].within(namespace.name) if is_live(p) and p.proxy is not None and not p.annotations.get(IMAGE)]
    old = [p for p in pods if p.proxy and not is_current_image(mesh, p, p.proxy.image, injected)]
    if old:
        images = ", ".join(sorted({p.proxy.image for p in old if p.proxy}))
        names = some((p.name for p in old), 5)
        yield fail(
            namespace,
            f"{len(old)} of its pods have a proxy of another image than {injected.image}: {names}",
            evidence=(
                Evidence("their proxies' images", f"Namespace {namespace.name}", images, get(old[0])),
                Evidence("what is injected now", f"ConfigMap of revision {revision}", injected.image, ""),
            ),
            also=(*by_owner(mesh, old),),
            severity="info",  # they work: the image matters at the next restart
        )
