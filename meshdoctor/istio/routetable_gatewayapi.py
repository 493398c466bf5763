"""HTTPRoutes as entries of route tables.

Source: gateway-api.sigs.k8s.io, `HTTPRouteRule.matches` (exact paths first, then the longest prefix, then a method, then
the most headers and query parameters; then the oldest route, and the first rule). `PathPrefix` is by segments.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from meshdoctor.istio.routetable import Entry, age
from meshdoctor.istio.routewords import match_words, pairs
from meshdoctor.model.gatewayapi import BackendReference, HTTPRoute, RouteRule
from meshdoctor.model.networking import HTTPMatchRequest, StringMatch
from meshdoctor.model.redact import redact


def entries_of_routes(routes: Iterable[HTTPRoute]) -> tuple[Entry, ...]:
    """The entries of HTTPRoutes for one host, in their order of precedence."""
    found = [e for route in sorted(routes, key=age) for e in _entries(route)]
    return tuple(entry for _, entry in sorted(found, key=lambda e: e[0]))


def _entries(route: HTTPRoute) -> Iterator[tuple[tuple[int, ...], Entry]]:
    for number, rule in enumerate(route.spec.rules):
        for said in rule.matches or ({},):
            match, shown = _match(said, by_segment=True), _match(said, by_segment=False)
            words = match_words("http", shown)
            yield _rank(shown), Entry("http", match, words, _action(route, rule), route.subject, f"spec.rules[{number}]")


def _rank(match: HTTPMatchRequest) -> tuple[int, ...]:
    """Sorts the most specific first."""
    uri = match.uri or StringMatch(prefix="/")
    kind = 0 if uri.exact is not None else 1 if uri.prefix is not None else 2
    length = len(uri.exact or uri.prefix or uri.regex or "")
    return kind, -length, match.method is None, -len(match.headers), -len(match.query_params)


def _match(said: dict[str, Any], *, by_segment: bool) -> HTTPMatchRequest:
    """A match as a VirtualService would write it. `by_segment` ends each path with a slash, as well the exact ones: so
    `/api` covers `/api/` and `/api`, but not `/apis`, where prefixes are compared as text."""
    path = said.get("path") or {}
    value, end = str(path.get("value") or "/"), "/" if by_segment else ""
    kinds = {
        "Exact": StringMatch(exact=value + end),
        "RegularExpression": StringMatch(regex=value),
    }
    uri = kinds.get(path.get("type") or "PathPrefix", StringMatch(prefix=(value.rstrip("/") + end) or "/"))
    method = said.get("method")
    return HTTPMatchRequest(
        uri=None if uri.prefix == "/" else uri,
        method=StringMatch(exact=str(method)) if method else None,
        headers={str(h.get("name", "")).lower(): _string(h) for h in said.get("headers") or ()},
        query_params={str(q.get("name", "")): _string(q) for q in said.get("queryParams") or ()},
    )


def _string(said: dict[str, Any]) -> StringMatch:
    value = str(said.get("value", ""))
    return StringMatch(regex=value) if said.get("type") == "RegularExpression" else StringMatch(exact=value)


def _action(route: HTTPRoute, rule: RouteRule) -> str:
    total = sum(_weight(b) for b in rule.backend_refs)
    said = [_backend(route, b, total) for b in rule.backend_refs if _weight(b)]
    filters = [_filter(f) for f in rule.filters]
    ends = any(f.get("type") == "RequestRedirect" for f in rule.filters)
    where = [] if ends else [", ".join(said) or "nowhere"]
    return redact("; ".join([*where, *filters]))


def _weight(backend: BackendReference) -> int:
    return 1 if backend.weight is None else backend.weight


def _backend(route: HTTPRoute, backend: BackendReference, total: int) -> str:
    share = f" {100 * _weight(backend) / total:.3g} %" if _weight(backend) != total else ""
    port = f":{backend.port}" if backend.port else ""
    return f"{backend.name}.{backend.namespace or route.namespace}{port}{share}"


def _filter(said: dict[str, Any]) -> str:
    kind = str(said.get("type", ""))
    body = said.get(kind[:1].lower() + kind[1:])
    return f"{kind} {pairs(body)}" if body else kind
