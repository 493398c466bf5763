"""From a line of an access log to the request that policies were asked about, and from Envoy's words to the object."""

from __future__ import annotations

import re

import msgspec

from meshdoctor.istio.accesslog_lookup import upstream
from meshdoctor.istio.authorization.request import Request
from meshdoctor.istio.authorization.showing import principal_of, shown
from meshdoctor.istio.workloads import services_of
from meshdoctor.model.cluster import Service
from meshdoctor.model.envoy import AccessLogEntry
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.security import AuthorizationPolicy
from meshdoctor.model.workloads import Pod

SILENCE = "rbac_access_denied_matched_policy[none]"
NAMED = re.compile(
    r"rbac_access_denied_matched_policy\[(?:istio-ext-authz-(?P<provider>[a-z0-9-]*?)-?)?"
    r"ns\[(?P<ns>[^\]\s]{1,253})\]-policy\[(?P<policy>[^\]\s]{1,253})\]-rule\[(?P<rule>\d{1,6})\]"
)
TOKEN = re.compile(r"jwt_authn_access_denied\{(?P<why>[^}]{0,200})\}")
AUTHORIZER = re.compile(r"\bext_authz_(?:denied|error)\b")


class Named(msgspec.Struct, frozen=True):
    """The rule that Envoy names in a refusal. `provider` is that of a CUSTOM policy which cannot be asked."""

    namespace: str
    policy: str
    rule: int
    provider: str = ""

    def object(self, mesh: Mesh) -> AuthorizationPolicy | None:
        """The policy; None where there is none of that name (any more)."""
        return mesh[AuthorizationPolicy].get(self.namespace, self.policy)


class Told(msgspec.Struct, frozen=True):
    """What a line tells of a request: the server and the client where their addresses are known, and the facts."""

    request: Request
    server: Pod | None = None
    client: Pod | None = None
    service: Service | None = None


def named(text: str) -> Named | None:
    """The rule that a text names: `rbac_access_denied_matched_policy[ns[...]-policy[...]-rule[...]]`."""
    found = NAMED.search(text)
    if found is None:
        return None
    return Named(found["ns"], found["policy"], int(found["rule"]), found["provider"] or "")


def told(mesh: Mesh, entry: AccessLogEntry, server: Pod | None = None) -> Told:
    """The request of a line, of the server's proxy or of the client's; `server` where it is known whose line it is."""
    cluster = upstream(entry.upstream_cluster)
    server_at = entry.upstream_host if cluster.direction == "outbound" else entry.downstream_local
    address, port = split(server_at)
    client_address = split(entry.downstream_remote)[0]
    server, client = server or mesh.pods_by_ip.get(address), mesh.pods_by_ip.get(client_address)
    service, service_port = _called(mesh, server, port, cluster.host, cluster.port)
    request = Request(
        principal=_principal(mesh, client, server, service, service_port),
        source_ip=client_address if client else None,
        remote_ip=client_address or None,
        destination_ip=address or None,
        port=port or None,
        sni=entry.sni or None,
        is_http=bool(entry.method),
        host=entry.authority or None,
        method=entry.method or None,
        path=entry.path or None,
    )
    return Told(request, server, client, service)


def _principal(mesh: Mesh, client: Pod | None, server: Pod | None, service: Service | None, called: int) -> str | None:
    if client is None:
        return None
    return principal_of(mesh, client) if server is None else shown(mesh, client, server, service, called)


def _called(mesh: Mesh, server: Pod | None, port: int, host: str, service_port: int) -> tuple[Service | None, int]:
    """The Service that was called: that of the cluster's name, else one that leads to this port of the server."""
    some = services_of(mesh, server) if server else ()
    for service in some:
        if host and host.startswith(f"{service.name}.{service.namespace}."):
            return service, service_port
    for service in some:
        for each in service.spec.ports:
            if server is not None and target_port(server, each.target) == port:
                return service, each.port
    return None, 0


def target_port(pod: Pod, target: int | str) -> int:
    """The number of a Service's targetPort at a pod; 0 for a name that no container has."""
    if isinstance(target, int):
        return target
    if target.isdecimal():
        return int(target)
    return next((p.container_port for c in pod.all_containers for p in c.ports if p.name == target), 0)


def split(address: str) -> tuple[str, int]:
    """Host and port of `10.1.2.3:8080` or `[fd00::1]:8080`."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal():
        return address.strip("[]"), 0
    return host.strip("[]"), int(port)
