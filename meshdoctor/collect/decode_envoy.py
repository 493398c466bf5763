"""Envoy's admin answers as model structs. Both spellings (snake_case, camelCase) and text numbers occur."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from meshdoctor.istio.certificates import pem_certificates
from meshdoctor.model.envoy import ClusterStatus, HostStatus, LoadedCertificate, SecretState

REDACTED = "W3JlZGFjdGVkXQ=="


STATES = re.compile(rb"\b(LIVE|DRAINING|PRE_INITIALIZING|INITIALIZING)\b")


def ready(body: bytes) -> str:
    """The state in the text of `/ready`, which is answered by 503 unless it is LIVE."""
    found = STATES.search(body)
    if found is None:
        raise ValueError("/ready names no state")
    return found[1].decode()


class _Address(msgspec.Struct):
    address: str = ""
    port_value: int = 0


class _SocketAddress(msgspec.Struct):
    socket_address: _Address | None = None


class _Stat(msgspec.Struct):
    name: str = ""
    value: str | int = 0


class _Health(msgspec.Struct):
    eds_health_status: str = "HEALTHY"
    failed_outlier_check: bool = False
    failed_active_health_check: bool = False


class _Host(msgspec.Struct):
    address: _SocketAddress = msgspec.field(default_factory=_SocketAddress)
    stats: tuple[_Stat, ...] = ()
    health_status: _Health = msgspec.field(default_factory=_Health)


class _Threshold(msgspec.Struct):
    priority: str = "DEFAULT"
    max_connections: int = 0
    max_pending_requests: int = 0
    max_requests: int = 0
    max_retries: int = 0


class _Breakers(msgspec.Struct):
    thresholds: tuple[_Threshold, ...] = ()


class _Cluster(msgspec.Struct):
    name: str = ""
    host_statuses: tuple[_Host, ...] = ()
    circuit_breakers: _Breakers = msgspec.field(default_factory=_Breakers)


class _Clusters(msgspec.Struct):
    cluster_statuses: tuple[_Cluster, ...] = ()


def clusters(body: bytes) -> tuple[ClusterStatus, ...]:
    """`/clusters?format=json`."""
    answer = msgspec.json.decode(body, type=_Clusters, strict=False)
    return tuple(_cluster(c) for c in answer.cluster_statuses)


def _cluster(c: _Cluster) -> ClusterStatus:
    limits = {}
    for threshold in c.circuit_breakers.thresholds:
        if threshold.priority == "DEFAULT":
            names = ("max_connections", "max_pending_requests", "max_requests", "max_retries")
            limits = {name: getattr(threshold, name) for name in names}
    hosts = tuple(_host(h) for h in c.host_statuses if h.address.socket_address)
    return ClusterStatus(name=c.name, hosts=hosts, limits=limits)


def _host(h: _Host) -> HostStatus:
    where = h.address.socket_address or _Address()
    return HostStatus(
        address=where.address,
        port=where.port_value,
        eds_health=h.health_status.eds_health_status,
        ejected=h.health_status.failed_outlier_check,
        failed_active_check=h.health_status.failed_active_health_check,
        stats={s.name: int(s.value) for s in h.stats},
    )


class _Certificate(msgspec.Struct):
    serial_number: str = ""
    subject_alt_names: tuple[dict[str, str], ...] = ()
    valid_from: datetime | None = None
    expiration_time: datetime | None = None


class _Pair(msgspec.Struct):
    ca_cert: tuple[_Certificate, ...] = ()
    cert_chain: tuple[_Certificate, ...] = ()


class _Certs(msgspec.Struct):
    certificates: tuple[_Pair, ...] = ()


def certs(body: bytes) -> tuple[LoadedCertificate, ...]:
    """`/certs`, each certificate once."""
    answer = msgspec.json.decode(body, type=_Certs)
    found = {}
    for pair in answer.certificates:
        for role, several in (("ca", pair.ca_cert), ("leaf", pair.cert_chain)):
            for c in several:
                found[role, c.serial_number] = _loaded(role, c)
    return tuple(found.values())


def _loaded(role: str, c: _Certificate) -> LoadedCertificate:
    names = tuple(value for name in c.subject_alt_names for value in name.values())
    serial = c.serial_number.lstrip("0")  # Envoy writes whole bytes
    return LoadedCertificate(name="", role=role, sans=names, serial=serial, valid_from=c.valid_from, expires=c.expiration_time)


def secrets(body: bytes) -> tuple[tuple[SecretState, ...], tuple[LoadedCertificate, ...]]:
    """`/config_dump?mask=dynamic_active_secrets,dynamic_warming_secrets`: names and public certificates, never keys."""
    states: list[SecretState] = []
    loaded: list[LoadedCertificate] = []
    for section in _sections(body):
        for field, warming in (("dynamic_active_secrets", False), ("dynamic_warming_secrets", True)):
            for entry in section.get(field, ()):
                name = str(entry.get("name", ""))
                states.append(SecretState(name=name, warming=warming))
                loaded.extend(_secret_certificates(name, entry.get("secret", {})))
    return tuple(states), tuple(loaded)


def _sections(body: bytes) -> list[dict[str, Any]]:
    answer = msgspec.json.decode(body)
    found = answer.get("configs", []) if isinstance(answer, dict) else []
    return [s for s in found if isinstance(s, dict)]


def _secret_certificates(name: str, secret: dict[str, Any]) -> Iterator[LoadedCertificate]:
    chain = secret.get("tls_certificate", {}).get("certificate_chain", {})
    trusted = secret.get("validation_context", {}).get("trusted_ca", {})
    for role, data in (("leaf", chain), ("ca", trusted)):
        text = data.get("inline_bytes", "")
        inline = bool(text) and text != REDACTED
        pem = base64.b64decode(text) if inline else str(data.get("inline_string", "")).encode()
        certificates = pem_certificates(pem, name, role)
        yield from certificates[:1] if role == "leaf" else certificates


def stats(body: bytes) -> dict[str, int]:
    """`/stats?format=json`: counters and gauges by name; histograms and texts are left out."""
    answer = msgspec.json.decode(body)
    numbers = {}
    for entry in answer.get("stats", []):
        value = entry.get("value")
        if isinstance(value, int) and "name" in entry:
            numbers[str(entry["name"])] = value
    return numbers


def listeners(body: bytes) -> tuple[str, ...]:
    """`/listeners?format=json`: `address:port` of each."""
    answer = msgspec.json.decode(body)
    found = []
    for status in answer.get("listener_statuses", []):
        for local in (status.get("local_address", {}), *status.get("additional_local_addresses", ())):
            address = local.get("socket_address", {})
            if address:
                found.append(f"{address.get('address', '')}:{address.get('port_value', 0)}")
    return tuple(found)


def rejected(body: bytes) -> dict[str, str]:
    """`/config_dump?resource=dynamic_listeners&mask=name,error_state...`: listener name to the refused update's error."""
    found = {}
    for entry in _sections(body):
        error = entry.get("error_state") or {}
        if error.get("details"):
            found[str(entry.get("name", ""))] = str(error["details"])
    return found


def inside(body: bytes) -> tuple[dict[str, str], frozenset[str]]:
    """What a listener dump holds: issuer to inline JWKS of every jwt_authn provider, and the names of all filters."""
    keys: dict[str, str] = {}
    filters: set[str] = set()
    for node in _walk(msgspec.json.decode(body)):
        local = node.get("local_jwks")
        if isinstance(local, dict) and "issuer" in node:
            keys[str(node["issuer"])] = str(local.get("inline_string", ""))
        for kind in ("filters", "http_filters", "listener_filters"):
            known = node.get(kind)
            filters.update(str(f.get("name")) for f in known if isinstance(f, dict)) if isinstance(known, list) else None
    return keys, frozenset(filters)


def _walk(value: Any) -> Iterator[dict[str, Any]]:
    stack = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            yield node
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)
