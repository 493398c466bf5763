"""Which identity a client shows to a server: its own where mutual TLS is between them, none in plain text.

Sources: istio.io, "Auto mutual TLS", DestinationRule and Sidecar references.
"""

from __future__ import annotations

from meshdoctor.istio.hosts import service_host
from meshdoctor.istio.imports import is_imported
from meshdoctor.istio.mtls import server_mode, speaks_mtls
from meshdoctor.istio.mutual.client_rules import client_tls
from meshdoctor.istio.routing import destination_rules
from meshdoctor.istio.selecting import REDIRECTION
from meshdoctor.istio.visibility import sees
from meshdoctor.model.cluster import Service
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.workloads import Pod


def principal_of(mesh: Mesh, pod: Pod) -> str:
    """The identity of a pod in the mesh: `TRUST_DOMAIN/ns/NAMESPACE/sa/ACCOUNT`; empty where it has no proxy nor ztunnel."""
    if pod.proxy is None and pod.annotations.get(REDIRECTION) != "enabled":
        return ""
    return f"{mesh.mesh_config.trust_domain}/ns/{pod.namespace}/sa/{pod.service_account}"


def shown(mesh: Mesh, client: Pod, server: Pod, port: int, service: Service | None = None, service_port: int = 0) -> str:
    """The identity that a client shows on a port of a server, called by a Service; empty in plain text."""
    own = principal_of(mesh, client)
    if own == "" or client.proxy is None or service is None:
        return own
    if server_mode(mesh, server, port).mode == "DISABLE":
        return ""
    host = service_host(service, mesh.cluster.domain)
    if not sees(mesh, client.namespace, service) or not is_imported(mesh, client.namespace, (host,), service.namespace):
        return ""  # its proxy does not know the Service, and passes what it calls through as it is
    settings = client_tls(destination_rules(mesh, host, client.namespace, (service.namespace,)), "", service_port).tls
    if settings is not None and settings.mode:
        return own if settings.mode == "ISTIO_MUTUAL" else ""
    automatic = mesh.mesh_config.enable_auto_mtls is not False
    return own if automatic and (speaks_mtls(server) or server.proxy is None) else ""
