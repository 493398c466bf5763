"""Images of proxies: another one than is injected now."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.injection import NAMESPACE_LABEL, REVISION
from meshdoctor.istio.injector_values import IMAGE, Values, is_current_image, values
from meshdoctor.istio.workloads import by_owner, is_live
from meshdoctor.model.admission import MutatingWebhookConfiguration
from meshdoctor.model.cluster import ConfigMap, Namespace
from meshdoctor.model.findings import Evidence, Severity
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.proxies import ProxyConfig
from meshdoctor.model.text import counted, some
from meshdoctor.model.workloads import Pod
from probes.registry import Draft, fail, get, probe


@probe("UP-007", over=Namespace, needs=(Namespace, Pod, ConfigMap, ProxyConfig, MutatingWebhookConfiguration))
def image_differs(mesh: Mesh, namespace: Namespace) -> Iterator[Draft]:
    """Proxies of an injected namespace have another image than its revision injects now."""
    revision = namespace.labels.get(REVISION, "default" if namespace.labels.get(NAMESPACE_LABEL) == "enabled" else "")
    injected = values(mesh, revision) if revision else None
    if injected is None or not injected.image:
        return
    pods = [p for p in mesh[Pod].within(namespace.name) if is_live(p) and p.proxy is not None]
    odd = [p for p in pods if p.proxy and not is_current_image(mesh, p, p.proxy.image, injected)]
    old = [p for p in odd if not p.annotations.get(IMAGE)]
    if old:
        names = some((p.name for p in old), 5)
        says = f"{counted(len(old), 'pod')} of it with a proxy of another image than {injected.image}: {names}"
        severity: Severity = "low" if len(odd) == len(pods) else "info"  # else the workloads are told
        also = (*by_owner(mesh, old),)
        yield fail(namespace, says, evidence=_images(old, f"Namespace {namespace.name}", injected), also=also, severity=severity)
    if len(odd) < len(pods) or not old:
        for owner, those in by_owner(mesh, odd).items():
            says = f"{counted(len(those), 'pod')} of it with a proxy of another image than {injected.image}, which is injected now"
            yield fail(owner, says, evidence=_images(those, str(owner), injected), also=those, codes=())


def _images(pods: list[Pod], where: str, injected: Values) -> tuple[Evidence, Evidence]:
    images = ", ".join(sorted({p.proxy.image for p in pods if p.proxy}))
    return (
        Evidence("their proxies' images", where, images, get(pods[0])),
        Evidence("what is injected now", "ConfigMap istio-sidecar-injector", injected.image, ""),
    )
