"""Why a request was refused, as lines above a list: what was pasted or selected, and which policy, rule and field decide."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.authorization.decide import Verdict
from meshdoctor.istio.authorization.refused import Refusal
from screens.text import Run, shell
from screens.widgets.doc import Item

WORDS = {
    Verdict.ALLOWED: ("● may", "ok"),
    Verdict.DENIED: ("✖ 403", "bad"),
    Verdict.UNAUTHENTICATED: ("✖ 401", "bad"),
    Verdict.DEPENDS: ("? it depends", "unknown"),
}


def refusal(found: Refusal) -> list[Item]:
    """Who asked whom for what and what became of it; why; the object and field; the command that shows it."""
    head = (Run(*_mark(found)), Run(f"  {found.caller or 'somebody'} → {found.server or 'a server'}  {found.request}"))
    return [Item(head), *(Item(text, lead=Run(f"  {name:<8}", "dim")) for name, text in _rows(found) if text)]


def _mark(found: Refusal) -> tuple[str, str]:
    if found.is_refused:
        return ("✖ refused" if found.said else "✖ would be refused"), "bad"
    if found.said or found.decision is None:
        return "● not refused by a policy", "ok"
    return WORDS[found.decision.verdict]


def _rows(found: Refusal) -> Iterator[tuple[str, str]]:
    yield "said", found.said
    yield "why", found.why
    decision = found.decision
    near = decision.nearest if decision is not None else None
    yield from (("field", f"{miss.path}: {miss.says}") for miss in (near.misses if near is not None else ()))
    yield from (("trial", text) for text in (decision.dry_run if decision is not None else ()))
    subject = found.subject
    if subject is not None:
        yield "object", f"{subject}  {found.path}".rstrip()
        kind = f"{subject.kind.lower()}{f'.{subject.group}' if subject.group else ''}"
        yield "show", shell(f"kubectl {f'-n {subject.namespace} ' if subject.namespace else ''}get {kind} {subject.name} -o yaml")
    yield from (("note", note.replace("--from NAMESPACE/WORKLOAD", "NAMESPACE/WORKLOAD in front of it")) for note in found.notes)
