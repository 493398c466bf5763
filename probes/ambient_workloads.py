"""Workloads between sidecars and ambient mode, and waypoints that they ask for."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.ambient import MANAGED, USE, captured_pods, has_waypoint, needs_http, waypoint_of
from meshdoctor.istio.injection import AMBIENT, INJECT, NAMESPACE_LABEL, REVISION, namespace_labels
from meshdoctor.istio.running import WORKLOADS, Running, workloads
from meshdoctor.istio.selecting import REDIRECTION, is_ambient_namespace, labels_of
from meshdoctor.istio.workloads import services_selecting
from meshdoctor.model import gatewayapi
from meshdoctor.model.cluster import Namespace, Service
from meshdoctor.model.findings import Evidence, Severity
from meshdoctor.model.mesh import USABLE, Mesh
from meshdoctor.model.security import AuthorizationPolicy
from meshdoctor.model.text import some
from meshdoctor.model.workloads import Pod
from probes.registry import Draft, fail, get, probe, quote

AT = "workload"  # the workload as a whole, as Kiali writes it


def concerned(mesh: Mesh) -> tuple[Running, ...]:
    """The workloads that ambient mode is about: they or their namespace speak of it or of a waypoint, or ztunnel takes their
    traffic. All workloads where namespaces may not be read. Found once a snapshot."""
    everything = workloads(mesh)
    found: tuple[Running, ...] | None = mesh.memo.get("concerned by ambient mode")
    if found is None:
        captured, asking = frozenset(captured_pods(mesh)), None
        if mesh.state(Namespace) in USABLE:
            asking = {n.name for n in mesh[Namespace] if AMBIENT in n.labels or USE in n.labels}
        found = tuple([w for w in everything if asking is None or w.namespace in asking or _is_concerned(w, captured)])
        mesh.memo["concerned by ambient mode"] = found
    return found


def _is_concerned(workload: Running, captured: frozenset[Pod]) -> bool:
    return AMBIENT in workload.labels or USE in workload.labels or not captured.isdisjoint(workload.pods)


def asks_for_ambient(mesh: Mesh, workload: Running) -> bool:
    """By its own label, else by that of its namespace."""
    own = workload.labels.get(AMBIENT, "")
    return own == "ambient" or (own != "none" and is_ambient_namespace(mesh, workload.namespace))


def asks_for_sidecar(mesh: Mesh, workload: Running) -> bool:
    """By its own label or that of its namespace, and neither says no."""
    own, space = workload.labels.get(INJECT, ""), namespace_labels(mesh, workload.namespace)
    wanted_here = own in ("true", "enabled") or space.get(NAMESPACE_LABEL) == "enabled" or space.get(REVISION, "") != ""
    return wanted_here and own not in ("false", "none") and space.get(NAMESPACE_LABEL) != "disabled"


def is_captured(workload: Running) -> bool:
    """Whether ztunnel takes the traffic of one of its pods."""
    return any(p.annotations.get(REDIRECTION) == "enabled" for p in workload.pods)


def is_proxy_alone(workload: Running) -> bool:
    """Whether it is a gateway or a waypoint."""
    return workload.has_gateway or MANAGED in workload.labels


def waypoint(mesh: Mesh, workload: Running) -> tuple[str, str] | None:
    """The waypoint that the workload asks for."""
    if workload.labels.get(AMBIENT) == "none":
        return None
    return waypoint_of(workload.labels, namespace_labels(mesh, workload.namespace), workload.namespace)


def _shown(workload: Running, words: str) -> list[Evidence]:
    return [Evidence(f"{workload.subject}: {words}", str(workload.subject), words, get(workload.subject))]


@probe("AM-008", needs=(Namespace, *WORKLOADS))
def two_modes(mesh: Mesh) -> Iterator[Draft]:
    """A workload is asked to have a sidecar and to be in ambient mode, or is in both. Where its namespace asks, that is told."""
    by_namespace: dict[str, list[Running]] = {}
    for workload in concerned(mesh):
        if is_proxy_alone(workload):
            continue
        ambient, sidecar = asks_for_ambient(mesh, workload), asks_for_sidecar(mesh, workload)
        faults = {}
        if ambient and sidecar:
            faults["KIA1311"] = "labels ask for a sidecar and for ambient mode"
        if sidecar and is_captured(workload):
            faults["KIA1314"] = "labels ask for a sidecar, and ztunnel takes the traffic of its pods"
        if ambient and workload.has_sidecar:
            own = workload.labels.get(AMBIENT) == "ambient"
            whose = "its label asks" if own else f"namespace {workload.namespace} asks"
            faults["KIA1315" if own else "KIA1316"] = f"pods have a sidecar, and {whose} for ambient mode"
        if faults:
            says = "; ".join(faults.values())
            harmless = not workload.has_sidecar and not is_captured(workload)
            by_labels = _asks_for_both(mesh, workload)
            if by_labels and not harmless:
                by_namespace.setdefault(workload.namespace, []).append(workload)
            severity: Severity | None = "info" if harmless or by_labels else None
            yield fail(workload.subject, says, at=AT, evidence=_shown(workload, says), codes=tuple(faults), severity=severity)
    for name, those in by_namespace.items():
        namespace = mesh[Namespace].get("", name)
        if namespace is not None:
            names = some((w.subject.name for w in those), 5)
            says = f"its labels ask for sidecars and for ambient mode at once, and pods of {names} already have one of the two"
            has = "its pods have a sidecar" if those[0].has_sidecar else "ztunnel takes the traffic of its pods"
            shown = [quote(namespace, "metadata.labels", dict(namespace.labels)), *_shown(those[0], has)]
            yield fail(namespace, says, at="metadata.labels", evidence=shown, also=[w.subject for w in those], codes=())


def _asks_for_both(mesh: Mesh, workload: Running) -> bool:
    """Whether it is the labels of its namespace that ask for both."""
    labels = namespace_labels(mesh, workload.namespace)
    sidecars = labels.get(NAMESPACE_LABEL) == "enabled" or labels.get(REVISION, "") != ""
    return sidecars and labels.get(AMBIENT) == "ambient" and AMBIENT not in workload.labels and INJECT not in workload.labels


@probe("AM-003", needs=(Namespace, gatewayapi.Gateway, Service, *WORKLOADS))
def waypoint_missing(mesh: Mesh) -> Iterator[Draft]:
    """The waypoint that a workload, a Service or their namespace asks for does not exist, or does not work."""
    yield from _missing_for_services(mesh)
    told = set()
    for workload in concerned(mesh):
        asked = waypoint(mesh, workload) if workload.pods else None
        if asked is None or has_waypoint(mesh, asked):
            continue
        says = f"asks for waypoint {asked[0]}/{asked[1]}, and there is no such Gateway that works"
        own = waypoint_of(workload.labels, {}, workload.namespace) is not None
        severity: Severity | None = None if own else "info"
        yield fail(workload.subject, says, at=AT, evidence=_shown(workload, says), codes=("KIA1313",), severity=severity)
        if not own and workload.namespace not in told:
            told.add(workload.namespace)
            namespace, at = mesh[Namespace].get("", workload.namespace), f"metadata.labels[{USE}]"
            if namespace is not None:
                shown = [quote(namespace, at, namespace.labels.get(USE))]
                yield fail(namespace, says, at=at, evidence=shown, codes=(), also=[workload.subject])


def _missing_for_services(mesh: Mesh) -> Iterator[Draft]:
    """Services with a label of their own: what is sent to them goes to the waypoint first."""
    for service in mesh[Service]:
        asked = waypoint_of(service.labels, {}, service.namespace)
        if asked is not None and not has_waypoint(mesh, asked):
            says = f"asks for waypoint {asked[0]}/{asked[1]}, and there is no such Gateway that works"
            at = f"metadata.labels[{USE}]"
            shown = [quote(service, at, service.labels[USE])]
            yield fail(service, says, at=at, evidence=shown, codes=(), lacking=(gatewayapi.Gateway,))


@probe(
    "MD5029",
    needs=(Namespace, *WORKLOADS),
    title="Waypoint for a workload that is not in ambient mode",
    codes=("KIA1312",),
    severity="info",
)
def waypoint_without_ambient(mesh: Mesh) -> Iterator[Draft]:
    """A workload asks for a waypoint and is not in ambient mode."""
    for workload in concerned(mesh):
        asked = waypoint(mesh, workload) if workload.pods else None
        if asked and not is_captured(workload) and not asks_for_ambient(mesh, workload):
            says = f"asks for waypoint {asked[1]}, and is not in ambient mode"
            yield fail(workload.subject, says, at=AT, evidence=_shown(workload, says))


@probe(
    "MD5030",
    needs=(AuthorizationPolicy, Namespace, Service, gatewayapi.Gateway, *WORKLOADS),
    title="HTTP policy for a workload without waypoint",
    codes=("KIA1317",),
    severity="medium",
)
def http_policy_without_waypoint(mesh: Mesh) -> Iterator[Draft]:
    """A workload in ambient mode has no waypoint, and a policy for it speaks of HTTP, which only a waypoint reads."""
    table = mesh[AuthorizationPolicy]
    by_namespace = {n: [p for p in table.within(n) if needs_http(p)] for n in table.namespaces}
    for workload in concerned(mesh):
        policies = by_namespace.get(workload.namespace, ())
        if not policies or not _is_behind_ztunnel(mesh, workload) or _has_waypoint(mesh, workload):
            continue
        policy = next((p for p in policies if _is_for(mesh, p, workload)), None)
        if policy is not None:
            says = f"is in ambient mode without waypoint, and {policy.subject} has HTTP fields"
            asked = (gatewayapi.Gateway,) if waypoint(mesh, workload) else ()
            yield fail(workload.subject, says, at=AT, evidence=_shown(workload, says), also=[policy], lacking=asked)


def _is_behind_ztunnel(mesh: Mesh, workload: Running) -> bool:
    if is_proxy_alone(workload) or workload.labels.get(AMBIENT) == "none":
        return False
    return is_captured(workload) or asks_for_ambient(mesh, workload)


def _has_waypoint(mesh: Mesh, workload: Running) -> bool:
    asked = {waypoint(mesh, workload)}
    for service in services_selecting(mesh, workload.namespace, workload.labels):
        asked.add(waypoint_of(service.labels, {}, workload.namespace))
    return any(w is not None and has_waypoint(mesh, w) for w in asked)


def _is_for(mesh: Mesh, policy: AuthorizationPolicy, workload: Running) -> bool:
    """Whether a policy of its namespace is for the workload: by selector, by a Service that selects it, or as for all."""
    if not policy.spec.targets:
        return labels_of(policy).items() <= workload.labels.items()
    names = [t.name for t in policy.spec.targets if t.kind == "Service"]
    services = [s for n in names if (s := mesh[Service].get(workload.namespace, n)) and s.spec.selector]
    return any(s.spec.selector.items() <= workload.labels.items() for s in services)
