"""Who may call a Service, why a request was refused, and a proposed policy: as text, JSON and YAML."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Any

from meshdoctor.model.text import plain
from meshdoctor.reports.tables import table

GLYPH = {"allowed": "● may", "denied": "✖ 403", "unauthenticated": "✖ 401", "depends": "▲ some"}
ORDER = list(GLYPH)
HEAD = ("", "WHO", "PORT", "WHY")
NAMED, LONGEST_WHO = 3, 48  # callers of one identity that are named in a row, and characters; JSON has all
RED, BOLD, DIM = "31", "1", "2"


def table_of(rows: Iterable[Any], *, colour: bool = False, columns: int | None = None) -> str:
    """One row for each identity and what it may, ports of which the same is true together; the last column cut to fit."""
    longest = LONGEST_WHO if columns is None else min(LONGEST_WHO, max(20, columns // 3))
    groups: dict[tuple[str, str, str], list[Any]] = {}
    for row in sorted(rows, key=lambda r: (ORDER.index(str(r.decision.verdict)), not r.principal)):
        groups.setdefault((glyph(row), _cut(who(row), longest), why(row)), []).append(row.entrance)
    made = [(mark, name, ports(some), reason) for (mark, name, reason), some in groups.items()]
    if columns is not None:
        left = sum(max(len(r[i]) for r in (HEAD, *made)) + 2 for i in range(len(HEAD) - 1))
        made = [(*r[:-1], _cut(r[-1], max(24, columns - left))) for r in made]
    return table(HEAD, made, colour=colour)


def ports(entrances: Iterable[Any]) -> str:
    """`8080,8090/http 8078/tcp`; a workload's own port that is another follows the arrow."""
    by_protocol: dict[str, dict[str, None]] = {}
    for each in entrances:
        number, _, protocol = each.shown.partition("/")
        by_protocol.setdefault(protocol, {})[number] = None
    return " ".join(f"{','.join(numbers)}/{protocol}" for protocol, numbers in by_protocol.items())


def glyph(row: Any) -> str:
    """What becomes of it, in a glyph and a word: refused connections have no status code."""
    verdict = str(row.decision.verdict)
    if verdict == "denied" and row.by is not None and row.by.kind == "PeerAuthentication":
        return "✖ reset"
    return "✖ closed" if verdict == "denied" and row.entrance.protocol == "tcp" else GLYPH[verdict]


def why(row: Any) -> str:
    """The object that decides and the reason, in short; who is asked besides, and what policies on trial would do."""
    decision, near = row.decision, row.decision.nearest
    by = "" if row.by is None else f"{row.by.namespace}/{row.by.name}{'' if decision.rule is None else f'[{decision.rule}]'}"
    if near is not None:
        field = near.misses[0].says.partition(" does not match ")[0] if near.misses else "it allows nothing"
        said = f"{by} is nearest: {field}"
    elif str(decision.verdict) == "allowed":
        said = by or decision.why
    elif row.by is not None and row.by.kind == "PeerAuthentication":
        said = decision.why.removeprefix("PeerAuthentication ")
    elif str(decision.verdict) == "depends":
        said = f"{by} {decision.why}".strip()
    else:
        said = f"DENY {by}" if decision.why.endswith("denies it") else f"{by}: {decision.why}" if by else decision.why
    return "; ".join((said, *(f"if {name} agrees" for name in decision.asks), *decision.dry_run))


def short(principal: str | None) -> str:
    """`namespace/account` of an identity."""
    if principal is None:
        return "identity unknown"
    namespace, _, account = principal.partition("/ns/")[2].partition("/sa/")
    return f"{namespace}/{account}" if account else principal or "no identity"


def who(row: Any) -> str:
    """The identity, and the workloads that show it."""
    namespace = short(row.principal).partition("/")[0]
    names = [c.name if c.namespace == namespace else f"{c.namespace}/{c.name}" for c in row.callers]
    names = [] if names == [short(row.principal).partition("/")[2]] else names
    more = f" +{len(names) - NAMED}" if len(names) > NAMED else ""
    return f"{short(row.principal)}: {' '.join(names[:NAMED])}{more}" if names else short(row.principal)


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else text[: room - 1] + "…"


def as_json(row: Any) -> dict[str, Any]:
    """A row as it is published."""
    decision = row.decision
    return {
        "principal": row.principal or None,
        "callers": row.callers,
        "port": row.entrance.port.port,
        "workload_port": row.entrance.target,
        "protocol": row.entrance.protocol,
        "server": row.entrance.server,
        **_decision(decision),
        "by": row.by,
    }


def _decision(decision: Any) -> dict[str, Any]:
    near = decision.nearest
    return {
        "verdict": str(decision.verdict),
        "why": decision.why,
        "rule": decision.rule,
        "path": decision.path or None,
        "details": decision.details or None,
        "depends": decision.depends,
        "asks": decision.asks,
        "dry_run": decision.dry_run,
        "nearest": None
        if near is None
        else {"subject": near.policy.subject, "rule": None if near.rule < 0 else near.rule, "misses": near.misses},
    }


def refusal_json(found: Any) -> dict[str, Any]:
    """A refusal as it is published; `now` is what would become of the request now, null where that is not known."""
    return {
        "refused": found.is_refused,
        "caller": found.caller,
        "server": found.server,
        "request": found.request,
        "said": found.said or None,
        "why": found.why,
        "subject": found.subject,
        "path": found.path or None,
        "now": None if found.decision is None else _decision(found.decision),
        "notes": found.notes,
    }


def refusal_text(found: Any, *, colour: bool = False, columns: int | None = None) -> str:
    """Who asked whom for what, why it was refused, the field, and the command that shows the object."""
    mark = ("✖ refused" if found.said else "✖ is refused") if found.is_refused else "● not refused by a policy"
    if not found.said and not found.is_refused:
        mark = GLYPH[str(found.decision.verdict)]
    head = f"{mark}  {found.caller or 'somebody'} → {found.server or 'a server'}  {found.request}".rstrip()
    lines = [_styled(plain(head), RED if found.is_refused else BOLD, colour=colour)]
    rows = [("Envoy said", found.said), ("why", found.why)]
    if found.subject is not None:
        rows.append(("object", f"{found.subject}  {found.path}".rstrip()))
    near = found.decision.nearest if found.decision is not None else None
    for miss in near.misses if near is not None else ():
        rows.append(("field", f"{miss.path}: {miss.says}"))
    if found.subject is not None:
        group = f".{found.subject.group}" if found.subject.group else ""
        where = f"-n {found.subject.namespace} " if found.subject.namespace else ""
        rows.append(("show", f"kubectl {where}get {found.subject.kind.lower()}{group} {found.subject.name} -o yaml"))
    rows += [("note", note) for note in found.notes]
    lines += [_styled(f"  {name:<12}", DIM, colour=colour) + _wrapped(plain(text), columns) for name, text in rows if text]
    return "\n".join(lines) + "\n"


def _wrapped(text: str, columns: int | None) -> str:
    """A text broken at its blanks, under the column that it begins in."""
    if columns is None:
        return text
    room = max(30, columns - 14)
    return ("\n" + " " * 14).join(textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False))


def _styled(text: str, code: str, *, colour: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colour else text


def proposal_yaml(found: Any) -> str:
    """The policy as YAML, headed by what it stands on."""
    import yaml

    service = f"{found.service.namespace}/{found.service.name}"
    said = [
        f"The least that the observed callers of {service} need, on trial (istio.io/dry-run): nothing is refused yet.",
        f"Seen in {found.window_s:.0f} s of access logs: {_count(len(found.calls), 'identity', 'identities')} called.",
        "Whoever did not call in that time is not in it: jobs, batches, failovers, people.",
    ]
    if found.unseen:
        said.append(f"{_count(found.unseen, 'proxy', 'proxies')} gave no access log: what they call may be missing.")
    for one in found.calls:
        many = "it called" if one.requests is None else _count(one.requests, "request", "requests")
        said.append(f"  {short(one.principal)}: {', '.join(f'{c.namespace}/{c.name}' for c in one.callers)}; {many}")
    if found.nameless:
        names = ", ".join(f"{c.namespace}/{c.name}" for c in found.nameless)
        said.append(f"Callers without identity, whom no such policy lets in: {names}")
    if not found.calls:
        said.append("No identity was seen calling: as it stands this policy would refuse everybody.")
    said += [
        "Apply it, read the dry-run results (istio_dry_run_allow_shadow_denied in Envoy's statistics),",
        "then take the annotation away.",
    ]
    return "".join(f"# {plain(line)}\n" for line in said) + yaml.safe_dump(found.manifest, sort_keys=False)


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
