"""PeerAuthentication and RequestAuthentication."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from meshdoctor.istio.fields.common import bad_duration, bad_selector, bad_targets
from meshdoctor.istio.fields.reading import Field
from meshdoctor.istio.schema.fault import Fault

_HEADER = re.compile(r"[-_A-Za-z0-9]+", re.ASCII)
_PRIVATE = ("d", "k")  # the private part of RSA, EC and OKP keys, and the whole of a symmetric one
_KEY_PARTS = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x"), "oct": ("k",)}


def peer_authentication(body: Field) -> Iterator[Fault]:
    spec = body["spec"]
    selector, ports = spec["selector"], spec["portLevelMtls"]
    yield from bad_selector(selector)
    if ports.size and not selector["matchLabels"].size:
        yield ports.wrong("is set without a selector: ports belong to workloads")
    if ports and not ports.size:
        yield ports.wrong("is empty")
    for port, setting in ports.entries:
        if not port.isdigit() or not 1 <= int(port) <= 65535:
            yield setting.wrong(f"is for {port!r}, a port is between 1 and 65535")


def request_authentication(body: Field) -> Iterator[Fault]:
    spec = body["spec"]
    yield from bad_targets(spec)
    yield from bad_selector(spec["selector"])
    for rule in spec["jwtRules"].items:
        yield from _bad_rule(rule)


def _bad_rule(rule: Field) -> Iterator[Fault]:
    if not rule["issuer"].text and not rule["jwksUri"].text:
        yield rule.wrong("has neither issuer nor jwksUri: keys are found by one of them")
    for places in ("audiences", "fromParams", "fromCookies"):
        for entry in rule[places].items:
            if not entry.text:
                yield entry.wrong("is empty")
    for header in rule["fromHeaders"].items:
        if not header["name"].text:
            yield header.wrong("has no name")
    for claim in rule["outputClaimToHeaders"].items:
        name = claim["header"]
        if not claim["claim"].text or not name.text:
            yield claim.wrong("needs both claim and header")
        elif not _HEADER.fullmatch(name.text):
            yield name.wrong(f"is {name.text!r}, which is no name of a header")
    yield from _bad_uri(rule["jwksUri"])
    yield from _bad_keys(rule["jwks"])
    yield from bad_duration(rule["timeout"])


def _bad_uri(uri: Field) -> Iterator[Fault]:
    if not uri.text:
        return
    try:
        split = urlsplit(uri.text)
        sound = split.scheme in ("http", "https") and bool(split.hostname or not split.netloc) and split.port != 0
    except ValueError:
        sound = False
    if not sound:
        yield uri.wrong(f"is {uri.text!r}, it must be a URL of http:// or https://")


def _bad_keys(keys: Field) -> Iterator[Fault]:
    """A set of keys is JSON as RFC 7517 has it, and tells no secret."""
    if not keys.text:
        return
    found = _keys_in(keys.text)
    if found is None:
        yield keys.wrong("is no JSON Web Key Set")
        return
    for place, key in enumerate(found):
        parts = _KEY_PARTS.get(str(key.get("kty")))
        if parts is None or not all(isinstance(key.get(p), str) for p in parts):
            yield keys.wrong(f"is no JSON Web Key Set: key {place} has not the parts of a key")
        elif any(part in key for part in _PRIVATE):
            yield keys.doubtful(f"tells the private part of key {place}: only public keys belong here")


def _keys_in(text: str) -> list[dict[str, Any]] | None:
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        return None
    found = read.get("keys", [read]) if isinstance(read, dict) else None
    return found if isinstance(found, list) and all(isinstance(k, dict) for k in found) else None
