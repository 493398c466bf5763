"""Gateways and grants of the Gateway API as they are written: what two of them claim, and what does not exist."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.model.base import Condition, KubernetesObject
from meshdoctor.model.cluster import Namespace
from meshdoctor.model.gatewayapi import Gateway, ReferenceGrant
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.subject import Subject
from probes.registry import Draft, fail, probe, quote

WANTED = ("Accepted", "Programmed", "Ready", "Scheduled")
UNWANTED = ("Conflicted", "Detached")
NO_CERTIFICATE = ("InvalidCertificateRef", "RefNotPermitted")
HARMLESS = ("Pending", "ListenersNotValid", "ListenerSetsNotValid")


@probe("MD5200", needs=(Gateway,), title="Several Gateways listen alike", severity="info", codes=("KIA1501",))
def gateways_listen_alike(mesh: Mesh) -> Iterator[Draft]:
    """Another Gateway has a listener of the same hostname, port and protocol: clients may reach either."""
    claims: dict[tuple[str, int, str], list[tuple[Gateway, int]]] = {}
    for gateway in mesh[Gateway]:
        for i, each in enumerate(gateway.spec.listeners):
            if each.hostname:
                claims.setdefault((each.hostname, each.port, each.protocol), []).append((gateway, i))
    for (host, port, _), found in claims.items():
        for gateway, i in found:
            other = next((g for g, _ in found if g.name != gateway.name), None)
            if other is not None:
                at = f"spec.listeners[{i}].hostname"
                yield fail(gateway, f"{other.subject} listens for {host} on port {port} too", at=at, also=(other,))


@probe("MD5201", needs=(Gateway,), title="Several Gateways want one address", severity="medium", codes=("KIA1502",))
def gateways_want_one_address(mesh: Mesh) -> Iterator[Draft]:
    """Another Gateway asks for the same address: one of them does not get it."""
    claims: dict[tuple[str, str], list[Gateway]] = {}
    for gateway in mesh[Gateway]:
        for each in gateway.spec.addresses:
            claims.setdefault((each.type, each.value), []).append(gateway)
    for (_, value), found in claims.items():
        for gateway in found:
            other = next((g for g in found if g.subject != gateway.subject), None)
            if other is not None:
                yield fail(gateway, f"{other.subject} asks for {value} too", at="spec.addresses.value", also=(other,))


@probe("MD5202", over=Gateway, needs=(Gateway,), title="Listeners are not told apart", severity="high", codes=("KIA1503",))
def listeners_not_told_apart(_mesh: Mesh, gateway: Gateway) -> Iterator[Draft]:
    """Two listeners of a Gateway have the same hostname, port and protocol: the Gateway is refused or one is ignored."""
    claims: dict[tuple[str, int, str], list[int]] = {}
    for i, each in enumerate(gateway.spec.listeners):
        claims.setdefault((each.hostname, each.port, each.protocol), []).append(i)
    for (_, port, protocol), found in claims.items():
        for i in found if len(found) > 1 else ():
            others = ", ".join(gateway.spec.listeners[j].name for j in found if j != i)
            yield fail(
                gateway,
                f"listener {others} has the same hostname, port {port} and protocol {protocol}",
                at=f"spec.listeners[{i}].name",
            )


@probe("MD5203", needs=(ReferenceGrant, Namespace), title="Grant is for no namespace", severity="low", codes=("KIA1601",))
def grant_for_no_namespace(mesh: Mesh) -> Iterator[Draft]:
    """A ReferenceGrant lets in objects of a namespace that does not exist."""
    for grant in mesh[ReferenceGrant]:
        for i, each in enumerate(grant.spec.from_):
            if mesh[Namespace].get("", each.namespace) is None:
                at = f"spec.from[{i}].namespace"
                yield fail(grant, f"there is no namespace {each.namespace}", at=at, lacking=(Namespace,))


@probe("MD5204", over=Gateway, needs=(Gateway,), title="Controller complains of a Gateway", severity="info", codes=("GWAPI",))
def controller_complains(_mesh: Mesh, gateway: Gateway) -> Iterator[Draft]:
    """A condition of a Gateway or a listener says that its controller did not take it as it is."""
    yield from _complaints(gateway, gateway.status.conditions, "reason", "status.conditions")
    for each in gateway.status.listeners:
        yield from _complaints(gateway, each.conditions, "type", "status.conditions")


def _complaints(thing: KubernetesObject, conditions: tuple[Condition, ...], word: str, place: str) -> Iterator[Draft]:
    for i, each in enumerate(conditions):
        pending = each.reason == "AddressNotAssigned" and "address pending" in each.message
        if each.reason in HARMLESS or pending:
            continue
        wanted = ("Accepted", "Programmed", "Ready", "ResolvedRefs") if word == "type" else WANTED
        bad = (each.type in wanted and each.status == "False") or (
            word == "type" and each.type in UNWANTED and each.status == "True"
        )
        if bad:
            says = f"{each.type} is {each.status}: {each.message or each.reason}"
            shown = (quote(thing, f"{place}[{i}]", f"{each.type} {each.status} {each.reason}"),)
            yield fail(thing, says, at=f"{place}[{i}].{word}.{each.reason}", evidence=shown)


@probe("GA-006", over=Gateway, needs=(Gateway,))
def certificate_reference_invalid(_mesh: Mesh, gateway: Gateway) -> Iterator[Draft]:
    """A listener's certificate is not there, cannot be used, or may not be referred to from its namespace."""
    for i, listener in enumerate(gateway.status.listeners):
        for condition in listener.conditions:
            if (condition.type, condition.status) != ("ResolvedRefs", "False") or condition.reason not in NO_CERTIFICATE:
                continue
            spec = next((s for s in gateway.spec.listeners if s.name == listener.name), None)
            names = ", ".join(r.name for r in spec.tls.certificate_refs) if spec and spec.tls else "its certificate"
            at = f"status.listeners[{i}].conditions"
            says = f"listener {listener.name} has no certificate: {condition.message or condition.reason}"
            refs = spec.tls.certificate_refs if spec and spec.tls else ()
            secrets = [Subject(kind="Secret", namespace=r.namespace or gateway.namespace, name=r.name) for r in refs]
            evidence = (quote(gateway, at, f"ResolvedRefs False {condition.reason}: {names}"),)
            yield fail(gateway, says, at=at, evidence=evidence, also=secrets, codes=(), since=condition.last_transition_time)
