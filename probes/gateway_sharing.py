"""What Gateways on the same pods share: hosts of one port, and certificates."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

from meshdoctor.istio.gateways import gateways_together
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


@probe("MD5207", needs=(Gateway, Pod), title="Gateways on the same pods share a certificate", severity="low", codes=("IST0138",))
def certificates_shared(mesh: Mesh) -> Iterator[Draft]:
    """Two Gateways on the same pods have servers with one certificate: browsers reuse a connection, which then answers 404."""
    for group in gateways_together(mesh):
        told: set[tuple[str, str]] = set()
        for one, other in permutations(group, 2):
            if not one.spec.selector.items() <= other.spec.selector.items():
                continue  # told of the wider one: it is on the other's pods
            shared = next(((i, c) for i, s in enumerate(one.spec.servers) for c in _named(s) if c in _all(other)), None)
            if shared and one.subject.key not in told:
                told.add(one.subject.key)
                at = f"spec.servers[{shared[0]}].tls"
                yield fail(one, f"{other.subject} has the certificate {shared[1]} too", at=at, also=(other,))


def _all(gateway: Gateway) -> set[str]:
    return {c for s in gateway.spec.servers for c in _named(s)}


def _named(server: Server) -> tuple[str, ...]:
    """The certificates of a server: by credential, or by file."""
    if server.tls is None:
        return ()
    files = (server.tls.server_certificate,) if server.tls.server_certificate else ()
    return (*server.tls.credentials, *files)
