"""What becomes of a request at the proxies before a pod: the policy and the rule that decide, and what they hang on.

Sources: istio.io, "Authorization Policy" (CUSTOM before DENY before ALLOW; with any ALLOW policy silence is a denial; AUDIT
decides nothing); istio, pilot/pkg/networking/core/listener_builder.go (tokens are checked between CUSTOM and DENY).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from meshdoctor.istio.authorization import providers, trust
from meshdoctor.istio.authorization.paths import normalized
from meshdoctor.istio.authorization.request import Request
from meshdoctor.istio.authorization.rules import BuiltRule, Match, Miss, built
from meshdoctor.istio.authorization.scope import Point, attached, points
from meshdoctor.istio.authorization.tokens import FOREIGN, Token, checked
from meshdoctor.model.cluster import Service
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.security import AuthorizationPolicy, RequestAuthentication
from meshdoctor.model.workloads import Pod

SILENCE = "rbac_access_denied_matched_policy[none]"
DENIED = "rbac_access_denied_matched_policy[%s]"
BAD_PROVIDER = "-deny-due-to-bad-CUSTOM-action"
Policies = tuple[AuthorizationPolicy, ...]


class Verdict(StrEnum):
    """What becomes of a request."""

    ALLOWED = "allowed"
    DENIED = "denied"
    UNAUTHENTICATED = "unauthenticated"  # 401: its token is refused
    DEPENDS = "depends"


class Nearest(msgspec.Struct, frozen=True):
    """The ALLOW rule that comes closest to a request which none matches, and what keeps it from matching."""

    policy: AuthorizationPolicy
    rule: int
    misses: tuple[Miss, ...]


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a request, and why.

    `policy` and `rule` are what decides (None where no policy does); `details` are Envoy's words in the access log;
    `depends` what is not known of the request and decides; `asks` the external authorizers that have the last word;
    `dry_run` what policies on trial would do.
    """

    verdict: Verdict
    why: str
    at: Point | None = None
    policy: AuthorizationPolicy | RequestAuthentication | None = None
    rule: int | None = None
    path: str = ""
    details: str = ""
    depends: tuple[str, ...] = ()
    nearest: Nearest | None = None
    asks: tuple[str, ...] = ()
    dry_run: tuple[str, ...] = ()


class Hit(msgspec.Struct, frozen=True):
    """A rule that matches a request, or may."""

    policy: AuthorizationPolicy
    rule: BuiltRule
    match: Match

    @property
    def name(self) -> str:
        """The name that Envoy has for it."""
        return f"ns[{self.policy.namespace}]-policy[{self.policy.name}]-rule[{self.rule.index}]"


def decide(mesh: Mesh, pod: Pod, request: Request, service: Service | None = None) -> Decision:
    """What becomes of a request to a pod, by a Service (which matters to waypoints), at each proxy on its way."""
    ways = points(mesh, pod, service)
    if not ways:
        return Decision(verdict=Verdict.ALLOWED, why="no proxy stands before it: policies are not enforced")
    found = [_at(mesh, point, request) for point in ways]
    worst = (Verdict.UNAUTHENTICATED, Verdict.DENIED, Verdict.DEPENDS)
    chosen = next((d for v in worst for d in found if d.verdict is v), found[0])
    if chosen.verdict is Verdict.ALLOWED:
        chosen = next((d for d in found if d.policy is not None), chosen)
    return msgspec.structs.replace(
        chosen,
        asks=tuple(dict.fromkeys(a for d in found for a in d.asks)),
        dry_run=tuple(dict.fromkeys(t for d in found for t in d.dry_run)),
    )


def _at(mesh: Mesh, point: Point, request: Request) -> Decision:
    """The decision of one proxy. ztunnel knows connections only."""
    if point.kind == "ztunnel":
        request = msgspec.structs.replace(request, is_http=False)
    policies = attached(mesh, AuthorizationPolicy, point)
    token = Token("none", {})
    if request.is_http:
        if request.path is not None:
            mode = str(mesh.mesh_config.path_normalization.get("normalization") or "DEFAULT")
            request = msgspec.structs.replace(request, path=normalized(request.path, mode))
        if not _is_preflight(request):
            token = checked(attached(mesh, RequestAuthentication, point), request.claims, mesh.now)
    held = _Held(mesh, point, policies, msgspec.structs.replace(request, claims=token.claims))
    decision = held.custom() or _refused(point, token) or held.denied() or held.allowed()
    return msgspec.structs.replace(decision, at=point, asks=held.asks, dry_run=held.on_trial())


def _is_preflight(request: Request) -> bool:
    """Whether a browser only asks if it may: its token is not looked at (istiod sets `bypassCorsPreflight`)."""
    return request.method == "OPTIONS" and {"origin", "access-control-request-method"} <= request.headers.keys()


def _refused(point: Point, token: Token) -> Decision | None:
    if token.state != "refused":
        return None
    why = f"its token is refused: {token.reason}"
    details = f"jwt_authn_access_denied{{{token.reason}}}"
    verdict = Verdict.DENIED if token.reason == FOREIGN else Verdict.UNAUTHENTICATED
    return Decision(verdict=verdict, why=why, at=point, policy=token.policy, path=token.path, details=details)


class _Held:
    """The policies of one proxy held against one request."""

    def __init__(self, mesh: Mesh, point: Point, policies: Policies, request: Request) -> None:
        self._mesh, self._request, self._maybe = mesh, request, list[Hit]()
        self.asks: tuple[str, ...] = ()
        self._by_action: dict[str, Policies] = {}
        self._trial: dict[str, Policies] = {}
        for policy in policies:
            kinds = self._trial if policy.is_dry_run else self._by_action
            action = policy.spec.action or "ALLOW"
            kinds[action] = (*kinds.get(action, ()), policy)
        self._domains = trust.of_mesh(mesh.mesh_config)

    def custom(self) -> Decision | None:
        """A denial for a provider that cannot be asked; those that are asked are noted."""
        those = self._by_action.get("CUSTOM", ())
        names = dict.fromkeys(providers.name_of(p) for p in those)
        several = "several providers are named at once, which istiod turns into a denial" if len(names) > 1 else ""
        asked: list[str] = []
        for name in sorted(names):
            hits = self._hits(tuple(p for p in those if providers.name_of(p) == name))
            trouble = several or providers.trouble(self._mesh, name)
            known = None if trouble else providers.provider_of(self._mesh, name)
            if known is not None and known.is_http_only and not self._request.is_http:
                continue  # it cannot be asked about connections: the policy does nothing
            sure = next((h for h in hits if h.match.holds), None)
            if trouble and sure is not None:
                details = DENIED % f"istio-ext-authz-{name}-{sure.name}{BAD_PROVIDER}"
                return self._decision(Verdict.DENIED, f"{trouble}: its CUSTOM rules deny", sure, details)
            if trouble:
                self._maybe += hits
            elif hits:
                asked.append(name if sure else f"{name} (perhaps)")
        self.asks = tuple(asked)
        return None

    def denied(self) -> Decision | None:
        """The first DENY rule that matches, in Envoy's order, which is that of names."""
        hits = self._hits(self._by_action.get("DENY", ()))
        sure = next((h for h in hits if h.match.holds), None)
        if sure is not None:
            why = f"rule {sure.rule.index} of {sure.policy.subject} denies it"
            return self._decision(Verdict.DENIED, why, sure, DENIED % sure.name)
        self._maybe += hits
        return None

    def allowed(self) -> Decision:
        """What ALLOW policies say, after all that may still deny."""
        those = self._by_action.get("ALLOW", ())
        hits = self._hits(those)
        sure = next((h for h in hits if h.match.holds), None)
        if those and not hits:
            return self._silent(those)
        perhaps = self._maybe if sure or not those else [*self._maybe, *hits]
        if perhaps:
            return self._depends(perhaps)
        if sure is None:
            return Decision(verdict=Verdict.ALLOWED, why="no policy says otherwise")
        return self._decision(Verdict.ALLOWED, f"rule {sure.rule.index} of {sure.policy.subject} allows it", sure, "")

    def _depends(self, perhaps: list[Hit]) -> Decision:
        """Rules that may match: what of the request would tell, and what each would do."""
        told = []
        for hit in perhaps:
            verb = "allowed" if (hit.policy.spec.action or "ALLOW") == "ALLOW" else "denied"
            told.append(f"{verb} if {', '.join(hit.match.unknown)}" if hit.match.unknown else f"{verb} otherwise")
        depends = tuple(dict.fromkeys(u for h in perhaps for u in h.match.unknown))
        why = "; ".join(dict.fromkeys(told))
        return msgspec.structs.replace(self._decision(Verdict.DEPENDS, why, perhaps[0], ""), depends=depends)

    def _silent(self, those: Policies) -> Decision:
        near = nearest(those, self._request, self._domains)
        if near.rule < 0:
            why = f"no ALLOW policy matches: {near.policy.subject} allows nothing"
        else:
            why = f"no ALLOW policy matches; nearest is rule {near.rule} of {near.policy.subject}"
        path = near.misses[0].path if near.misses else "spec"
        return Decision(
            verdict=Verdict.DENIED,
            why=why,
            policy=near.policy,
            rule=None if near.rule < 0 else near.rule,
            path=path,
            details=SILENCE,
            nearest=near,
        )

    def on_trial(self) -> tuple[str, ...]:
        """What dry-run policies would do, in words. CUSTOM ones cannot be told."""
        told = [f"{h.policy.subject} (dry-run) would deny it" for h in self._hits(self._trial.get("DENY", ())) if h.match.holds]
        allows = self._trial.get("ALLOW", ())
        if allows and not self._hits(allows):
            names = ", ".join(str(p.subject) for p in allows)
            told.append(f"{names} (dry-run) would deny it: no rule matches")
        return tuple(told)

    def _hits(self, policies: Policies) -> list[Hit]:
        """The rules that match, or may, in Envoy's order."""
        found = (Hit(p, rule, rule.match(self._request)) for p in policies for rule in self._built(p))
        return sorted((h for h in found if h.match.holds is not False), key=lambda h: h.name)

    def _built(self, policy: AuthorizationPolicy) -> tuple[BuiltRule, ...]:
        key = ("built", id(policy), self._request.is_http)
        known: tuple[BuiltRule, ...] | None = self._mesh.memo.get(key)
        if known is None:
            known = self._mesh.memo[key] = built(policy, self._domains, is_http=self._request.is_http)
        return known

    @staticmethod
    def _decision(verdict: Verdict, why: str, hit: Hit, details: str) -> Decision:
        at = f"spec.rules[{hit.rule.index}]"
        return Decision(verdict=verdict, why=why, policy=hit.policy, rule=hit.rule.index, path=at, details=details)


def nearest(policies: Iterable[AuthorizationPolicy], request: Request, domains: tuple[str, ...]) -> Nearest:
    """The rule that misses a request by least: fewest fields, then the policy with the narrowest selector, the youngest."""

    def distance(one: Nearest) -> tuple[int, bool, float]:
        changed = one.policy.changed
        selector = one.policy.spec.selector
        return len(one.misses) or 99, not (selector and selector.wanted), -(changed.timestamp() if changed else 0.0)

    found = []
    for policy in policies:
        rules = built(policy, domains, is_http=request.is_http)
        found += [Nearest(policy, rule.index, rule.match(request).misses) for rule in rules]
        if not rules:
            found.append(Nearest(policy, -1, ()))
    return min(found, key=distance)
