"""Configuration on its way from istiod to the proxies: refused, stale, or never sent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from meshdoctor.istio.controlplane import control_planes, is_istiod, planes_seen
from meshdoctor.istio.nack import culprit
from meshdoctor.istio.workloads import by_owner, injected_pods, services_of
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import Secret, Service
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.envoyfilters import EnvoyFilter
from meshdoctor.model.findings import PROOF, STRONG, Evidence, Harm
from meshdoctor.model.istiod import Istiod, ProxySync
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import Gateway
from meshdoctor.model.security import RequestAuthentication
from meshdoctor.model.sources import Source, SourceState, Unseen
from meshdoctor.model.subject import Subject
from meshdoctor.model.text import counted
from meshdoctor.model.workloads import Deployment, Pod
from probes.registry import Draft, fail, get, probe, quote

STALE_AFTER = timedelta(seconds=30)
CONNECTED_WITHIN = timedelta(seconds=60)


def connected(mesh: Mesh) -> list[ProxySync]:
    """Every proxy that some replica of istiod knows; what only some replicas told is no ground for absence."""
    return [s for i in mesh.istiods if i.has("syncz") for s in i.syncz]


def all_told(mesh: Mesh) -> list[ProxySync]:
    """As `connected`, but raises Unseen where a replica did not tell, or none could be asked."""
    if not mesh.istiods:
        planes = planes_seen(mesh)
        if planes and not any(p.status.phase == "Running" for plane in planes for p in plane.pods):
            return []  # nobody is there to be connected to
        reason = "no istiod was asked yet" if planes else "no istiod runs in this cluster"
        raise Unseen(Source(name="/debug/syncz", state=SourceState.SKIPPED, reason=reason))
    return [s for i in mesh.istiods for s in i.syncz]


def those_asked(mesh: Mesh, part: str) -> tuple[Istiod, ...]:
    """The replicas of istiod that told a part; raises Unseen where none could be asked, or none told it."""
    told = tuple(i for i in mesh.istiods if i.has(part))
    if not told:
        all_told(mesh)
        for istiod in mesh.istiods[:1]:
            istiod.part(part)
    return told


def sync_command(proxy: ProxySync | Pod) -> str:
    """How to see a proxy's sync state by hand."""
    return f"istioctl proxy-status {proxy.name}.{proxy.namespace}"


@probe("XDS-001", needs=(Istiod, Pod, Deployment, EnvoyFilter, RequestAuthentication, Gateway, Secret, Envoy))
def configuration_refused(mesh: Mesh) -> Iterator[Draft]:
    """A proxy refuses what istiod sends and goes on with its last good configuration."""
    told: dict[Subject, list[tuple[Pod, str, str]]] = {}
    things: dict[Subject, KubernetesObject | None] = {}
    for pod, kind, error, when in refusals(mesh):
        thing = culprit(mesh, pod, kind, error, when)
        subject = thing.subject if thing else mesh.owner(pod)
        told.setdefault(subject, []).append((pod, kind, error))
        things[subject] = thing
    if not told:
        all_told(mesh)
    for subject, refused in told.items():
        pod, kind, error = refused[0]
        says = f"{kind} is refused by {counted(len({p.name for p, _, _ in refused}), 'proxy', 'proxies')}: {error}"
        command = f"istioctl proxy-status {pod.name}.{pod.namespace}"
        evidence = [
            Evidence(f"{pod.name} answered NACK to {kind}", "istiod /debug/syncz", error, command),
            *_written(things[subject]),
        ]
        owners = by_owner(mesh, [p for p, _, _ in refused])
        harm = Harm(tuple(f"{o.namespace}/{o.name}" for o in owners))
        also: list[Subject | Pod] = [*owners, *(p for p, _, _ in refused)]
        thing = things[subject]
        certain, since = (PROOF, thing.changed) if thing else (STRONG, None)
        yield fail(subject, says, evidence=evidence, confidence=certain, harm=harm, also=also, since=since)


def _written(thing: KubernetesObject | None) -> Iterator[Evidence]:
    """The object that the refused text leads to, and who wrote it last."""
    if thing is not None:
        who = f"last written by {thing.editor}" if thing.editor else "nobody is recorded as its editor"
        when = f" at {thing.changed:%Y-%m-%d %H:%M:%S} UTC" if thing.changed else ""
        command = f"{get(thing)} --show-managed-fields"
        yield Evidence("the object that the refused text leads to", str(thing.subject), f"{who}{when}", command)


def refusals(mesh: Mesh) -> Iterator[tuple[Pod, str, str, datetime | None]]:
    """(pod, xDS type, error, when) of every refusal that istiod holds, or that Envoy keeps for its listeners."""
    seen = set()
    for proxy in connected(mesh):
        pod = mesh[Pod].get(proxy.namespace, proxy.name)
        for kind, sync in proxy.types.items():
            if sync.error and pod is not None:
                seen.add((pod.name, kind))
                yield pod, kind, sync.error, sync.sent_at
    for envoy in mesh.envoys:
        pod = mesh[Pod].get(envoy.namespace, envoy.name)
        if pod is not None and envoy.has("rejected") and (pod.name, "LDS") not in seen:
            for error in list(envoy.rejected_listeners.values())[:1]:
                yield pod, "LDS", error, None


@probe("XDS-002", needs=(Istiod, Pod, Deployment))
def proxy_stale(mesh: Mesh) -> Iterator[Draft]:
    """A proxy has not acknowledged what istiod sent more than half a minute ago."""
    all_told(mesh)
    for proxy in connected(mesh):
        pod = mesh[Pod].get(proxy.namespace, proxy.name)
        late = [(k, s) for k, s in proxy.types.items() if s.state == "STALE" and s.sent_at and mesh.now - s.sent_at > STALE_AFTER]
        if not late or pod is None or pod.is_terminating:
            continue
        kind, sync = late[0]
        seconds = (mesh.now - sync.sent_at).total_seconds() if sync.sent_at else 0
        says = f"{proxy.name} has not acknowledged {', '.join(k for k, _ in late)} for {seconds:.0f} s"
        words = f"{kind} sent {sync.sent} acked {sync.acked or 'never'}"
        evidence = [Evidence(says, f"/debug/syncz of {proxy.istiod}", words, sync_command(proxy))]
        yield fail(mesh.owner(pod), says, at=proxy.name, evidence=evidence, also=[pod], since=sync.sent_at)


@probe("XDS-003", needs=(Pod, Istiod, Deployment, Service, Envoy))
def connected_to_no_istiod(mesh: Mesh) -> Iterator[Draft]:
    """A proxy that runs for a minute is known to no replica of istiod: its configuration and certificate stand still."""
    known = {(s.namespace, s.name) for s in all_told(mesh)}
    if _reconnecting(mesh):
        return
    unknown = [p for p in injected_pods(mesh) if (p.metadata.namespace, p.metadata.name) not in known]
    lost = [p for p in unknown if _runs_long_enough(p, mesh.now) or _leads_nowhere(mesh, p)]
    for owner, pods in by_owner(mesh, lost).items():
        pod = pods[0]
        why, proof = _why_disconnected(mesh, pod)
        says = f"{len(pods)} of its proxies {'is' if len(pods) == 1 else 'are'} connected to no istiod{': ' + why if why else ''}"
        command = "istioctl proxy-status"
        evidence = [Evidence(f"{pod.name} is in no replica's list", "/debug/syncz of every istiod", "", command), *proof]
        harm = Harm((f"{owner.namespace}/{owner.name}",))
        also = [*pods, *services_of(mesh, pod)]
        yield fail(owner, says, why=why, evidence=evidence, harm=harm, also=also, since=pod.created)


def _reconnecting(mesh: Mesh) -> bool:
    """Whether a replica came or went within the last minute: its proxies are on their way to another one."""
    moments: list[datetime | None] = []
    for plane in control_planes(mesh):
        if any(p.is_terminating for p in mesh[Pod].within(plane.namespace) if is_istiod(p.labels)):
            return True
        moments.append(plane.deployment.changed if plane.deployment else None)
        states = [s.state.running for p in plane.pods for s in p.status.container_statuses]
        moments += [r.started_at for r in states if r is not None]
    return any(m is not None and mesh.now - m < CONNECTED_WITHIN for m in moments)


def _runs_long_enough(pod: Pod, now: datetime) -> bool:
    status = pod.proxy_status
    running = status.state.running if status else None
    if running is None or running.started_at is None or status is None:
        return False
    began = pod.status.start_time if status.restart_count and pod.status.start_time else running.started_at
    return now - began > CONNECTED_WITHIN


_DISCOVERY = re.compile(r"discoveryAddress:\s*[\"']?([^\s\"',}]+)")


def _leads_nowhere(mesh: Mesh, pod: Pod) -> str:
    """The pod's own discoveryAddress where it is that of a Service which does not exist; else empty."""
    config = pod.annotations.get("proxy.istio.io/config")
    if not config:
        return ""
    address = _DISCOVERY.search(config)
    name, namespace, *rest = [*(address[1].rpartition(":")[0] or address[1]).split("."), ""] if address else ["", ""]
    inside = bool(rest) and rest[0] in ("svc", "")
    return address[1] if address and inside and mesh[Service].get(namespace, name) is None else ""


def _why_disconnected(mesh: Mesh, pod: Pod) -> tuple[str, list[Evidence]]:
    """What its own settings and its log say about why."""
    if address := _leads_nowhere(mesh, pod):
        says = f"its discoveryAddress {address} names no Service"
        return says, [quote(pod, "metadata.annotations[proxy.istio.io/config]", address, says)]
    envoy = mesh.envoy(pod)
    for _, line in reversed(envoy.logs.lines if envoy and envoy.has("logs") else ()):
        for pattern, says in REASONS:
            if pattern.search(line):
                command = f"kubectl -n {pod.namespace} logs {pod.name} -c istio-proxy --tail=100"
                return says, [Evidence(says, f"istio-proxy log of {pod.name}", line, command)]
    silent = next((s for s in envoy.missing.values() if s.reason and "timed out" in s.reason), None) if envoy else None
    if silent is not None:
        says = "its Envoy runs and does not answer on its admin port: it hangs"
        command = f"kubectl -n {pod.namespace} exec {pod.name} -c istio-proxy -- pilot-agent request GET ready"
        return says, [Evidence(says, silent.name, silent.reason or "", command)]
    return "", []


REASONS = (
    (re.compile(r"no such host|server misbehaving"), "its name for istiod does not resolve"),
    (re.compile(r"i/o timeout|context deadline exceeded"), "its connection to istiod times out"),
    (re.compile(r"connection refused|no route to host"), "nobody listens at its address for istiod"),
    (re.compile(r"[Uu]nauthenticated|authentication failure"), "istiod refuses its token or certificate"),
    (re.compile(r"certificate signed by unknown authority|x509"), "it does not trust istiod's certificate"),
)

_REFUSED = re.compile(r"Failed to authenticate client from (?P<peer>\S+?):\d+[:;]? ?(?P<why>.*)")
_NOISE = re.compile(r"no verified chain is found\W*$")
_REFUSALS = (
    (
        re.compile(r"token audiences \[(?P<has>[^\]]*)\] is invalid for the target audiences \[(?P<wants>[^\]]*)\]"),
        "its token is made for the audience {has}, istiod wants {wants}",
    ),
    (
        re.compile(r"token (?:has expired|is expired)|expired token"),
        "its service account token has expired: its node's clock is wrong, or the kubelet does not renew it",
    ),
    (re.compile(r"not yet valid"), "its service account token is not valid yet: clocks differ"),
    (
        re.compile(r'claims to be in cluster "(?P<has>[^"]*)"|could not get cluster (?P<older>\S+)\'s'),
        "it says that it is of the cluster {has}{older}, which istiod does not know",
    ),
    (
        re.compile(r"token is not authenticated|invalid bearer token"),
        "the API server does not accept its service account token: signing key, issuer or --api-audiences differ",
    ),
)


@probe("XDS-006", needs=(Istiod, Pod, Deployment))
def istiod_refuses_the_proxy(mesh: Mesh) -> Iterator[Draft]:
    """istiod refuses the token or certificate of a proxy that is not ready or not connected now."""
    if not mesh.istiods:
        all_told(mesh)
    known = {(s.namespace, s.name) for s in connected(mesh)}
    told = set()
    for istiod in mesh.istiods:
        for when, line in istiod.log:
            match = _REFUSED.search(line)
            pod = mesh.pods_by_ip.get(match["peer"].strip("[]")) if match else None
            if match is None or pod is None or _NOISE.search(line) or pod.name in told:
                continue
            if pod.is_ready and (pod.namespace, pod.name) in known:
                continue
            told.add(pod.name)
            command = f"kubectl -n {istiod.namespace} logs {istiod.name} -c discovery --since=5m | grep authenticate"
            evidence = [Evidence("istiod refused it", f"log of {istiod.name}", line, command)]
            yield fail(
                mesh.owner(pod), f"istiod refuses {pod.name}: {_refusal(match['why'])}", evidence=evidence, also=[pod], since=when
            )


def _refusal(why: str) -> str:
    """What istiod's authenticators say, in words; as they say it where none are known."""
    for pattern, words in _REFUSALS:
        match = pattern.search(why)
        if match is not None:
            return words.format(**{k: v.replace('"', "") for k, v in match.groupdict("").items()})
    return why
