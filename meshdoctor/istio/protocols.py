"""Which protocol a port declares.

Sources: istio.io, Protocol Selection (`appProtocol`, else the port's name up to the first dash); istio,
pkg/config/kube/conversion.go (UDP needs no name; some well-known ports are TCP).
"""

from __future__ import annotations

import re

from meshdoctor.model.cluster import ServicePort

KNOWN = ("grpc-web", "grpc", "https", "http2", "http", "mongo", "redis", "mysql", "tls", "tcp", "udp")
OF_KUBERNETES = {"kubernetes.io/h2c": "http2", "kubernetes.io/ws": "http", "kubernetes.io/wss": "https"}
WELL_KNOWN_TCP = {25, 53, 3306, 27017}  # servers that speak first: to guess would hold them up
CLEAR = {"http", "http2", "grpc", "grpc-web", "mongo", "redis", "mysql"}
HTTP = {"http", "http2", "grpc", "grpc-web"}
_NAME = re.compile(rf"({'|'.join(KNOWN)})(-.*)?")


def declared(port: ServicePort) -> str:
    """The protocol that a Service port declares; empty where it is left to be guessed."""
    if port.protocol == "UDP":
        return "udp"
    if port.app_protocol:
        said = port.app_protocol.lower()
        return OF_KUBERNETES.get(said) or (said if said in KNOWN else "")
    return of_name(port.name) or ("tcp" if port.port in WELL_KNOWN_TCP else "")


def of_name(name: str) -> str:
    """The protocol that a port's name begins with: `http-web` is HTTP, `https` is HTTPS, `httpweb` is none."""
    found = _NAME.fullmatch(name.lower())
    return found[1] if found else ""


def contradicts(name: str, protocol: str) -> bool:
    """Whether a port's name begins with another protocol than it has; any protocol may be inside TLS or plain TCP."""
    said, has = of_name(name), protocol.lower()
    return bool(said) and has in CLEAR and said != has
