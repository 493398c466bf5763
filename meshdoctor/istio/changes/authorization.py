"""Workloads at which AuthorizationPolicies begin or cease to deny, and whom that shuts out."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from meshdoctor.istio.authorization import trust
from meshdoctor.istio.authorization.request import Request
from meshdoctor.istio.authorization.rules import refusals
from meshdoctor.istio.authorization.scope import policies_for
from meshdoctor.istio.authorization.showing import principal_of
from meshdoctor.istio.changes.objects import content
from meshdoctor.istio.changes.rulewords import rule_words
from meshdoctor.istio.running import workloads
from meshdoctor.istio.workloads import injected_pods
from meshdoctor.model.changes import AuthorizationChange, Effect
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.security import AuthorizationPolicy
from meshdoctor.model.subject import Subject
from meshdoctor.model.text import some

Policies = tuple[AuthorizationPolicy, ...]
NAMED = 6  # identities said in words; the JSON has all


class _Place(msgspec.Struct, frozen=True):
    """Where policies are enforced, and those before and after."""

    target: Subject
    before: Policies
    after: Policies


class _Callers:
    """The identities of the mesh, and which of them pass ALLOW policies: found once for the same policies."""

    def __init__(self, mesh: Mesh) -> None:
        self._all = sorted({principal_of(mesh, p) for p in injected_pods(mesh)} - {""})
        self._domains = trust.of_mesh(mesh.mesh_config)
        self._known: dict[tuple[int, ...], frozenset[str]] = {}

    def passing(self, allow: Policies) -> frozenset[str]:
        """Those of whom some request may be allowed, as far as identity alone tells; without policies everybody."""
        key = tuple(map(id, allow))
        if key not in self._known:
            self._known[key] = frozenset(p for p in self._all if not allow or self._passes(p, allow))
        return self._known[key]

    def _passes(self, principal: str, allow: Policies) -> bool:
        return any(not refusals(a, Request(principal=principal), self._domains) for a in allow)


def authorization_changes(before: Mesh, after: Mesh) -> Iterator[AuthorizationChange]:
    """Each workload (or target of targetRefs) whose policies are not the same."""
    callers = _Callers(after)
    for place in (*_workloads(before, after), *_targets(before, after)):
        yield from _default(place, callers)
        for action in ("DENY", "CUSTOM"):
            yield from _restricting(place, action)


def _workloads(before: Mesh, after: Mesh) -> Iterator[_Place]:
    former = {w.subject: w for w in workloads(before)}
    for workload in workloads(after):
        old = former.get(workload.subject)
        if old is not None and any(p.proxy is not None for p in workload.pods):
            place = _Place(workload.subject, policies_for(before, old), policies_for(after, workload))
            if _differ(place.before, place.after):
                yield place


def _targets(before: Mesh, after: Mesh) -> Iterator[_Place]:
    old, new = _by_target(before), _by_target(after)
    for target in sorted({*old, *new}):
        place = _Place(target, old.get(target, ()), new.get(target, ()))
        if _differ(place.before, place.after):
            yield place


def _by_target(mesh: Mesh) -> dict[Subject, Policies]:
    found: dict[Subject, Policies] = {}
    for policy in mesh[AuthorizationPolicy]:
        for each in policy.spec.targets if not policy.is_dry_run else ():
            target = Subject(each.group, each.kind, each.namespace or policy.namespace, each.name)
            found[target] = (*found.get(target, ()), policy)
    return found


def _differ(one: Policies, other: Policies) -> bool:
    return len(one) != len(other) or any(a is not b and content(a) != content(b) for a, b in zip(one, other, strict=True))


def _of(policies: Policies, action: str) -> Policies:
    return tuple(p for p in policies if (p.spec.action or "ALLOW") == action)


def _default(place: _Place, callers: _Callers) -> Iterator[AuthorizationChange]:
    """What its ALLOW policies let through: without any, everybody."""
    old, new = _of(place.before, "ALLOW"), _of(place.after, "ALLOW")
    if not _differ(old, new):
        return
    was, now = callers.passing(old), callers.passing(new)
    out, let = (tuple(_short(c) for c in sorted(some)) for some in (was - now, now - was))
    if new and not old:
        says = f"denies by default: only what {_names(new)} allows passes ({'; '.join(rule_words(p) for p in new)})"
    elif old and not new:
        says = "no longer denies by default: without an ALLOW policy everybody passes"
    else:
        says = f"is allowed otherwise: {'; '.join(f'{p.subject} {rule_words(p)}' for p in _new_of(old, new)) or _names(new)}"
    effect: Effect = "loses" if out or (new and not old) else "gains" if old and not new else "changes"
    says += f"; no longer let in: {some(out, NAMED)}" if out else ""
    says += f"; newly let in: {some(let, NAMED)}" if let and old and new else ""
    yield _change(place, effect, says, new or old, shut_out=out, let_in=let)


def _restricting(place: _Place, action: str) -> Iterator[AuthorizationChange]:
    old = {p.subject: p for p in _of(place.before, action)}
    new = {p.subject: p for p in _of(place.after, action)}
    verb = "denies" if action == "DENY" else "asks its provider about"
    for subject, policy in new.items():
        former = old.get(subject)
        if former is None or _differ((former,), (policy,)):
            begins = "begins: it " if former is None else "changes: it now "
            yield _change(place, "loses", f"{subject} ({action}) {begins}{verb} {rule_words(policy)}", (policy,))
    for subject, policy in old.items():
        if subject not in new:
            yield _change(place, "gains", f"{subject} ({action}) no longer {verb} {rule_words(policy)}", (policy,))


def _new_of(old: Policies, new: Policies) -> Policies:
    before = {p.subject: p for p in old}
    return tuple(p for p in new if p.subject not in before or _differ((before[p.subject],), (p,)))


def _change(
    place: _Place, effect: Effect, says: str, by: Policies, *, shut_out: tuple[str, ...] = (), let_in: tuple[str, ...] = ()
) -> AuthorizationChange:
    return AuthorizationChange(
        effect=effect,
        about=str(place.target),
        says=says,
        by=tuple(p.subject for p in by),
        target=place.target,
        shut_out=shut_out,
        let_in=let_in,
    )


def _names(policies: Policies) -> str:
    return ", ".join(str(p.subject) for p in policies)


def _short(principal: str) -> str:
    """`namespace/account` of an identity."""
    namespace, _, account = principal.partition("/ns/")[2].partition("/sa/")
    return f"{namespace}/{account}"
