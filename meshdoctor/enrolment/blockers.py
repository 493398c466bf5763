"""What stands in the way of an enrolment, each with what to do: checks of the scan, policies that would bite, ports, protocols."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from meshdoctor.diagnosis import judge
from meshdoctor.enrolment.others import Turn
from meshdoctor.istio.authorization.callers import entrances, pods_calling, who_can
from meshdoctor.istio.authorization.decide import Verdict
from meshdoctor.istio.authorization.request import Request
from meshdoctor.istio.authorization.scope import policies_for
from meshdoctor.istio.imports import sidecar_of
from meshdoctor.istio.mtls import server_mode
from meshdoctor.istio.mutual.outsiders import outsiders
from meshdoctor.istio.protocols import WELL_KNOWN_TCP, declared
from meshdoctor.istio.selecting import is_ambient_namespace
from meshdoctor.istio.workloads import services_of
from meshdoctor.model.cluster import Namespace, Service
from meshdoctor.model.findings import Status
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.onboarding import CheckResult
from meshdoctor.model.subject import Subject
from meshdoctor.model.text import plain, some
from meshdoctor.model.workloads import Pod
from meshdoctor.onboarding.exemption import exemption
from meshdoctor.onboarding.runner import run_checks
from meshdoctor.onboarding.scope import Found, Scope
from meshdoctor.onboarding.workloads import Unit

TO_COME = {"3", "4", "6", "12", "13", "AM1", "AM2", "AM3"}
"""Checks that fail on the way and that the waves themselves, or STRICT later, answer."""

PROXY_PORTS = {15000, 15001, 15004, 15006, 15008, 15020, 15021, 15053, 15090}
"""Ports of the proxy and its agent (istio.io, "Application requirements")."""

SPEAKS_FIRST = {21: "FTP", 22: "SSH", 110: "POP3", 143: "IMAP", 587: "SMTP"}
NAMED_FIRST = ("smtp", "ftp", "ssh", "imap", "pop3", "mysql", "mariadb", "mongo")
"""Servers that send first: before PERMISSIVE's detection both sides would wait (istio.io, "Server First Protocols")."""


class Blocker(msgspec.Struct, frozen=True):
    """What stands in the way. `id` is the check's number or a word; by it the operator says that it is accepted."""

    id: str
    title: str
    says: str
    do: str


def of_checks(before: Mesh, labelled: Mesh, namespace: str) -> tuple[tuple[Blocker, ...], tuple[Blocker, ...]]:
    """What fails of the scan's checks once the labels are there: what blocks, and what is to be known."""
    old = {c.id: c for c in _checks(before, namespace)}
    blocking, known = [], []
    for check in _checks(labelled, namespace):
        if check.id in TO_COME or check.status not in (Status.FAIL, Status.WARN):
            continue
        was = old.get(check.id)
        made = Blocker(check.id, check.title, plain(check.says, 400), check.do)
        if check.blocks and not (was and was.blocks and was.says == check.says and not _is_of_enrolment(check)):
            blocking.append(made)
        else:
            known.append(made)
    return tuple(blocking), tuple(known)


def _checks(mesh: Mesh, namespace: str) -> tuple[CheckResult, ...]:
    thing = mesh[Namespace].get("", namespace)
    return run_checks(Scope(mesh, thing, Found(judge(mesh)))) if thing else ()


def _is_of_enrolment(check: CheckResult) -> bool:
    """Whether a fault that is there already stands in the way nevertheless: of the webhook, of new pods, of what they may do."""
    return check.id in ("1", "2", "8", "17", "20", "25")


def of_namespace(mesh: Mesh, namespace: Namespace) -> Iterator[Blocker]:
    """It says that it stays out, or it is in the mesh in another way."""
    exempt = exemption(mesh, namespace)
    if exempt is not None:
        yield Blocker("exempt", "The namespace is exempt", exempt.reason, "Take the exemption back first, if it is over.")
    if is_ambient_namespace(mesh, namespace.name):
        says = "it is in ambient mode: with a sidecar its pods would be in the mesh twice"
        yield Blocker("ambient", "Ambient mode", says, "Leave ambient mode first.")


def of_policies(after: Mesh, units: Iterable[Unit], turned: Iterable[Turn]) -> Iterator[Blocker]:
    """STRICT, REGISTRY_ONLY and AuthorizationPolicies that would be in force for them at once, while callers are outside."""
    pods = [p for u in units for s in u.pods[:1] if (p := after[Pod].get(s.namespace, s.name)) is not None]
    yield from _strict(after, pods, turned)
    yield from _registry_only(after, pods)
    yield from _authorization(after, pods)


def _strict(after: Mesh, pods: Iterable[Pod], turned: Iterable[Turn]) -> Iterator[Blocker]:
    strict = {after.owner(p): d.policy for p in pods if (d := server_mode(after, p)).mode == "STRICT"}
    refused = sorted({f"{t.client.namespace}/{t.client.name}" for t in turned if t.is_refused})
    ports = {(t.server, t.port) for t in turned}
    ports |= {(o, c.container_port) for p in pods if (o := after.owner(p)) in strict for k in p.app_containers for c in k.ports}
    callers = sorted({o.who for o in outsiders(after, ports) if o.server in strict and o.is_sure and o.who != "kubelet"})
    if strict and (refused or callers):
        policies = ", ".join(sorted({str(p.subject) for p in strict.values() if p}))
        who = ", ".join([*refused[:6], *callers]) + (f" and {len(refused) - 6} more" if len(refused) > 6 else "")
        says = f"{policies} would refuse plain text at once; outside the mesh are: {who}"
        yield Blocker(
            "strict", "STRICT while callers are outside", says, "Make it PERMISSIVE for these workloads until all are in."
        )


def _registry_only(after: Mesh, pods: Iterable[Pod]) -> Iterator[Blocker]:
    for pod in pods:
        sidecar = sidecar_of(after, pod)
        own = sidecar.spec.outbound_traffic_policy if sidecar else None
        if own.mode == "REGISTRY_ONLY" if own and own.mode else after.mesh_config.registry_only:
            by = str(sidecar.subject) if own and own.mode and sidecar else "the mesh config"
            says = f"by {by} it could call registered hosts only, and nobody has seen yet what {after.owner(pod)} calls"
            do = "Register what it calls (ServiceEntry), or give it a Sidecar with ALLOW_ANY until that is known."
            yield Blocker("registry-only", "REGISTRY_ONLY at once", says, do)
            return


def _authorization(after: Mesh, pods: Iterable[Pod]) -> Iterator[Blocker]:
    """Callers that policies would refuse: nothing enforced them while there was no proxy."""
    refused: dict[Subject, set[str]] = {}
    for pod in pods:
        if not policies_for(after, pod):
            continue
        callers = [p for p in pods_calling(after, None) if after.owner(p) != after.owner(pod)]
        for service in services_of(after, pod):
            for entrance in entrances(after, service):
                if entrance.pod.subject != pod.subject:
                    continue
                for row in who_can(after, entrance, Request(), callers):
                    if row.decision.verdict is Verdict.DENIED and row.by is not None and row.by.kind == "AuthorizationPolicy":
                        refused.setdefault(row.by, set()).update(f"{c.namespace}/{c.name}" for c in row.callers)
    for policy, names in refused.items():
        yield Blocker(
            "authorization",
            "An AuthorizationPolicy would refuse callers",
            f"{policy} would hold at once and refuses: {some(sorted(names), 6)}",
            "Allow them first, or roll the policy out as a dry run until all are in.",
        )


def of_pairs(turned: Iterable[Turn]) -> Iterator[Blocker]:
    """Pairs that would break though both sides are, or one is, in the mesh: a DestinationRule or a Sidecar does it."""
    for turn in turned:
        if turn.after == "broken" and not turn.is_refused:
            says = f"{turn.client} would not reach {turn.server}:{turn.port} any more: {turn.why}"
            yield Blocker("pairs", "A call would break", says, "Change the object that decides first.")


def of_ports(mesh: Mesh, units: Iterable[Unit]) -> Iterator[Blocker]:
    """An application that listens where the proxy does, and servers that speak first on ports that do not say so."""
    for unit in units:
        taken = {p.container_port for c in unit.template.spec.containers for p in c.ports} & PROXY_PORTS
        if taken:
            says = f"{unit.subject} listens on {', '.join(map(str, sorted(taken)))}, which the proxy needs"
            yield Blocker("ports", "Ports of the proxy", says, "Give the application another port.")
        for pod in unit.pods[:1]:
            yield from (_first(unit, s, mesh, pod) for s in services_of(mesh, pod) if _speaks_first(s))


def _speaks_first(service: Service) -> list[str]:
    """The ports of a Service whose servers speak first, and that do not count as such to Istio."""
    found = []
    for port in service.spec.ports:
        target = port.target if isinstance(port.target, int) else port.port
        kind = SPEAKS_FIRST.get(target) or SPEAKS_FIRST.get(port.port)
        kind = kind or next((n for n in NAMED_FIRST if port.name.lower().removeprefix("tcp-").startswith(n)), "")
        if kind and target not in WELL_KNOWN_TCP and declared(port) != "tls":
            found.append(f"{port.name or port.port} ({kind})")
    return found


def _first(unit: Unit, service: Service, mesh: Mesh, pod: Pod) -> Blocker:
    mode = server_mode(mesh, pod).mode
    says = f"{service.subject}: {', '.join(_speaks_first(service))}: the server speaks first, and {mode} detection makes both wait"
    do = f"Declare it tcp, and exclude the port from redirection or take it out of PERMISSIVE ({unit.subject.name})."
    return Blocker("server-first", "A server that speaks first", says, do)
