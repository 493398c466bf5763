"""Who may call a Service: each identity of the mesh, and those who show none, on each of its ports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from meshdoctor.istio.authorization.decide import Decision, Verdict, decide
from meshdoctor.istio.authorization.logged import target_port
from meshdoctor.istio.authorization.request import Request, forwarded_for
from meshdoctor.istio.authorization.showing import shown
from meshdoctor.istio.mtls import server_mode
from meshdoctor.istio.protocols import HTTP, declared
from meshdoctor.istio.workloads import by_owner, is_gateway, is_live, pods_of
from meshdoctor.model.cluster import Service, ServicePort
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Pod

PODS_ASKED = 3  # of one workload: its pods differ in their addresses only


class Entrance(msgspec.Struct, frozen=True):
    """One port of a Service, at one workload that answers there. `protocol` is `http`, `tcp` or `auto` (detected)."""

    service: Service
    port: ServicePort
    server: Subject
    pod: Pod
    target: int
    protocol: str

    @property
    def shown(self) -> str:
        to = "" if self.target == self.port.port else f"→{self.target}"
        return f"{self.port.port}{to}/{self.protocol}"


class Row(msgspec.Struct, frozen=True):
    """What one identity may do on one port: `principal` is empty for callers that show none, None where that is not known."""

    principal: str | None
    callers: tuple[Subject, ...]
    entrance: Entrance
    decision: Decision
    by: Subject | None = None  # the object that decides


def entrances(mesh: Mesh, service: Service, port: int | None = None) -> tuple[Entrance, ...]:
    """The ports of a Service at each workload behind it; of one number (the Service's or the pods' own) where that is given."""
    found = []
    for owner, pods in by_owner(mesh, pods_of(mesh, service)).items():
        pod = next((p for p in pods if p.is_ready), pods[0])
        for each in service.spec.ports:
            target, name = target_port(pod, each.target), declared(each)
            protocol = "http" if name in HTTP else "tcp" if name else "auto"
            if each.protocol == "TCP" and port in (None, each.port, target):
                found.append(Entrance(service, each, owner, pod, target, protocol))
    return tuple(found)


def who_can(mesh: Mesh, entrance: Entrance, asked: Request, callers: Iterable[Pod]) -> Iterator[Row]:
    """A row for each identity among the callers, those that show none last."""
    groups: dict[str | None, list[Pod]] = {}
    for pods in by_owner(mesh, callers).values():
        principal = shown(mesh, pods[0], entrance.pod, entrance.service, entrance.port.port)
        groups.setdefault(principal, []).extend(pods)
    for principal in sorted(groups, key=lambda p: (p is None, p == "", p or "")):
        yield _row(mesh, entrance, asked, principal, groups[principal])


def _row(mesh: Mesh, entrance: Entrance, asked: Request, principal: str | None, pods: list[Pod]) -> Row:
    owners = tuple(sorted(by_owner(mesh, pods)))
    mode = server_mode(mesh, entrance.pod, entrance.target)
    if principal == "" and mode.mode == "STRICT" and not is_gateway(entrance.pod):  # gateways take what their servers say
        why = f"{mode.policy.subject if mode.policy else 'the default'} takes mutual TLS only"
        return Row(
            principal, owners, entrance, Decision(verdict=Verdict.DENIED, why=why), mode.policy.subject if mode.policy else None
        )
    addresses = list(dict.fromkeys(p.status.pod_ip for p in pods))
    known: list[str | None] = [None] if len(addresses) > PODS_ASKED else [a or None for a in addresses]
    found = [decide(mesh, entrance.pod, _request(asked, entrance, principal, a), entrance.service) for a in known]
    decision = found[0] if len({d.verdict for d in found}) == 1 else _differing(found)
    return Row(principal, owners, entrance, decision, decision.policy.subject if decision.policy else None)


def _differing(found: list[Decision]) -> Decision:
    worst = next(d for d in found if d.verdict is not Verdict.ALLOWED)
    return msgspec.structs.replace(worst, verdict=Verdict.DEPENDS, why=f"its pods differ by their address; of one: {worst.why}")


def _request(asked: Request, entrance: Entrance, principal: str | None, address: str | None) -> Request:
    """The request as it comes from an address, with what is asked for."""
    is_http = asked.is_http and entrance.protocol != "tcp"
    return msgspec.structs.replace(
        asked,
        principal=principal,
        source_ip=address,
        remote_ip=(forwarded_for(asked.headers) if is_http else "") or address,
        destination_ip=entrance.pod.status.pod_ip or None,
        port=entrance.target,
        is_http=is_http,
        sni="" if principal == "" else None,
    )


def pods_calling(mesh: Mesh, namespace: str | None, name: str | None = None) -> tuple[Pod, ...]:
    """The live pods that may call: all, or those of a namespace, or of one workload, pod or app there."""
    found = []
    for pod in mesh[Pod]:
        if not is_live(pod) or pod.spec.host_network or namespace not in (None, pod.namespace):
            continue
        owner = mesh.owner(pod)
        if name is None or name in (pod.name, owner.name, pod.labels.get("app"), pod.labels.get("app.kubernetes.io/name")):
            found.append(pod)
    return tuple(found)
