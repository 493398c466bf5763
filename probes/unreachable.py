"""Rules and matches of VirtualServices that earlier ones leave nothing."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from meshdoctor.istio.gateways import gateway_names
from meshdoctor.istio.order import Rule, Taken, rules_by_kind, taken
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import VirtualService
from probes.registry import Draft, fail, probe, quote


@probe("RT-005", over=VirtualService, needs=(VirtualService,))
def rule_never_reached(_mesh: Mesh, virtual_service: VirtualService) -> Iterator[Draft]:
    """A rule stands after one that takes all its requests, or a match after one that takes all of its: it is never used."""
    gateways = virtual_service.spec.gateways or gateway_names(virtual_service)
    for kind, rules in rules_by_kind(virtual_service).items():
        for place in range(len(rules)):
            found = list(taken(rules, place, gateways))
            size = max(len(rules[place].match), 1)
            whole = len(found) == size and all(t.rule < place for t in found)
            if whole:
                yield _unreached(virtual_service, kind, rules, place, found)
            if not whole or size > 1:
                yield from (_idle(virtual_service, kind, rules, place, t) for t in found if t.match is not None)


def _unreached(virtual_service: VirtualService, kind: str, rules: tuple[Rule, ...], place: int, found: list[Taken]) -> Draft:
    """istioctl says IST0130 of a rule after one without matches, and of one with only matches that were used before."""
    at, other = f"spec.{kind}[{place}]", f"spec.{kind}[{max(t.rule for t in found)}]"
    unused = any(t.match is None for t in found) or all(t.same for t in found)
    idle = len(found) == 1 and (found[0].same or found[0].prefix)
    return fail(
        virtual_service,
        f"{at} is never reached: {other} takes every request it could match",
        at=at,
        evidence=(
            quote(virtual_service, f"{other}.match", _words(rules[max(t.rule for t in found)])),
            quote(virtual_service, f"{at}.match", _words(rules[place])),
        ),
        codes=(*(["IST0130"] if unused else []), *(["IST0131"] if idle else [])),
    )


def _idle(virtual_service: VirtualService, kind: str, rules: tuple[Rule, ...], place: int, match: Taken) -> Draft:
    at, other = f"spec.{kind}[{place}].match[{match.at}]", f"spec.{kind}[{match.rule}].match[{match.match}]"
    return fail(
        virtual_service,
        f"{at} is never used: {other} takes every request it could match",
        at=at,
        evidence=(
            quote(virtual_service, f"spec.{kind}[{match.rule}].match", _words(rules[match.rule])),
            quote(virtual_service, f"spec.{kind}[{place}].match", _words(rules[place])),
        ),
        severity="info",
        codes=("IST0131",) if match.same or match.prefix else (),
    )


def _words(rule: Rule) -> str:
    if not rule.match:
        return "none (every request)"
    said = [{k: v for k, v in msgspec.to_builtins(m).items() if v not in ("", 0, {}, [], None, False)} for m in rule.match]
    return str([{k: _short(v) for k, v in each.items()} for each in said])


def _short(value: object) -> object:
    return {k: _short(v) for k, v in value.items() if v is not None} if isinstance(value, dict) else value
