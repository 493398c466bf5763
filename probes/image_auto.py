"""Proxies whose image the injector fills in: `image: auto` that nobody replaces."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.injection import called, namespace_labels
from meshdoctor.model.admission import MutatingWebhookConfiguration, ValidatingWebhookConfiguration
from meshdoctor.model.cluster import Namespace
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.workloads import Deployment, Pod, PodSpec
from probes.registry import Draft, fail, probe


def _auto(spec: PodSpec) -> str:
    """Where `image: auto` stands; empty where it does not."""
    places = (i for i, c in enumerate(spec.containers) if c.name == "istio-proxy" and c.image == "auto")
    return next((f"spec.containers[{i}].image" for i in places), "")


@probe("MD5270", needs=(Pod,), title="Proxy was left without its image", severity="high", codes=("IST0147",))
def proxy_without_its_image(mesh: Mesh) -> Iterator[Draft]:
    """A pod was created with `image: auto`: the injector did not see it, and the kubelet finds no such image."""
    for pod in mesh[Pod]:
        if at := _auto(pod.spec):
            yield fail(
                mesh.owner(pod) if pod.metadata.owner_references else pod,
                f"{pod.name} was created with image auto",
                at=at,
                also=(pod,),
            )


@probe(
    "MD5271",
    needs=(Deployment, Namespace, MutatingWebhookConfiguration, ValidatingWebhookConfiguration, Pod),
    title="Nobody would fill in the proxy's image",
    severity="medium",
    codes=("IST0146",),
)
def nobody_fills_in_the_image(mesh: Mesh) -> Iterator[Draft]:
    """A Deployment's template says `image: auto`, and no injection webhook selects its pods."""
    for deployment in mesh[Deployment]:
        at, labels = _auto(deployment.template.spec), deployment.template.metadata.labels
        if at and not called(mesh, namespace_labels(mesh, deployment.namespace), labels):
            says = "its proxy has image auto, and no injection webhook selects its pods"
            yield fail(deployment, says, at=f"spec.template.{at}", lacking=(MutatingWebhookConfiguration,))
