"""Mutual TLS: what the workloads accept, who still sends plain text, and what fights it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator

from meshdoctor.istio.accesslog_lookup import Line, lines
from meshdoctor.istio.mtls import Decision, server_mode
from meshdoctor.istio.workloads import by_owner, services_of
from meshdoctor.model.cluster import Service
from meshdoctor.model.findings import Evidence
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import DestinationRule
from meshdoctor.model.security import PeerAuthentication
from meshdoctor.model.text import counted
from meshdoctor.model.workloads import Pod
from meshdoctor.onboarding.outcome import Outcome, breaks, holds, of_finding, skips, unknown
from meshdoctor.onboarding.registry import check
from meshdoctor.onboarding.scope import Scope
from probes.registry import quote

FIGHTS = ("MTL-002", "MTL-003", "MD5016")
PLAIN_TEXT, MEASURED = "plain_text", "measured"  # named queries of Prometheus
Place = tuple[str, int | None]  # a workload, and its port (None: all that have no setting of their own)


@check(
    "12",
    "Effective mTLS is STRICT",
    weight="blocking",
    problems=("MTL-001", "MTL-004", "MTL-005"),
    do="Once nobody sends plain text (check 13): a PeerAuthentication STRICT for the namespace; keep exceptions by port.",
)
def strict(scope: Scope) -> Iterator[Outcome]:
    """Every port of every workload with a sidecar accepts mutual TLS only; exceptions are told with the policy and its age."""
    if scope.is_ambient and not scope.sidecars:
        yield skips("ambient mode: ztunnel takes HBONE; AM1 tells who is captured")
        return
    if not scope.sidecars:
        yield skips("no pod of it has a sidecar")
        return
    modes = modes_of(scope.mesh, scope.sidecars)
    open_ones = {place: decided for place, decided in modes.items() if decided.mode != "STRICT"}
    for mode in ("DISABLE", "PERMISSIVE"):
        those = [place for place, decided in open_ones.items() if decided.mode == mode]
        if those:
            policies = {d.policy.subject: d.policy for p in those if (d := open_ones[p]).policy is not None}
            shown = [_policy(scope.mesh, p) for p in policies.values()]
            default = Evidence("no PeerAuthentication decides", "Istio's default", "PERMISSIVE")
            yield breaks(f"{_places(those)} accept plain text ({mode})", *(shown or [default]))
    if not open_ones:
        deciding = next((d.policy for d in modes.values() if d.policy), None)
        proof = [_policy(scope.mesh, deciding)] if deciding else []
        yield holds(f"{counted(len(modes), 'workload')} (and ports) accept mutual TLS only", *proof)


def modes_of(mesh: Mesh, pods: Iterable[Pod]) -> dict[Place, Decision]:
    """What each workload accepts, and each of its ports for which a policy says something else."""
    found: dict[Place, Decision] = {}
    for owner, several in by_owner(mesh, pods).items():
        pod = several[0]
        whole = found[owner.name, None] = server_mode(mesh, pod)
        ports = {p.container_port for c in pod.app_containers for p in c.ports}
        ports |= {t for s in services_of(mesh, pod) for p in s.spec.ports if isinstance(t := p.target, int)}
        for port in sorted(ports):
            decided = server_mode(mesh, pod, port)
            if decided.mode != whole.mode:
                found[owner.name, port] = decided
    return found


def _places(places: list[Place]) -> str:
    return ", ".join(f"{name}:{port}" if port else name for name, port in sorted(places, key=str))


def _policy(mesh: Mesh, policy: PeerAuthentication) -> Evidence:
    days = f", {(mesh.now - policy.created).days} d old" if policy.created else ""
    mode = policy.spec.mtls.mode if policy.spec.mtls else "UNSET"
    return quote(policy, "spec.mtls.mode", mode, f"{policy.subject} decides{days}")


@check(
    "13",
    "Plain-text callers are known",
    weight="blocking",
    problems=("MTL-006",),
    do="Enrol these callers or give them a port that stays PERMISSIVE, and look for 7 days before STRICT.",
)
def plain_text_callers(scope: Scope) -> Iterator[Outcome]:
    """Nobody sends plain text: over 7 days as Prometheus has it, or at least in what the access logs of its proxies hold."""
    if not scope.sidecars:
        yield skips("no pod of it has a sidecar")
        return
    if all(d.mode == "STRICT" for d in modes_of(scope.mesh, scope.sidecars).values()):
        yield skips("STRICT already: plain text is refused")
        return
    seen = callers_in_logs(scope.mesh, scope.name)
    if seen:
        line = next(iter(seen.values()))
        command = f"kubectl -n {scope.name} logs {line.pod.name} -c istio-proxy --since=60s"
        words = f"{line.entry.downstream_remote} -> {line.entry.downstream_local}, no server name (SNI)"
        says = f"plain text came from {', '.join(sorted(seen))} within {line.window_s:.0f} s"
        yield breaks(says, Evidence(f"{line.pod.name} was called in plain text", f"access log of {line.pod.name}", words, command))
    yield from _measured(scope)


def _measured(scope: Scope) -> Iterator[Outcome]:
    prometheus = scope.mesh.prometheus
    if prometheus is None or not prometheus.has(MEASURED):
        yield unknown("who called within 7 days is not known: no Prometheus told istio_requests_total")
        return
    if not any(s.labels.get("destination_workload_namespace") == scope.name for s in prometheus.answer(MEASURED)):
        yield unknown(f"who called within 7 days is not known: {prometheus.service} has no istio_requests_total of it")
        return
    mine = [s for s in prometheus.answer(PLAIN_TEXT) if s.labels.get("destination_workload_namespace") == scope.name]
    if not mine:
        yield holds("no request in plain text within 7 days", Evidence("istio_requests_total", str(prometheus.service), "0 in 7 d"))
    for sample in mine[:5]:
        caller = f"{sample.labels.get('source_workload_namespace', '?')}/{sample.labels.get('source_workload', '?')}"
        words = f"{sample.value:.0f} requests in 7 d to {sample.labels.get('destination_workload', '?')}"
        yield breaks(f"{caller} sends plain text: {words}", Evidence("istio_requests_total", str(prometheus.service), words))


def callers_in_logs(mesh: Mesh, namespace: str) -> dict[str, Line]:
    """Who called the proxies of a namespace without TLS, as their access logs show; nobody where logs do not tell the SNI."""
    if not any(line.entry.sni for line in lines(mesh)):
        return {}
    found: dict[str, Line] = {}
    for line in lines(mesh):
        address = line.entry.downstream_remote.rpartition(":")[0]
        if (
            line.pod.namespace != namespace
            or not line.entry.inbound
            or line.is_outbound
            or line.entry.sni
            or not _is_remote(address)
        ):
            continue
        client = mesh.pods_by_ip.get(address)
        found[str(mesh.owner(client)) if client else address] = line
    return found


def _is_remote(address: str) -> bool:
    try:
        return not ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False


@check(
    "14",
    "No DestinationRule fights mTLS",
    weight="blocking",
    problems=FIGHTS[:2],
    codes=FIGHTS[2:],
    do="Remove trafficPolicy.tls from the DestinationRule: automatic mTLS chooses what the server takes.",
)
def nothing_fights(scope: Scope) -> Iterator[Outcome]:
    """No rule, of whatever namespace, sends its Services something else than they accept."""
    services = scope.mesh[Service].within(scope.name)
    rules = scope.mesh[DestinationRule].within(scope.name)
    found = scope.found.about([s.subject for s in services], FIGHTS)
    yield from (of_finding(f) for f in found if f.subject.namespace != scope.name)
    yield holds(f"{counted(len(rules), 'DestinationRule')} here and {counted(len(services), 'Service')}: none disagree about TLS")
