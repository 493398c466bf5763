"""Whether mutual TLS and policies are as strict as before, and enforced."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from meshdoctor.gate.compared import lost
from meshdoctor.gate.looked import Looked
from meshdoctor.gate.parts import modes, policies
from meshdoctor.gate.registry import question
from meshdoctor.istio.authorization.scope import policies_for
from meshdoctor.istio.workloads import injected_pods, is_gateway
from meshdoctor.model.findings import Evidence, Status
from meshdoctor.model.istiod import ProxySync
from meshdoctor.model.security import AuthorizationPolicy
from meshdoctor.model.text import counted
from meshdoctor.model.workloads import Pod
from meshdoctor.onboarding.checks.mutual_tls import callers_in_logs
from meshdoctor.onboarding.outcome import Outcome, holds, skips, unknown

STRENGTH = ("DISABLE", "PERMISSIVE", "STRICT")


@question("mtls", "Mutual TLS is enforced")
def mutual_tls(looked: Looked) -> Iterator[Outcome]:
    """No workload accepts more than before, no rule finds TLS broken, and who is STRICT takes no plain text."""
    now = modes(looked.mesh, looked.counts)
    before = (looked.before.mtls if looked.before else None) or {}
    if not now and not before:
        yield skips("no workload there has a sidecar")
        return
    for place, mode in now.items():
        was = before.get(place) or before.get(place.partition(":")[0])
        if was in STRENGTH and STRENGTH.index(mode) < STRENGTH.index(was):
            yield Outcome(Status.FAIL, f"{place} accepts {mode}, and was {was} before", (Evidence(f"was {was}", place, mode),))
    for place in lost(before, now):
        if ":" not in place:
            yield Outcome(Status.FAIL, f"{place} had a sidecar before and has none any more")
    yield from looked.faults(("MTL-",))
    open_ones = {place.partition("/")[0] for place, mode in now.items() if mode != "STRICT"}
    strict = {place.partition("/")[0] for place in now} - open_ones
    for namespace in sorted(strict):
        for caller, line in callers_in_logs(looked.mesh, namespace).items():
            if 0 < line.entry.code < 400:
                says = f"{line.pod.name} answered {caller} in plain text in spite of STRICT"
                yield Outcome(Status.FAIL, says, (Evidence(says, f"access log of {line.pod.name}", f"{line.entry.code}, no SNI"),))
    counts = ", ".join(f"{sum(m == mode for m in now.values())} {mode}" for mode in reversed(STRENGTH) if mode in now.values())
    yield holds(counts)


@question("policy", "Policies are enforced")
def policy(looked: Looked) -> Iterator[Outcome]:
    """No AuthorizationPolicy is gone or weaker than before, no rule finds one wrong, and the proxies confirmed the last change."""
    now = policies(looked.mesh, looked.counts)
    before = (looked.before.policies if looked.before else None) or {}
    for name in lost(before, now):
        yield Outcome(Status.FAIL, f"AuthorizationPolicy {name} ({before[name]}) was there before and is gone")
    for name, action in now.items():
        if name in before and before[name] != action:
            yield Outcome(Status.FAIL, f"AuthorizationPolicy {name} is {action}, and was {before[name]} before")
    yield from looked.faults(("AZ-", "JWT-"))
    if not now:
        yield skips("no AuthorizationPolicy holds there")
        return
    yield from _confirmed(looked)


def _confirmed(looked: Looked) -> Iterator[Outcome]:
    """Whether each covered proxy acknowledged its listeners after the last change of a policy that covers it."""
    told = [i for i in looked.mesh.istiods if i.has("syncz")]
    known = {(s.namespace, s.name): s for i in told for s in i.syncz}
    covered = 0
    for pod in injected_pods(looked.mesh):
        if not looked.counts(pod.namespace) or is_gateway(pod):
            continue
        holding = policies_for(looked.mesh, pod)
        covered += bool(holding)
        changed = max((p.changed for p in holding if p.changed), default=None)
        sync = known.get((pod.namespace, pod.name))
        if changed is None:
            continue
        if sync is None:
            yield unknown(f"no istiod tells whether {pod.name} has the policies that cover it")
        elif why := _pending(sync, changed):
            yield Outcome(Status.FAIL, f"{pod.name} {why} the policies that cover it", (_command(pod, holding),))
    shown = f"{counted(covered, 'proxy', 'proxies')} confirmed the policies that cover them" if covered else "no proxy is covered"
    yield holds(shown)


def _pending(sync: ProxySync, changed: datetime) -> str:
    listeners = sync.types.get("LDS")
    if listeners is None or listeners.sent_at is None:
        return ""
    if listeners.error:
        return "refused"
    if listeners.state == "STALE" and listeners.sent_at >= changed:
        return "has not confirmed"
    return ""


def _command(pod: Pod, holding: tuple[AuthorizationPolicy, ...]) -> Evidence:
    names = ", ".join(str(p.subject) for p in holding[:3])
    command = f"meshdoctor proxy {pod.namespace}/{pod.name}"
    return Evidence(names, f"istiod /debug/syncz of {pod.name}", "LDS not acknowledged", command)
