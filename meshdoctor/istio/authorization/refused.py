"""Why one request was refused: the policy, the rule, the field that failed, and what comes nearest to letting it in."""

from __future__ import annotations

import msgspec

from meshdoctor.istio.authorization.callers import Entrance, who_can
from meshdoctor.istio.authorization.decide import Decision, Verdict, decide
from meshdoctor.istio.authorization.logged import AUTHORIZER, TOKEN, named, told
from meshdoctor.istio.authorization.request import Request
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.envoy import AccessLogEntry
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.security import RequestAuthentication
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Pod

REFUSED = (Verdict.DENIED, Verdict.UNAUTHENTICATED)


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a refusal. `said` are Envoy's words then, `decision` is what would become of it now."""

    caller: str = ""
    server: str = ""
    request: str = ""
    said: str = ""
    why: str = ""
    subject: Subject | None = None  # the object that refuses
    path: str = ""
    decision: Decision | None = None
    is_refused: bool = True
    notes: tuple[str, ...] = ()


def of_entry(mesh: Mesh, entry: AccessLogEntry | None, details: str) -> Refusal:
    """The refusal that a line of an access log tells, or Envoy's words alone."""
    if entry is None:
        return _by_words(mesh, Refusal(said=details))
    what = told(mesh, entry)
    request = what.request
    words = f"{request.method} {request.host or ''}{request.path or ''}".strip() if request.is_http else "a connection"
    decision = decide(mesh, what.server, request, what.service) if what.server is not None else None
    notes = []
    if what.server is None:
        notes.append("no pod has the server's address now: what its policies say is not known")
    if what.client is None:
        notes.append(f"no pod has the caller's address {entry.downstream_remote or '(not in the line)'}: who it is is not known")
    found = Refusal(
        caller=_caller(mesh, what.client, request, entry.downstream_remote),
        server=f"{_name(mesh, what.server)}:{request.port or '?'}"
        if what.server
        else entry.downstream_local or "an unknown server",
        request=words,
        said=details or (str(entry.code) if entry.code else ""),
        decision=decision,
        notes=tuple(notes),
    )
    return _by_words(mesh, found, code=entry.code)


def of_request(mesh: Mesh, entrance: Entrance, request: Request, callers: tuple[Pod, ...]) -> Refusal:
    """What becomes of a request that somebody would make; of several identities of the callers the first that is refused."""
    rows = list(who_can(mesh, entrance, request, callers))
    row = next((r for r in rows if r.decision.verdict in REFUSED), rows[0] if rows else None)
    words = f"{request.method} {request.host or ''}{request.path or ''}".strip()
    server = f"{entrance.server.namespace}/{entrance.server.name}:{entrance.target}"
    if row is None:
        facts = msgspec.structs.replace(request, port=entrance.target, destination_ip=entrance.pod.status.pod_ip or None)
        decision = decide(mesh, entrance.pod, facts, entrance.service)
        notes = ("who calls is not known: name it with --from NAMESPACE/WORKLOAD",)
        return _now(Refusal(caller="somebody", server=server, request=words, decision=decision, notes=notes))
    caller = f"{', '.join(f'{c.namespace}/{c.name}' for c in row.callers[:3])} ({row.principal or 'no identity'})"
    return _now(Refusal(caller=caller, server=server, request=words, decision=row.decision, subject=row.by))


def _now(refusal: Refusal) -> Refusal:
    """As policies are now: there is nothing that Envoy said."""
    decision = refusal.decision
    assert decision is not None
    return msgspec.structs.replace(
        refusal,
        why=decision.why,
        subject=refusal.subject or _subject(decision.policy),
        path=decision.path,
        is_refused=decision.verdict in REFUSED,
    )


def _by_words(mesh: Mesh, found: Refusal, code: int = 0) -> Refusal:
    """Why, by what Envoy said: it knew the request better than a log line tells."""
    rule, token = named(found.said), TOKEN.search(found.said)
    decision = found.decision
    if rule is not None:
        policy = rule.object(mesh)
        where = f"AuthorizationPolicy {rule.namespace}/{rule.policy}"
        if policy is None:
            return msgspec.structs.replace(found, why=f"rule {rule.rule} of {where} denied it; that policy is gone now")
        at = f"spec.rules[{rule.rule}]"
        if rule.rule >= len(policy.spec.rules):
            why = f"rule {rule.rule} of {where} denied it; it has {len(policy.spec.rules)} rules now"
            return msgspec.structs.replace(found, why=why, subject=policy.subject)
        does = "denied it" if not rule.provider else f"denied it, since provider {rule.provider} cannot be asked"
        return msgspec.structs.replace(found, why=f"rule {rule.rule} of {where} {does}", subject=policy.subject, path=at)
    if token is not None:
        why = f"its token was refused: {token['why']}"
        by = decision.policy if decision and isinstance(decision.policy, RequestAuthentication) else None
        return msgspec.structs.replace(found, why=why, subject=_subject(by))
    if AUTHORIZER.search(found.said):
        return msgspec.structs.replace(found, why="the external authorizer of a CUSTOM policy refused it or did not answer")
    if "access_denied" in found.said:
        return _silent(found)
    return _other(found, code)


def _silent(found: Refusal) -> Refusal:
    """`[none]`: ALLOW policies hold there, and none matched."""
    decision = found.decision
    if decision is None:
        return msgspec.structs.replace(found, why="ALLOW policies hold at the server, and none of them matched")
    near = decision.nearest
    if near is not None:
        return msgspec.structs.replace(found, why=decision.why, subject=near.policy.subject, path=decision.path)
    verdict = "would be let in now" if decision.verdict is Verdict.ALLOWED else f"now: {decision.why}"
    notes = (*found.notes, f"policies, or what is known of the request, differ: it {verdict}")
    why = "no ALLOW policy matched then"
    if decision.verdict is Verdict.DEPENDS:
        why, notes = f"no ALLOW policy matched; the line does not tell enough: {decision.why}", found.notes
    subject = _subject(decision.policy)
    return msgspec.structs.replace(found, why=why, subject=subject, path=decision.path, notes=notes)


def _other(found: Refusal, code: int) -> Refusal:
    refused = code in (401, 403)
    who = "the application itself, or a filter that leaves no words" if refused else ""
    why = f"no policy of Istio refused it: {code} came from {who}" if refused else "it was not refused by a policy"
    decision = found.decision
    if decision is not None and decision.verdict in REFUSED:
        return msgspec.structs.replace(
            found, why=f"{why}; it would be refused now: {decision.why}", subject=_subject(decision.policy)
        )
    return msgspec.structs.replace(found, why=why, is_refused=False)


def _subject(policy: KubernetesObject | None) -> Subject | None:
    return policy.subject if policy is not None else None


def _caller(mesh: Mesh, client: Pod | None, request: Request, address: str) -> str:
    if client is None:
        return address or "an unknown caller"
    return f"{_name(mesh, client)} ({request.principal or 'no identity'})"


def _server(mesh: Mesh, server: Pod | None, request: Request, address: str) -> str:
    if server is None:
        return address or "an unknown server"
    return f"{_name(mesh, server)}:{request.port or '?'}"


def _name(mesh: Mesh, pod: Pod) -> str:
    owner = mesh.owner(pod)
    return f"{owner.namespace}/{owner.name}"
