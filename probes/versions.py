"""Versions that must go together: proxies and istiod, revisions and pods, Kubernetes and Istio, definitions."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.controlplane import ControlPlane, injectors, planes_seen
from meshdoctor.istio.injection import NAMESPACE_LABEL, REVISION, called, namespace_labels
from meshdoctor.istio.releases import numbers, oldest_kubernetes
from meshdoctor.istio.workloads import by_owner, injected_pods, revision_of
from meshdoctor.model.admission import CustomResourceDefinition, MutatingWebhookConfiguration
from meshdoctor.model.cluster import Namespace, Service
from meshdoctor.model.findings import Evidence
from meshdoctor.model.istiod import Istiod
from meshdoctor.model.kinds import MESH_GROUPS
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Source, SourceState, Unseen
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Deployment, Pod
from probes.registry import Draft, fail, get, probe, quote
from probes.webhooks import active
from probes.xds import all_told, those_asked

MOST_SKEW = 1  # minor versions that a proxy may be behind istiod
TELEMETRIES = "telemetries.telemetry.istio.io"  # Istio itself stores v1alpha1, also where v1 was stored before or since


@probe("XDS-005", needs=(Istiod, Pod, Deployment))
def proxy_version_skew(mesh: Mesh) -> Iterator[Draft]:
    """A proxy is more than one minor version older than its istiod, or newer than it."""
    versions = {i.name: i.version for i in mesh.istiods if i.has("version")}
    odd: dict[Pod, tuple[str, str]] = {}
    for proxy in all_told(mesh):
        pod = mesh[Pod].get(proxy.namespace, proxy.name)
        theirs, ours = numbers(versions.get(proxy.istiod, "")), numbers(proxy.version)
        if pod is not None and theirs and ours and (ours > theirs or theirs[1] - ours[1] > MOST_SKEW):
            odd[pod] = proxy.version, versions[proxy.istiod]
    for owner, pods in by_owner(mesh, odd).items():
        has, istiod = odd[pods[0]]
        says = f"{len(pods)} of its proxies are of version {has}, istiod is {istiod.partition('-')[0]}"
        evidence = Evidence(says, "/debug/syncz", f"{pods[0].name}: istio_version {has}", "istioctl proxy-status")
        yield fail(owner, says, evidence=(evidence,), also=pods)


@probe("UP-001", needs=(Namespace, Pod, MutatingWebhookConfiguration))
def mixed_revisions(mesh: Mesh) -> Iterator[Draft]:
    """The pods of one namespace have proxies of several revisions, or of another than its labels ask for now."""
    by_namespace: dict[str, list[Pod]] = {}
    for pod in injected_pods(mesh):
        meta = pod.metadata
        if not meta.labels.get(REVISION):
            by_namespace.setdefault(meta.namespace, []).append(pod)
    for namespace, pods in by_namespace.items():
        if mesh[Namespace].get("", namespace) is None:
            continue
        wanted = {i.revision for i in called(mesh, namespace_labels(mesh, namespace), {})}
        revisions = [revision_of(p) for p in pods]
        has = set(revisions)
        odd = [p for p, revision in zip(pods, revisions, strict=True) if revision not in wanted] if wanted else []
        if len(has) > 1 or odd:
            owners = by_owner(mesh, odd or pods)
            asks = f"; its labels ask for {', '.join(sorted(wanted))}" if wanted else ""
            says = f"its pods have proxies of revision {', '.join(sorted(has))}{asks}"
            pod = (odd or pods)[0]
            yield fail(
                mesh[Namespace].get("", namespace) or pod,
                says,
                at="metadata.labels",
                evidence=(
                    Evidence(f"{pod.name} has revision {revision_of(pod)}", str(pod.subject), "its proxy", get(pod)),
                    *(quote(n, "metadata.labels", dict(n.labels)) for n in [mesh[Namespace].get("", namespace)] if n),
                ),
                also=(*owners, *(odd or pods)),
            )


@probe("UP-002", needs=(Pod, Service, Deployment))
def bound_to_a_removed_revision(mesh: Mesh) -> Iterator[Draft]:
    """Proxies look for the istiod of a revision that is gone: no Service and no pod of it is left."""
    planes = planes_seen(mesh)
    if not planes:
        return
    known = {p.revision for p in planes}
    spaces = {p.namespace for p in planes}
    lost = [p for p in injected_pods(mesh) if (r := revision_of(p)) not in known and not _is_served(mesh, spaces, r)]
    for owner, pods in by_owner(mesh, lost).items():
        revision = revision_of(pods[0])
        says = f"{len(pods)} of its proxies are of revision {revision}, of which no istiod is left"
        evidence = quote(pods[0], f"metadata.annotations[{REVISION}]", revision)
        yield fail(owner, says, evidence=(evidence,), also=pods)


def _is_served(mesh: Mesh, spaces: set[str], revision: str) -> bool:
    """Whether a Service stands for a revision: its own, or that of a tag."""
    names = {"istiod"} if revision == "default" else {f"istiod-{revision}", f"istiod-revision-tag-{revision}"}
    return any(s.name in names or s.labels.get(REVISION) == revision for ns in spaces for s in mesh[Service].within(ns))


@probe("UP-003", over=CustomResourceDefinition, needs=(CustomResourceDefinition,))
def stored_versions(_mesh: Mesh, definition: CustomResourceDefinition) -> Iterator[Draft]:
    """A definition of Istio or the Gateway API has stored objects in a version that it no longer serves, or in several."""
    if definition.name.partition(".")[2] not in MESH_GROUPS:
        return
    if not definition.status:
        reason = "the definition's status could not be read"
        command = f"kubectl get crd {definition.name} -o jsonpath='{{.status.storedVersions}}'"
        raise Unseen(Source(name="stored versions", state=SourceState.SKIPPED, reason=reason, command=command))
    served = {v.get("name") for v in definition.spec.get("versions") or () if v.get("served")}
    stored = [str(v) for v in definition.status.get("storedVersions") or ()]
    gone = [v for v in stored if v not in served]
    is_mixed = len(stored) > 1 and definition.name != TELEMETRIES
    if gone or is_mixed:
        several = f"objects are stored in {len(stored)} versions: {', '.join(stored)}"
        says = f"objects are stored as {', '.join(gone)}, which is no longer served" if gone else several
        yield fail(definition, says, at="status.storedVersions", evidence=(quote(definition, "status.storedVersions", stored),))


@probe("UP-005", needs=(Namespace, MutatingWebhookConfiguration, Deployment, Pod))
def no_default_revision(mesh: Mesh) -> Iterator[Draft]:
    """Namespaces ask for injection by `istio-injection=enabled`, and no revision or tag is the default one: nobody injects."""
    configurations, planes = injectors(mesh), planes_seen(mesh)
    working = [c for c in configurations if active(c) or not c.webhooks]  # the chart switches off what a tag does
    if any("default" in (c.revision, c.tag) for c in working) or not (configurations or planes):
        return
    asking = [n for n in mesh[Namespace] if n.labels.get(NAMESPACE_LABEL) == "enabled"]
    there = ", ".join(sorted({c.tag or c.revision for c in working})) or "none that works"
    if asking:
        names = ", ".join(n.name for n in asking[:5])
        yield fail(
            configurations[0] if configurations else _injector_of(planes[0]),
            f"no injection webhook is for the default revision (there is {there}), and {names} ask for it",
            at="metadata.labels[istio.io/rev]",
            evidence=(quote(asking[0], f"metadata.labels[{NAMESPACE_LABEL}]", "enabled"),),
            also=asking,
            lacking=(MutatingWebhookConfiguration,),
        )


def _injector_of(plane: ControlPlane) -> Subject:
    """The webhook that the chart makes for a control plane."""
    parts = ["istio-sidecar-injector"]
    parts += [plane.revision] if plane.revision not in ("", "default") else []
    parts += [plane.namespace] if plane.namespace != "istio-system" else []
    return Subject(group="admissionregistration.k8s.io", kind="MutatingWebhookConfiguration", name="-".join(parts))


@probe("UP-006", needs=(Istiod, Pod, Deployment))
def kubernetes_too_old(mesh: Mesh) -> Iterator[Draft]:
    """The cluster's Kubernetes is older than what this release of Istio is made for."""
    server = numbers(mesh.cluster.kubernetes)
    for istiod in those_asked(mesh, "version"):
        oldest = oldest_kubernetes(istiod.version)
        if server and oldest and server < oldest:
            pod = mesh[Pod].get(istiod.namespace, istiod.name)
            words = f"Kubernetes {mesh.cluster.kubernetes}, Istio {istiod.version.partition('-')[0]}"
            says = f"Istio {istiod.version.partition('-')[0]} is made for Kubernetes {oldest[0]}.{oldest[1]} and later"
            subject = mesh.owner(pod) if pod else Subject(kind="Pod", namespace=istiod.namespace, name=istiod.name)
            yield fail(subject, says, evidence=(Evidence(words, "/version", words, "kubectl version"),), codes=())
            return
