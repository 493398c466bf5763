"""Whether istiod keeps up: at its limits, late, unevenly loaded, kept busy by somebody, failing inside."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from meshdoctor.istio.asking import asked, shown
from meshdoctor.istio.controlplane import planes_seen
from meshdoctor.istio.scaling import autoscalers_of, is_at_its_limit, throttled
from meshdoctor.model.findings import Evidence
from meshdoctor.model.istiod import Istiod
from meshdoctor.model.kinds import ISTIO_GROUPS, LISTED
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import NetworkingObject
from meshdoctor.model.prometheus import Prometheus
from meshdoctor.model.security import SecurityObject
from meshdoctor.model.workloads import Deployment, HorizontalPodAutoscaler, Pod
from probes.registry import Draft, fail, probe, quote
from probes.xds import all_told

UNEVEN, MANY = 3, 50  # times as many proxies at one replica as at another, of so many proxies in all
JUST_NOW = timedelta(seconds=60)
BUSY = timedelta(seconds=20)  # between two writes of an object, on the average of its life
WRITES = 30
CONFIGURED = tuple(k for k in LISTED if issubclass(k, NetworkingObject | SecurityObject) and k.GROUP in ISTIO_GROUPS)


@probe("CP-004", needs=(Deployment, Pod, HorizontalPodAutoscaler, Prometheus))
def istiod_at_its_limit(mesh: Mesh) -> Iterator[Draft]:
    """The autoscaler of istiod would make more replicas and may not, or istiod is held back at its CPU limit."""
    for plane in planes_seen(mesh):
        if plane.deployment is None:
            continue
        for autoscaler in autoscalers_of(mesh, plane.deployment.subject):
            if is_at_its_limit(autoscaler):
                at = "spec.maxReplicas"
                says = f"{plane.name} has all {autoscaler.spec.max_replicas} replicas that it may have, and needs more"
                evidence = quote(autoscaler, at, autoscaler.spec.max_replicas)
                yield fail(autoscaler, says, at=at, evidence=(evidence,), also=(plane.deployment,))
        held = [(p, share) for p, share in throttled(mesh, "discovery") if p in plane.pods]
        if held:
            pod, share = held[0]
            says = f"{pod.name} is held back at its CPU limit in {share:.0%} of the periods"
            evidence = shown(mesh, "throttled", f"{pod.name} {share:.2f}")
            yield fail(plane.deployment, says, at="spec.template.spec.containers", evidence=(evidence,), also=(pod,))


@probe("CP-005", needs=(Prometheus, Deployment, Pod))
def pushes_late(mesh: Mesh) -> Iterator[Draft]:
    """More than one in twenty changes takes longer than 30 seconds to reach the proxies."""
    late = [s.value for s in asked(mesh, "late_pushes") if s.value > 0.05]
    for plane in planes_seen(mesh) if late else ():
        if plane.deployment is not None:
            says = f"{late[0]:.0%} of the pushes of the last ten minutes took longer than 30 s"
            yield fail(plane.deployment, says, evidence=(shown(mesh, "late_pushes", f"{late[0]:.3f}"),))


@probe("CP-006", needs=(Istiod, Deployment, Pod))
def replicas_uneven(mesh: Mesh) -> Iterator[Draft]:
    """One replica of istiod serves more than three times as many proxies as another."""
    counts: dict[str, int] = {i.name: 0 for i in mesh.istiods if i.has("syncz")}
    for proxy in all_told(mesh):
        counts[proxy.istiod] = counts.get(proxy.istiod, 0) + 1
    for plane in planes_seen(mesh):
        those = {p.name: counts[p.name] for p in plane.pods if p.is_ready and p.name in counts}
        most, least = max(those.values(), default=0), min(those.values(), default=0)
        if plane.deployment is not None and sum(those.values()) > MANY and most > UNEVEN * max(1, least):
            words = ", ".join(f"{name} {count}" for name, count in sorted(those.items(), key=lambda x: -x[1]))
            says = f"one replica serves {most} proxies, another {least}"
            evidence = Evidence(says, "/debug/syncz of every istiod", words, "istioctl proxy-status")
            yield fail(plane.deployment, says, evidence=(evidence,))


@probe("CP-007", needs=(Prometheus, *CONFIGURED))
def objects_rewritten(mesh: Mesh) -> Iterator[Draft]:
    """Somebody writes an Istio object over and over: every write is pushed to the proxies."""
    rates = {s.labels.get("type", ""): s.value for s in asked(mesh, "config_events")} if mesh.prometheus else {}
    for kind in CONFIGURED:
        fresh = [o for o in mesh[kind] if o.changed and mesh.now - o.changed < JUST_NOW]
        busy = [o for o in fresh if _is_busy(mesh, o)]
        often = rates.get(kind.KIND, 0.0)
        if often > 1 and fresh and not busy:
            busy = [max(fresh, key=lambda o: o.metadata.generation)]
        for thing in busy:
            who = " and ".join(dict.fromkeys(m.manager for m in thing.metadata.managed_fields if m.manager)) or "somebody"
            rate = f", {often:.1f} events of {kind.KIND} a second" if often else ""
            says = f"it was written {thing.metadata.generation} times, the last time just now, by {who}{rate}"
            evidence = [quote(thing, "metadata.generation", thing.metadata.generation)]
            yield fail(thing, says, at="metadata.generation", evidence=evidence)


def _is_busy(mesh: Mesh, thing: NetworkingObject | SecurityObject) -> bool:
    """Whether it was written every few seconds since it was made."""
    writes = thing.metadata.generation
    return writes >= WRITES and thing.created is not None and mesh.now - thing.created < writes * BUSY


@probe("CP-009", needs=(Prometheus, Deployment, Pod))
def pushes_fail(mesh: Mesh) -> Iterator[Draft]:
    """istiod fails to make or to send configuration: internal errors, or proxies that do not take it in time."""
    failed = [s for s in asked(mesh, "push_errors") if s.value > 0]
    for plane in planes_seen(mesh) if failed else ():
        if plane.deployment is not None:
            words = ", ".join(f"{s.labels.get('what', 'errors')} {s.value:.0f}" for s in failed)
            says = f"pushes failed in the last two minutes: {words}"
            yield fail(plane.deployment, says, evidence=(shown(mesh, "push_errors", words),))


@probe("WH-003", needs=(Prometheus, Deployment, Pod))
def objects_refused(mesh: Mesh) -> Iterator[Draft]:
    """Somebody tries to apply objects that the validation webhook refuses."""
    refused = [s for s in asked(mesh, "refused_objects") if s.value > 0 and not _tests_itself(mesh, s.labels)]
    for plane in planes_seen(mesh) if refused else ():
        if plane.deployment is not None:
            kinds = ", ".join(sorted({s.labels.get("resource", "") for s in refused}))
            says = f"{kinds or 'objects'} were refused by validation in the last two minutes"
            reasons = ", ".join(sorted({s.labels.get("reason", "") for s in refused}))
            yield fail(plane.deployment, says, why=reasons, evidence=(shown(mesh, "refused_objects", f"{kinds} {reasons}"),))


def _tests_itself(mesh: Mesh, labels: dict[str, str]) -> bool:
    """Whether it is the Gateway that a new replica has refused, to see whether its webhook works."""
    young = timedelta(minutes=3)
    pods = [p for plane in planes_seen(mesh) for p in plane.pods]
    return labels.get("resource") == "gateways" and any(p.created and mesh.now - p.created < young for p in pods)
