"""Labels of namespaces: not enrolled, enrolled twice, or enrolled while pods run without a proxy."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.controlplane import control_plane_namespaces, injectors
from meshdoctor.istio.injection import AMBIENT, IGNORED_NAMESPACES, NAMESPACE_LABEL, REVISION, called, opted_out
from meshdoctor.istio.injector_values import values
from meshdoctor.istio.workloads import by_owner, is_live
from meshdoctor.model.admission import MutatingWebhookConfiguration, ValidatingWebhookConfiguration
from meshdoctor.model.cluster import ConfigMap, Namespace
from meshdoctor.model.findings import Evidence
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.workloads import Deployment, Pod
from probes.registry import Draft, fail, get, probe, quote

WEBHOOKS = (MutatingWebhookConfiguration, ValidatingWebhookConfiguration)


@probe(
    "MD5273",
    over=Namespace,
    needs=(Namespace, Pod, Deployment, ConfigMap, *WEBHOOKS),
    codes=("IST0102", "IST0148"),
    title="Namespace does not say whether it is in the mesh",
    severity="info",
)
def enrolment_unsaid(mesh: Mesh, namespace: Namespace) -> Iterator[Draft]:
    """A namespace has no label of injection; where a mesh runs INJ-001 tells those that matter."""
    labels = namespace.labels
    if labels.get(NAMESPACE_LABEL) or REVISION in labels or labels.get(AMBIENT) == "ambient":
        return
    if namespace.name in {*IGNORED_NAMESPACES, "istio-system"}:
        return
    if namespace.name in {*control_plane_namespaces(mesh), mesh.mesh_config.root_namespace}:
        says = f"it is the control plane's, and no pod of it gets a proxy, which is right; {NAMESPACE_LABEL}=disabled would say so"
        yield fail(namespace, says, at="metadata.labels", codes=("IST0102",))
        return
    injector = values(mesh, "default")
    if (injector is not None and injector.by_default) or called(mesh, labels, {}):
        says = "it has no label of injection, and is injected because the injector takes all that say nothing"
        yield fail(namespace, says, at="metadata.labels", codes=("IST0148",))
    else:
        says = f"it has no label of injection: no pod of it gets a proxy; {NAMESPACE_LABEL}=disabled would say so"
        yield fail(namespace, says, at="metadata.labels", codes=("IST0102",))


@probe(
    "MD5274",
    over=Namespace,
    needs=(Namespace,),
    codes=("IST0123",),
    title="Namespace asks for sidecars and for ambient mode",
    severity="medium",
)
def two_modes_asked(mesh: Mesh, namespace: Namespace) -> Iterator[Draft]:
    """A namespace carries a label of injection and that of ambient mode: pods with a sidecar are left out of ambient mode."""
    labels = namespace.labels
    sidecars = labels.get(NAMESPACE_LABEL) == "enabled" or (REVISION in labels and NAMESPACE_LABEL not in labels)
    if labels.get(AMBIENT) == "ambient" and sidecars:
        asked = f"{NAMESPACE_LABEL}={labels[NAMESPACE_LABEL]}" if NAMESPACE_LABEL in labels else f"{REVISION}={labels[REVISION]}"
        told = NAMESPACE_LABEL in labels and REVISION in labels  # INJ-004 has the code then
        says = f"{asked} asks for sidecars, {AMBIENT}=ambient for none"
        yield fail(namespace, says, at="metadata.labels", codes=() if told else ("IST0123",))


@probe(
    "MD5275",
    over=Namespace,
    needs=(Namespace, Pod, MutatingWebhookConfiguration),
    codes=("IST0103",),
    title="Pod runs without a sidecar that its namespace asks for",
    severity="medium",
)
def pod_left_out(mesh: Mesh, namespace: Namespace) -> Iterator[Draft]:
    """A pod has no proxy in a namespace labelled for injection, where no webhook is known that INJ-002 could ask."""
    labels = namespace.labels
    if labels.get(NAMESPACE_LABEL) != "enabled" or labels.get(AMBIENT) == "ambient" or mesh.only_given or injectors(mesh):
        return  # manifests have no proxy yet: it comes when the pod is created
    bare = [p for p in mesh[Pod].within(namespace.name) if is_live(p) and p.proxy is None and not p.spec.host_network]
    for owner, pods in by_owner(mesh, (p for p in bare if not opted_out(p.labels, p.annotations))).items():
        evidence = (
            Evidence(f"{pods[0].name} has no container istio-proxy", str(pods[0].subject), "", get(pods[0])),
            quote(namespace, f"metadata.labels[{NAMESPACE_LABEL}]", "enabled"),
        )
        yield fail(owner, f"{namespace.name} asks for sidecars, and {pods[0].name} has none", evidence=evidence, also=pods)
