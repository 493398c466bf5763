"""RequestAuthentication: which token is refused with 401, and what a token that is taken tells of the caller.

Sources: istio.io, RequestAuthentication reference; istio, pilot/pkg/security/authn/policy_applier.go (convertToEnvoyJwtConfig);
Envoy's jwt_authn filter. Signatures are not verified here: a token is told by its claims, and taken to be signed well.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Literal

import msgspec

from meshdoctor.model.security import JWTRule, RequestAuthentication

Claims = dict[str, Any]
FOREIGN = "Audiences_in_Jwt_are_not_allowed"  # the one reason that Envoy answers with 403 instead of 401
SKEW_S = 60  # seconds that Envoy lets clocks differ
SPACE_DELIMITED = ("permission", "scope")
_PROVIDER = re.compile(r"\borigins-(\d{1,4})\b")


class Token(msgspec.Struct, frozen=True):
    """What becomes of a request's token. `claims` are what policies see: None where that is not known."""

    state: Literal["none", "taken", "refused", "unknown"]
    claims: Claims | None
    reason: str = ""  # Envoy's words for a refusal
    policy: RequestAuthentication | None = None
    path: str = ""


class TokenRule(msgspec.Struct, frozen=True):
    """One of `jwtRules`, and where it stands."""

    policy: RequestAuthentication
    index: int
    rule: JWTRule

    @property
    def path(self) -> str:
        return f"spec.jwtRules[{self.index}]"


def rules_of(policies: tuple[RequestAuthentication, ...]) -> tuple[TokenRule, ...]:
    """All rules of a workload's policies."""
    return tuple(TokenRule(p, i, r) for p in policies for i, r in enumerate(p.spec.jwt_rules))


def provider_rule(policies: tuple[RequestAuthentication, ...], text: str) -> TokenRule | None:
    """The rule that Envoy names in an error (`Provider 'origins-1'`: numbered by issuer), else the first there is."""
    rules = sorted(rules_of(policies), key=lambda r: r.rule.issuer)
    named = _PROVIDER.search(text)
    number = int(named[1]) if named else 0
    return rules[number] if number < len(rules) else None


def checked(policies: tuple[RequestAuthentication, ...], claims: Claims | None, now: datetime) -> Token:
    """What the policies of a workload make of a token with these claims; empty without a token, None where it is not known."""
    rules = rules_of(policies)
    if claims is None:
        # without any rule no token is looked at, and none tells anything of the caller
        return Token("unknown", None) if rules else Token("none", {})
    if not claims or not rules:
        return Token("none", {})
    last = Token("refused", {}, "Jwt_issuer_is_not_configured", rules[0].policy, "spec.jwtRules")
    for each in rules:
        if each.rule.issuer != claims.get("iss"):
            continue
        field, reason = _refusal(each.rule, claims, now)
        if not reason:
            return Token("taken", seen_claims(each.rule, claims), "", each.policy, each.path)
        last = Token("refused", {}, reason, each.policy, f"{each.path}{field}")
    return last


def _refusal(rule: JWTRule, claims: Claims, now: datetime) -> tuple[str, str]:
    """(field, Envoy's reason) of a rule that refuses a token of its issuer; empty where it takes it."""
    moment = now.timestamp()
    if _number(claims, "exp") is not None and moment > float(_number(claims, "exp") or 0) + SKEW_S:
        return "", "Jwt_is_expired"
    if _number(claims, "nbf") is not None and moment + SKEW_S < float(_number(claims, "nbf") or 0):
        return "", "Jwt_not_yet_valid"
    given = claims.get("aud", [])
    audiences = {_audience(a) for a in (given if isinstance(given, list) else [given])}
    if rule.audiences and audiences.isdisjoint(_audience(a) for a in rule.audiences):
        return ".audiences", FOREIGN
    return "", ""


def _audience(value: object) -> str:
    """An audience without scheme and last slash, as Envoy compares them."""
    text = str(value)
    for scheme in ("https://", "http://"):
        text = text.removeprefix(scheme)
    return text.removesuffix("/")


def _number(claims: Claims, name: str) -> float | None:
    value = claims.get(name)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and value else None


def seen_claims(rule: JWTRule, claims: Claims) -> Claims:
    """The claims as policies see them: those that are lists with spaces between, as lists."""
    split = {*SPACE_DELIMITED, *rule.space_delimited_claims}
    return {k: v.split() if k in split and isinstance(v, str) else v for k, v in claims.items()}
