"""The attributes that rules ask for: how each is held against a request, and whether it is one of HTTP.

Source: istio, pilot/pkg/security/authz/model (model.go names them, generator.go makes Envoy's matchers of them).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from meshdoctor.istio.authorization.patterns import (
    in_block,
    in_claim,
    in_namespace,
    in_trust_domain,
    is_account,
    matches,
    matches_header,
    matches_host,
    matches_path,
    matches_subject,
)
from meshdoctor.istio.authorization.request import Request

Holds = Callable[[str, Request], bool | None]  # None: the fact is not known
Shows = Callable[[Request], object]
METADATA = "experimental."


class Attribute(msgspec.Struct, frozen=True):
    """One attribute: whether a value of a list matches a request, and what the request has there."""

    name: str
    holds: Holds
    shows: Shows
    is_http: bool = False


def _fact(name: str, read: Shows, test: Callable[[str, Any], bool], *, is_http: bool = False) -> Attribute:
    """An attribute that is one fact of the request."""
    return Attribute(name, lambda value, r: None if read(r) is None else test(value, read(r)), read, is_http)


def _sni(request: Request) -> str | None:
    return request.sni


KNOWN = {
    a.name: a
    for a in (
        _fact("source.principal", lambda r: r.principal, lambda value, p: p != "" and matches(value, p)),
        _fact("source.namespace", lambda r: r.principal, in_namespace),
        _fact("source.trustDomain", lambda r: r.principal, in_trust_domain),
        _fact("source.ip", lambda r: r.source_ip, in_block),
        _fact("remote.ip", lambda r: r.remote_ip, in_block),
        _fact("destination.ip", lambda r: r.destination_ip, in_block),
        _fact("destination.port", lambda r: r.port, lambda value, port: value.isdecimal() and int(value) == port),
        _fact("connection.sni", _sni, matches),
        _fact("request.host", lambda r: r.host, matches_host, is_http=True),
        _fact("request.method", lambda r: r.method, lambda value, m: matches_header(value, (m,)), is_http=True),
        _fact("request.path", lambda r: r.path, matches_path, is_http=True),
        _fact(
            "request.auth.principal",
            lambda r: r.claims,
            lambda value, c: matches_subject(value, _text(c, "iss"), _text(c, "sub")),
            is_http=True,
        ),
        _fact("request.auth.audiences", lambda r: r.claims, lambda value, c: in_claim(value, c.get("aud")), is_http=True),
        _fact("request.auth.presenter", lambda r: r.claims, lambda value, c: in_claim(value, c.get("azp")), is_http=True),
    )
}


def _text(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name)
    return value if isinstance(value, str) else ""


def attribute(key: str, namespace: str) -> Attribute | None:
    """The attribute of a key, for a policy of that namespace; None where istiod knows no such key and leaves the rule out."""
    if key in KNOWN:
        return KNOWN[key]
    if key == "source.serviceAccount":
        return _fact(key, lambda r: r.principal, lambda value, p: is_account(value, p, namespace))
    for start, make in (("request.headers", _header), ("request.auth.claims", _claim), ("experimental.envoy.filters.", _metadata)):
        if key.startswith(start):
            return make(key)
    return None


def _header(key: str) -> Attribute | None:
    name = key.removeprefix("request.headers")
    if not (name.startswith("[") and name.endswith("]")):
        return None

    def holds(value: str, request: Request) -> bool | None:
        known, has = request.header(name[1:-1])
        return matches_header(value, has) if known else None

    return Attribute(key, holds, lambda r: ", ".join(r.header(name[1:-1])[1]), is_http=True)


def _claim(key: str) -> Attribute | None:
    rest = key.removeprefix("request.auth.claims")
    if not (rest.startswith("[") and rest.endswith("]")):
        return None
    inside = rest[1:-1]
    names = [inside] if "[" in inside.replace("][", "") or "]" in inside.replace("][", "") else inside.split("][")

    def read(request: Request) -> Any:
        found: Any = request.claims
        for name in names:
            found = found.get(name) if isinstance(found, dict) else None
        return found

    return Attribute(key, lambda value, r: None if r.claims is None else in_claim(value, read(r)), read, is_http=True)


def _metadata(key: str) -> Attribute | None:
    place, bracket, name = key.removeprefix(METADATA).removesuffix("]").partition("[")
    if not bracket:
        return None

    def holds(value: str, request: Request) -> bool | None:
        if request.metadata is None:
            return None
        has = request.metadata.get(place, {}).get(name)
        if value.startswith("[") and value.endswith("]"):
            return isinstance(has, list) and in_claim(value.strip("[]"), has)
        return isinstance(has, str) and matches(value, has)

    return Attribute(key, holds, lambda r: (r.metadata or {}).get(place, {}).get(name))
