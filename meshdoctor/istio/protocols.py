"""Which protocol a port declares.

Sources: istio.io, Protocol Selection (`appProtocol`, else the port's name up to the first dash); istio,
pkg/config/kube/conversion.go (UDP needs no name; some well-known ports are TCP).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from meshdoctor.istio.hosts import Registered
from meshdoctor.model.cluster import Service, ServicePort

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


class Protocol(msgspec.Struct, frozen=True):
    """A port's protocol in small letters (`auto`: detected from the first bytes), why, and where that stands."""

    name: str
    why: str
    path: str = ""


def protocol_at(found: Iterable[Registered], port: int) -> Protocol:
    """The protocol of a port of what a host stands for."""
    for each in found:
        origin = each.origin
        if isinstance(origin, Service):
            for number, one in enumerate(origin.spec.ports):
                if one.port == port:
                    return _of_service(one, f"spec.ports[{number}]")
        else:
            for number, entry in enumerate(origin.spec.ports):
                if entry.number == port:
                    said = entry.protocol.lower() or "tcp"
                    return Protocol(said, "the ServiceEntry says so", f"spec.ports[{number}].protocol")
    return Protocol("tcp", "no port of that number is known there")


def _of_service(port: ServicePort, at: str) -> Protocol:
    name = declared(port)
    if port.protocol == "UDP":
        return Protocol(name, "its protocol is UDP", f"{at}.protocol")
    if port.app_protocol:
        return Protocol(name or "tcp", f"appProtocol is {port.app_protocol}", f"{at}.appProtocol")
    if name:
        return Protocol(name, f"its name is {port.name}" if of_name(port.name) else "that port is known for it", f"{at}.name")
    return Protocol("auto", "neither name nor appProtocol says it, so it is detected", f"{at}.name")
