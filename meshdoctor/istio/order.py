"""Which rules of a VirtualService take the requests of later ones: proxies use the first that matches."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from meshdoctor.istio.routing import covers, covers_l4
from meshdoctor.model.networking import HTTPMatchRequest, HTTPRoute, L4Match, L4Route, VirtualService

Rule = HTTPRoute | L4Route
Match = HTTPMatchRequest | L4Match


class Taken(msgspec.Struct, frozen=True):
    """A match whose requests an earlier one takes. Numbers are places; `match` None: a rule without matches takes all.

    `same` tells that both are equal, `prefix` that both are prefixes of paths.
    """

    at: int
    rule: int
    match: int | None
    same: bool = False
    prefix: bool = False


def rules_by_kind(virtual_service: VirtualService) -> dict[str, tuple[Rule, ...]]:
    spec = virtual_service.spec
    return {"http": spec.http, "tls": spec.tls, "tcp": spec.tcp}


def taken(rules: tuple[Rule, ...], place: int, gateways: tuple[str, ...]) -> Iterator[Taken]:
    """The matches of a rule that have nothing left to match. A rule without matches counts as one that matches all.

    Within the rule itself only equal and prefix matches count: others say the same twice and do no harm.
    """
    rule = rules[place]
    every = HTTPMatchRequest() if isinstance(rule, HTTPRoute) else L4Match()
    for at, match in enumerate(rule.match or (every,)):
        found = next((t for i in range(place) if (t := _taker(rules[i], i, at, match, gateways))), None)
        found = found or _taker_before(rule, place, at, match, gateways)
        if found is not None:
            yield found


def _taker(earlier: Rule, i: int, at: int, match: Match, gateways: tuple[str, ...]) -> Taken | None:
    """How an earlier rule takes a match. One that delegates takes nothing: what its delegate does not match falls through."""
    if isinstance(earlier, HTTPRoute) and earlier.delegate is not None:
        return None
    if not earlier.match:
        return Taken(at, i, None)
    matches: tuple[Match, ...] = earlier.match
    return next((_told(at, i, j, m, match) for j, m in enumerate(matches) if _covers(m, match, gateways)), None)


def _taker_before(rule: Rule, place: int, at: int, match: Match, gateways: tuple[str, ...]) -> Taken | None:
    matches: tuple[Match, ...] = rule.match[:at]
    for j, earlier in enumerate(matches):
        told = _told(at, place, j, earlier, match)
        if (told.same or told.prefix) and _covers(earlier, match, gateways):
            return told
    return None


def _covers(earlier: Match, match: Match, gateways: tuple[str, ...]) -> bool:
    if isinstance(earlier, HTTPMatchRequest):
        return isinstance(match, HTTPMatchRequest) and covers(earlier, match, gateways)
    return isinstance(match, L4Match) and covers_l4(earlier, match, gateways)


def _told(at: int, rule: int, place: int, earlier: Match, match: Match) -> Taken:
    prefix = _prefix(earlier) is not None and _prefix(match) is not None
    return Taken(at, rule, place, _nameless(earlier) == _nameless(match), prefix)


def _prefix(match: Match) -> str | None:
    return match.uri.prefix if isinstance(match, HTTPMatchRequest) and match.uri else None


def _nameless(match: Match) -> dict[str, object]:
    said: dict[str, object] = msgspec.to_builtins(match)
    said.pop("name", None)
    return said
