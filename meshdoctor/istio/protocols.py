"""Which protocol a proxy speaks on a port.

Source: istio.io, "Protocol selection": appProtocol of a Service's port, else the prefix of its name, else what is detected.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from meshdoctor.istio.hosts import Registered
from meshdoctor.model.cluster import Service, ServicePort

BY_WORD = {
    "http": "HTTP",
    "http2": "HTTP2",
    "https": "HTTPS",
    "grpc": "GRPC",
    "grpc-web": "GRPC-WEB",
    "tls": "TLS",
    "tcp": "TCP",
    "udp": "UDP",
    "mongo": "MONGO",
    "mysql": "MYSQL",
    "redis": "REDIS",
    "hbone": "HBONE",
    "kubernetes.io/h2c": "HTTP2",
    "kubernetes.io/ws": "HTTP",
    "kubernetes.io/wss": "HTTPS",
}


class Protocol(msgspec.Struct, frozen=True):
    """A protocol as Istio names it (`AUTO`: detected), why, and where that stands."""

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
                    return of_service_port(one, number)
        else:
            for number, entry in enumerate(origin.spec.ports):
                if entry.number == port:
                    return Protocol(entry.protocol.upper() or "TCP", "the ServiceEntry says so", f"spec.ports[{number}].protocol")
    return Protocol("TCP", "no port of that number is known there")


def of_service_port(port: ServicePort, number: int) -> Protocol:
    """The protocol of a Service's port."""
    at = f"spec.ports[{number}]"
    if port.protocol == "UDP":
        return Protocol("UDP", "its protocol is UDP", f"{at}.protocol")
    if port.app_protocol:
        known = BY_WORD.get(port.app_protocol.lower())
        return Protocol(known or "TCP", f"appProtocol is {port.app_protocol}", f"{at}.appProtocol")
    name = port.name.lower()
    for word in (name, "-".join(name.split("-")[:2]), name.partition("-")[0]):
        if word in BY_WORD:
            return Protocol(BY_WORD[word], f"its name is {port.name}", f"{at}.name")
    return Protocol("AUTO", "neither name nor appProtocol says it, so it is detected", f"{at}.name")
