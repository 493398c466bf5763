"""JSON web tokens that are refused, that nobody asks for, and keys that proxies refuse."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.authorization.logged import TOKEN, told
from meshdoctor.istio.authorization.rules import built
from meshdoctor.istio.authorization.scope import covered, policies_for, tokens_for
from meshdoctor.istio.authorization.tokens import provider_rule
from meshdoctor.istio.rates import per_second
from meshdoctor.istio.selecting import SELECTABLE, is_in_mesh, selected
from meshdoctor.istio.workloads import services_of, workload_name
from meshdoctor.model.cluster import Namespace, Service
from meshdoctor.model.envoy import AccessLogEntry, Envoy
from meshdoctor.model.findings import Evidence, Harm
from meshdoctor.model.istiod import Istiod
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.security import AuthorizationPolicy, RequestAuthentication
from meshdoctor.model.subject import Subject
from meshdoctor.model.text import counted, some
from meshdoctor.model.workloads import Deployment, Pod
from probes.authorization import SHOWING, log_command
from probes.registry import Draft, fail, probe, quote
from probes.xds import all_told, refusals

MEANS = {
    "Jwt_is_expired": "the token is too old",
    "Jwt_not_yet_valid": "the token is not valid yet: clocks may differ",
    "Jwt_is_not_yet_valid": "the token is not valid yet: clocks may differ",
    "Jwt_issuer_is_not_configured": "no rule is for its issuer",
    "Audiences_in_Jwt_are_not_allowed": "it is meant for another audience",
    "Jwt_verification_fails": "its signature does not fit the issuer's keys",
}
OF_TOKENS = "request.auth."


@probe("JWT-002", over=RequestAuthentication, needs=(RequestAuthentication, Pod, Envoy, Service, *SHOWING))
def tokens_refused(mesh: Mesh, policy: RequestAuthentication) -> Iterator[Draft]:
    """Requests get 401 (403 for an audience): their token's issuer, audience, time or signature does not fit a rule."""
    by_reason: dict[str, list[tuple[Pod, AccessLogEntry]]] = {}
    window = 60.0
    for pod in covered(mesh, policy):
        envoy = mesh.envoy(pod)
        if envoy is None or not envoy.has("logs") or policy is not tokens_for(mesh, pod)[0]:
            continue
        window = max(window, envoy.logs.window_s)
        for entry in envoy.logs.access:
            match = TOKEN.search(entry.details)
            is_newer = policy.changed is None or entry.time is None or entry.time > policy.changed
            if match and is_newer:
                by_reason.setdefault(match["why"], []).append((pod, entry))
    if by_reason:
        yield _refused(mesh, policy, by_reason, window)


def _refused(
    mesh: Mesh, policy: RequestAuthentication, by_reason: dict[str, list[tuple[Pod, AccessLogEntry]]], window: float
) -> Draft:
    """The most frequent reason; the others are counted."""
    reason = max(by_reason, key=lambda r: len(by_reason[r]))
    lines = [each for some in by_reason.values() for each in some]
    pod, entry = by_reason[reason][-1]
    clients = (told(mesh, e, p).client for p, e in lines)
    who = sorted({workload_name(mesh, c) for c in clients if c is not None})
    means = MEANS.get(reason, "the token does not fit")
    others = ", ".join(f"{len(some)} for {other}" for other, some in by_reason.items() if other != reason)
    says = f"refuses tokens of {', '.join(who) or 'callers'} at {workload_name(mesh, pod)}: {means} ({reason})"
    evidence = [
        Evidence(
            f"{len(by_reason[reason])} requests refused{f', {others}' if others else ''}",
            f"access log of {pod.name}",
            f"{entry.code} {entry.details} {entry.path}",
            log_command(pod),
        ),
        quote(policy, "spec.jwtRules", f"issuers {', '.join(r.issuer for r in policy.spec.jwt_rules)}"),
    ]
    harm = Harm(tuple(who), per_second((e.time for _, e in lines), mesh.now, window))
    servers = list({p.subject: p for p, _ in lines}.values())
    also = [*dict.fromkeys(mesh.owner(p) for p in servers), *(s.subject for p in servers for s in services_of(mesh, p))]
    return fail(policy, says, at="spec.jwtRules", why=means, evidence=evidence, harm=harm, also=also)


@probe("JWT-003", over=RequestAuthentication, needs=(RequestAuthentication, AuthorizationPolicy, Namespace, *SELECTABLE))
def no_token_is_asked_for(mesh: Mesh, policy: RequestAuthentication) -> Iterator[Draft]:
    """A RequestAuthentication checks tokens, and no AuthorizationPolicy of the workload asks for one: without one all pass."""
    if not policy.spec.jwt_rules:
        return
    says = "no AuthorizationPolicy asks for a token: a request without one passes"
    if policy.spec.targets:
        same = [p for p in mesh[AuthorizationPolicy].within(policy.namespace) if _shares_target(p, policy)]
        if not any(_asks_for_token(p) for p in same):
            yield fail(policy, says, at="spec.targetRefs", lacking=(AuthorizationPolicy,))
        return
    open_ones: dict[Subject, None] = {}
    for carrier in selected(mesh, policy):
        if is_in_mesh(mesh, carrier) and not any(_asks_for_token(p) for p in policies_for(mesh, carrier)):
            thing = carrier.thing
            open_ones.setdefault(mesh.owner(thing) if isinstance(thing, Pod) else thing.subject)
    if open_ones:
        names = some((f"{s.namespace}/{s.name}" for s in open_ones), 3)
        yield fail(policy, f"{says} ({names})", at="spec.jwtRules", also=tuple(open_ones), lacking=(AuthorizationPolicy,))


def _asks_for_token(policy: AuthorizationPolicy) -> bool:
    tests = (t for rule in built(policy) for alternative in rule.sources for t in alternative)
    return any(t.attribute.name.startswith(OF_TOKENS) for t in tests)


def _shares_target(one: AuthorizationPolicy, other: RequestAuthentication) -> bool:
    targets = {(t.kind, t.name) for t in other.spec.targets}
    return any((t.kind, t.name) in targets for t in one.spec.targets)


@probe("JWT-004", needs=(RequestAuthentication, Istiod, Pod, Envoy, Deployment))
def keys_refused(mesh: Mesh) -> Iterator[Draft]:
    """Proxies refuse their configuration, since the keys of a token rule are no valid keys."""
    if not len(mesh[RequestAuthentication]):
        return
    told_of: dict[tuple[Subject, str], list[tuple[Pod, str]]] = {}
    rules = {}
    for pod, _, error, _ in refusals(mesh):
        rule = provider_rule(tokens_for(mesh, pod), error) if "jwks" in error.lower() else None
        if rule is not None:
            rules[rule.policy.subject, rule.path] = rule
            told_of.setdefault((rule.policy.subject, rule.path), []).append((pod, error))
    if not told_of and not mesh.istiods:
        all_told(mesh)  # nobody was asked: that is not a pass
    for key, refused in told_of.items():
        rule, (pod, error) = rules[key], refused[0]
        pods = {p.name for p, _ in refused}
        by = counted(len(pods), "proxy", "proxies")
        says = f"the keys of issuer {rule.rule.issuer}, and all that came with them, are refused by {by}: {error}"
        at = f"{rule.path}.{'jwks' if rule.rule.jwks else 'jwksUri'}"
        evidence = [
            Evidence(
                f"{pod.name} refuses its listeners", "NACK of the proxy", error, f"istioctl proxy-status {pod.name}.{pod.namespace}"
            ),
            quote(rule.policy, at, (rule.rule.jwks or rule.rule.jwks_uri)[:120]),
        ]
        owners = tuple(dict.fromkeys(mesh.owner(p) for p, _ in refused))
        harm = Harm(tuple(f"{o.namespace}/{o.name}" for o in owners))
        yield fail(rule.policy, says, at=at, evidence=evidence, harm=harm, also=[*owners, *(p for p, _ in refused)])
