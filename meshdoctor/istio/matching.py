"""Whether one request is taken by a match of a VirtualService.

Source: istio.io, VirtualService reference, `HTTPMatchRequest` (all conditions of a match hold; of several matches one
does), `L4MatchAttributes`, `TLSMatchAttributes`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import parse_qs

import msgspec

from meshdoctor.istio.gateways import MESH, gateway_names
from meshdoctor.istio.hosts import matches
from meshdoctor.model.errors import UsageError
from meshdoctor.model.networking import HTTPMatchRequest, HTTPRoute, L4Match, L4Route, StringMatch, VirtualService


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request as its client's proxy sees it. `gateway` is `mesh` for sidecars, else the Gateway's `namespace/name`."""

    host: str
    port: int = 80
    path: str = "/"
    method: str = "GET"
    headers: dict[str, str] = {}  # names in small letters
    namespace: str = ""
    labels: dict[str, str] = {}
    gateway: str = MESH


def call_of(target: str, method: str = "GET", headers: Iterable[str] = ()) -> Call:
    """The call that `[SCHEME://]HOST[:PORT][/PATH]` and `NAME:VALUE` mean. Raises UsageError for a port or header that is none."""
    bare = target.partition("://")[2] or target
    place, slash, path = bare.partition("/")
    host, colon, port = place.partition(":")
    if not host or (colon and not (port.isdecimal() and 0 < int(port) < 65536)):
        raise UsageError(f"{target!r} is no host to call.", do="Write it as HOST, HOST:PORT or HOST:PORT/PATH.")
    given = {}
    for each in headers:
        name, sign, value = each.partition(":")
        if not sign:
            raise UsageError(f"{each!r} is no header.", do="Write it as NAME:VALUE.")
        given[name.strip().lower()] = value.strip()
    number = int(port) if port else 443 if target.startswith("https://") else 80
    return Call(host=host.lower(), port=number, path=slash + path or "/", method=method.upper(), headers=given)


def mismatch(rule: HTTPRoute | L4Route, virtual_service: VirtualService, call: Call) -> str | None:
    """Why a rule does not take a call: the first condition of its nearest match that does not hold; None where it does."""
    if not rule.match:
        follows = call.gateway in gateway_names(virtual_service)
        return None if follows else f"it is for {', '.join(gateway_names(virtual_service))}"
    reasons = [_mismatch(m, virtual_service, call) for m in rule.match]
    return None if None in reasons else str(reasons[0])


def _mismatch(match: HTTPMatchRequest | L4Match, virtual_service: VirtualService, call: Call) -> str | None:
    gateways = gateway_names(virtual_service, match.gateways or None)
    if call.gateway not in gateways:
        return f"it is for {', '.join(gateways)}"
    if match.port and match.port != call.port:
        return f"port is not {match.port}"
    if match.source_namespace and match.source_namespace != call.namespace:
        return f"sourceNamespace is not {match.source_namespace}"
    if call.gateway == MESH and not match.source_labels.items() <= call.labels.items():
        return f"sourceLabels are not {', '.join(f'{k}={v}' for k, v in match.source_labels.items())}"
    if isinstance(match, HTTPMatchRequest):
        return _http_mismatch(match, call)
    if match.sni_hosts and not any(matches(h, call.host) for h in match.sni_hosts):
        return f"sniHosts are {', '.join(match.sni_hosts)}"
    return None


def _http_mismatch(match: HTTPMatchRequest, call: Call) -> str | None:
    path, _, query = call.path.partition("?")
    said = {"uri": path, "method": call.method, "authority": call.host, "scheme": "http"}
    asked = {"uri": match.uri, "method": match.method, "authority": match.authority, "scheme": match.scheme}
    for name, wanted in asked.items():
        if wanted is not None and not takes(wanted, said[name], folded=name == "uri" and match.ignore_uri_case):
            return f"{name} is not {_words(wanted)}"
    for name, wanted in match.headers.items():
        if not takes(wanted, call.headers.get(name.lower())):
            return f"header {name} is not {_words(wanted)}"
    for name, wanted in match.without_headers.items():
        if takes(wanted, call.headers.get(name.lower())):
            return f"header {name} is {_words(wanted)}"
    given = {k: v[0] for k, v in parse_qs(query, keep_blank_values=True).items()}
    for name, wanted in match.query_params.items():
        if not takes(wanted, given.get(name)):
            return f"query parameter {name} is not {_words(wanted)}"
    return None


def takes(wanted: StringMatch, value: str | None, *, folded: bool = False) -> bool:
    """Whether a string is exactly, begins with or wholly matches what is wanted; `{}` wants it to be there."""
    if value is None:
        return False
    if folded:
        value = value.lower()
    if wanted.exact is not None:
        return value == (wanted.exact.lower() if folded else wanted.exact)
    if wanted.prefix is not None:
        return value.startswith(wanted.prefix.lower() if folded else wanted.prefix)
    if wanted.regex is not None:
        try:
            return re.fullmatch(wanted.regex, value, re.IGNORECASE if folded else 0) is not None
        except re.error:
            return False
    return True


def _words(wanted: StringMatch) -> str:
    for name in ("exact", "prefix", "regex"):
        value = getattr(wanted, name)
        if value is not None:
            return f"{name} {value}"
    return "there"
