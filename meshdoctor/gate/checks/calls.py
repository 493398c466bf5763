"""Whether calls arrive: in by gateways, within the mesh, out of it. Access logs of the last minute tell; none is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from meshdoctor.gate.compared import lost, wrong
from meshdoctor.gate.looked import Looked
from meshdoctor.gate.parts import calls_in_mesh, calls_out, exposed, proxies
from meshdoctor.gate.registry import question
from meshdoctor.istio.accesslog_lookup import lines
from meshdoctor.istio.workloads import gateway_pods, workload_name
from meshdoctor.model.findings import Evidence, Status
from meshdoctor.model.gate import Calls
from meshdoctor.model.text import counted
from meshdoctor.onboarding.outcome import Outcome, holds, skips, unknown

TOLERATED = 0.01  # of calls; fewer failures than this are no fault of a change
AT_GATEWAYS = ("GW-", "CRT-005", "CRT-006", "CRT-007")
BAD = ("NACK", "DISCONNECTED", "STALE")


@question("ingress", "Ingress serves the hosts")
def ingress(looked: Looked) -> Iterator[Outcome]:
    """Each exposed host has a listener and a ready gateway, no rule finds a fault there, and its calls arrive."""
    hosts = exposed(looked.mesh, looked.counts)
    before = (looked.before.hosts if looked.before else None) or {}
    if not hosts and not before:
        yield skips("no host is exposed by a VirtualService")
        return
    for host, why in hosts.items():
        if why:
            yield wrong(f"{host}: {why}", Evidence(why, host), was_so=bool(before.get(host)))
    for host in lost(before, hosts):
        yield Outcome(Status.FAIL, f"{host} was exposed before and is not any more")
    yield from looked.faults(AT_GATEWAYS)
    gateways = {workload_name(looked.mesh, p) for p in gateway_pods(looked.mesh)}
    ways = {way: c for way, c in calls_in_mesh(looked.mesh, looked.counts).items() if way.partition(" -> ")[0] in gateways}
    yield from _arrive(ways, looked.before.calls if looked.before else None)
    served = ", ".join(h for h, why in hosts.items() if not why)
    yield holds(f"served: {served or 'none'}; {_shown(ways)} through gateways in the last minute")


@question("in-mesh", "Calls within the mesh arrive")
def in_mesh(looked: Looked) -> Iterator[Outcome]:
    """The proxies are connected and in sync, and the calls in their access logs arrive."""
    states = proxies(looked.mesh, looked.counts)
    before = (looked.before.proxies if looked.before else None) or {}
    if not states and not before:
        yield skips("no proxy runs there")
        return
    for name, state in states.items():
        if state in BAD:
            shown = Evidence(state, f"proxies of {name}", state, f"meshdoctor proxies -n {name.partition('/')[0]}")
            yield wrong(f"a proxy of {name} is {state}", shown, was_so=before.get(name) in BAD)
        elif state == "UNKNOWN":
            yield unknown(f"not every istiod told the state of the proxies of {name}")
    for name in lost(before, states):
        yield Outcome(Status.FAIL, f"{name} had proxies before and has none any more")
    if not any(e.has("logs") for e in looked.mesh.envoys):
        yield unknown("no access log was read: whether calls arrive is not known")
        return
    ways = calls_in_mesh(looked.mesh, looked.counts)
    yield from _arrive(ways, looked.before.calls if looked.before else None)
    yield holds(f"{counted(len(states), 'workload')} with proxies in sync; {_shown(ways)} in the last minute")


@question("egress", "Calls out of the mesh arrive")
def egress(looked: Looked) -> Iterator[Outcome]:
    """The calls to external hosts in the access logs arrive, and no rule about egress finds a fault."""
    yield from looked.faults(("EG-",))
    if not any(e.has("logs") for e in looked.mesh.envoys):
        yield unknown("no access log was read: whether calls arrive is not known")
        return
    lines(looked.mesh)
    ways = calls_out(looked.mesh, looked.counts)
    yield from _arrive(ways, looked.before.egress if looked.before else None)
    if ways:
        yield holds(f"{_shown(ways)} out of the mesh in the last minute")
    else:
        yield skips("no call left the mesh in the last minute")


def _arrive(ways: Mapping[str, Calls], before: Mapping[str, Calls] | None) -> Iterator[Outcome]:
    """The ways on which calls fail; those that failed as much before are told apart."""
    for way, calls in ways.items():
        if _fails(calls):
            was = (before or {}).get(way)
            client = way.partition(" -> ")[0]
            namespace, _, name = client.partition("/")
            command = f"kubectl -n {namespace} logs deployment/{name} -c istio-proxy --since=60s"
            says = f"{way}: {calls.failed} of {calls.total} calls failed"
            yield wrong(says, Evidence(says, f"access log of {client}", "", command), was_so=was is not None and _fails(was))


def _fails(calls: Calls) -> bool:
    return calls.failed > calls.total * TOLERATED


def _shown(ways: Mapping[str, Calls]) -> str:
    total = sum(c.total for c in ways.values())
    return f"{counted(total, 'call')} on {counted(len(ways), 'way')}" if total else "no call"
