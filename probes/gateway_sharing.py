"""What Gateways on the same pods share: hosts of one port, and certificates."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.gateways import gateways_together
from meshdoctor.model.findings import Severity
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import Gateway, Server
from meshdoctor.model.workloads import Pod
from probes.registry import Draft, fail, probe


@probe("MD5206", needs=(Gateway, Pod), title="Gateways on the same pods share a host", severity="info", codes=("IST0145",))
def hosts_shared(mesh: Mesh) -> Iterator[Draft]:
    """Two Gateways on the same pods name the same host for one port and address."""
    for group in gateways_together(mesh):
        claims: dict[tuple[int, str, str], list[tuple[Gateway, int]]] = {}
        for gateway in group:
            for i, server in enumerate(gateway.spec.servers):
                for host in server.hosts:
                    claims.setdefault((server.port.number, server.bind, host), []).append((gateway, i))
        told: set[tuple[str, str]] = set()
        for (port, _, host), found in claims.items():
            for gateway, i in found:
                other = next((g for g, _ in found if g.subject != gateway.subject), None)
                if other is not None and gateway.subject.key not in told:
                    told.add(gateway.subject.key)
                    says = f"{other.subject} names {host} for port {port} too"
                    yield fail(gateway, says, at=f"spec.servers[{i}]", also=(other,))


@probe("GW-013", needs=(Gateway, Pod))
def certificates_shared(mesh: Mesh) -> Iterator[Draft]:
    """Two Gateways on the same pods have servers with one certificate: browsers reuse a connection, which then answers 404."""
    for group in gateways_together(mesh):
        holders: dict[str, list[Gateway]] = {}
        for gateway in group:
            for certificate in _all(gateway):
                holders.setdefault(certificate, []).append(gateway)
        for one in group:
            named = ((i, c) for i, s in enumerate(one.spec.servers) for c in _named(s))
            found = next(((i, c, other) for i, c in named for other in _others(one, holders[c])), None)
            if found:
                i, certificate, other = found
                says = f"{other.subject} has the certificate {certificate} too"
                severity: Severity | None = "info" if _is_less(one, other) else None
                yield fail(one, says, at=f"spec.servers[{i}].tls", also=(other,), severity=severity)


def _is_less(one: Gateway, other: Gateway) -> bool:
    """Whether another rule tells the more of it: their hosts are the same, or the other one came later."""
    same = {h for s in one.spec.servers for h in s.hosts} == {h for s in other.spec.servers for h in s.hosts}
    return same or (one.created is not None and other.created is not None and one.created < other.created)


def _others(one: Gateway, holders: list[Gateway]) -> Iterator[Gateway]:
    """The other Gateways on the same pods; of a wider and a narrower selector it is told of the wider one."""
    return (g for g in holders if g is not one and one.spec.selector.items() <= g.spec.selector.items())


def _all(gateway: Gateway) -> set[str]:
    return {c for s in gateway.spec.servers for c in _named(s)}


def _named(server: Server) -> tuple[str, ...]:
    """The certificates of a server: by credential, or by file."""
    if server.tls is None:
        return ()
    files = (server.tls.server_certificate,) if server.tls.server_certificate else ()
    return (*server.tls.credentials, *files)
