"""A scan as text, JSON and Markdown: the states first, then what stands in the way, then what changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from meshdoctor.model.findings import Status
from meshdoctor.model.onboarding import Change, CheckResult, NamespaceResult, Scan, State
from meshdoctor.model.text import counted, plain
from meshdoctor.reports.tables import table
from meshdoctor.reports.text import STATUS, ago

SCHEMA = "meshdoctor.scan/v1"
GLYPHS = {
    State.DEGRADED: "✖",
    State.ENROLLING: "◐",
    State.ONBOARDED: "●",
    State.NOT_ENROLLED: "○",
    State.EXEMPT: "○",
    None: "?",
}
ORDER = tuple(GLYPHS)
LEFT = (Status.FAIL, Status.ERROR, Status.WARN, Status.UNKNOWN)
CHANGES = 20


def as_json(scan: Scan) -> dict[str, Any]:
    """`meshdoctor.scan/v1`, ready for `encode`; a state that is not known is null."""
    return {"schema": SCHEMA} | {name: getattr(scan, name) for name in scan.__struct_fields__}


def state_word(state: State | None) -> str:
    """A state with its glyph."""
    return f"{GLYPHS[state]} {state or 'unknown'}"


def sorted_by_need(namespaces: Iterable[NamespaceResult]) -> list[NamespaceResult]:
    """Those that need something first."""
    return sorted(namespaces, key=lambda n: (n.state is not None, ORDER.index(n.state), n.name))


def text(scan: Scan, *, colour: bool = False, width: int = 100) -> str:
    """One namespace in full, or a line each."""
    lines = [headline(scan)]
    if len(scan.namespaces) == 1:
        lines += ["", *_one(scan.namespaces[0], width)]
    elif scan.namespaces:
        lines += ["", _table(scan, colour).rstrip("\n"), *_next_steps(scan, width)]
    lines += _changed(scan)
    lines += [line for note in scan.notes for line in _wrapped("note: ", note, width)]
    lines.append("")
    lines.append(
        f"{plain(scan.cluster.context) or 'cluster'}: {scan.seconds.collect:.1f} s to collect, {scan.seconds.rules:.1f} s to judge"
    )
    return "\n".join(lines) + "\n"


def headline(scan: Scan) -> str:
    """How many namespaces are in which state."""
    counts = Counter(n.state for n in scan.namespaces)
    told = ", ".join(f"{counts[s]} {s or 'unknown'}" for s in ORDER if counts[s])
    return f"{counted(len(scan.namespaces), 'namespace')}: {told}" if scan.namespaces else "No namespace to scan."


def _table(scan: Scan, colour: bool) -> str:
    rows = []
    for n in sorted_by_need(scan.namespaces):
        pods = sum(w.pods or 0 for w in n.workloads)
        inside = sum(w.in_mesh or 0 for w in n.workloads)
        blocking = sum(c.blocks for c in n.checks)
        warned = sum(c.status is Status.WARN for c in n.checks)
        unknown = sum(c.status is Status.UNKNOWN for c in n.checks)
        rows.append(
            (
                state_word(n.state),
                n.name,
                f"{inside}/{pods}",
                f"{n.passed}/{n.applicable}",
                blocking,
                warned,
                unknown,
                n.owner or "-",
            )
        )
    return table(("STATE", "NAMESPACE", "IN MESH", "PASSED", "BLOCK", "WARN", "?", "OWNER"), rows, colour=colour)


def _next_steps(scan: Scan, width: int) -> list[str]:
    """What to do next, where something is degraded, enrolling or unknown."""
    lines = []
    for n in sorted_by_need(scan.namespaces):
        if n.next and n.state in (State.DEGRADED, State.ENROLLING, None):
            lines += _wrapped(f"{GLYPHS[n.state]} {n.name}: ", n.next, width)
    return ["", *lines] if lines else []


def _one(n: NamespaceResult, width: int) -> list[str]:
    lines = [f"{state_word(n.state)}  {plain(n.name)}   {n.passed} of {n.applicable} checks pass"]
    if n.reason:
        lines += _wrapped("  because  ", n.reason, width)
    if n.owner:
        lines.append(f"  owner    {plain(n.owner)}  ({plain(n.owned_by)})")
    if n.next:
        lines += _wrapped("  next     ", n.next, width)
    lines.append("")
    for check in n.checks:
        lines += _check(check, width)
    lines += _skipped(n.checks, width)
    if n.workloads:
        rows = [
            (w.subject.kind, w.subject.name, w.state, "?" if w.pods is None else f"{w.in_mesh}/{w.pods}", w.revision or "-")
            for w in n.workloads
        ]
        lines += ["", table(("KIND", "WORKLOAD", "STATE", "IN MESH", "NEW PODS BY"), rows).rstrip("\n")]
    return lines


def _check(check: CheckResult, width: int) -> list[str]:
    glyph = STATUS[check.status][0]
    head = f"{glyph} {check.status:<7} {check.id:>3} {check.title}"
    if check.status is Status.SKIPPED:
        return []
    mark = "  blocks" if check.blocks else ""
    lines = [f"{head}{mark}", *_wrapped(" " * 14, check.says, width)]
    if check.status in LEFT:
        lines += _wrapped(" " * 14 + "do: ", check.do, width) if check.do else []
        lines += [f"{' ' * 14}$ {plain(e.command)}" for e in check.evidence[:1] if e.command]
    return lines


def _skipped(checks: Iterable[CheckResult], width: int) -> list[str]:
    """What does not apply, by the reason."""
    reasons: dict[str, list[str]] = {}
    for check in checks:
        if check.status is Status.SKIPPED:
            reasons.setdefault(check.says, []).append(check.id)
    head = f"{STATUS[Status.SKIPPED][0]} SKIPPED "
    return [line for why, ids in reasons.items() for line in _wrapped(head, f"{', '.join(ids)}: {why}", width)]


def _wrapped(head: str, words: str, width: int) -> list[str]:
    import textwrap

    return textwrap.wrap(plain(words, 600), width, initial_indent=head, subsequent_indent=" " * min(len(head), 14)) or [head]


def _changed(scan: Scan) -> list[str]:
    if scan.since is None:
        return []
    before = f"{scan.since:%Y-%m-%d %H:%M}Z, {ago(scan.since, scan.observed_at)} ago"
    if not scan.changes:
        return ["", f"No change since the last scan ({before})."]
    titles = {c.id: c.title for n in scan.namespaces for c in n.checks}
    lines = ["", f"Since the last scan ({before}):"]
    lines += [f"  {_change(c, titles)}" for c in scan.changes[:CHANGES]]
    left = len(scan.changes) - CHANGES
    return [*lines, f"  and {left} more (-o json has them all)"] if left > 0 else lines


def _change(change: Change, titles: dict[str, str]) -> str:
    what = f"check {change.check} {titles.get(change.check, '')}".rstrip() if change.check else "state"
    if not change.check and change.before is None:
        return plain(f"{change.namespace}: new, {change.after or 'unknown'}")
    if not change.check and change.after is None:
        return plain(f"{change.namespace}: {change.before} -> not there any more, or not known")
    return plain(f"{change.namespace}: {what}: {change.before or 'unknown'} -> {change.after or 'unknown'}")


def markdown(scan: Scan) -> str:
    """A table of the namespaces, and what is left to do in each."""
    lines = [f"**{headline(scan)}**", "", "| state | namespace | passed | owner | next |", "| --- | --- | --- | --- | --- |"]
    for n in sorted_by_need(scan.namespaces):
        cells = (state_word(n.state), n.name, f"{n.passed}/{n.applicable}", n.owner or "", n.next)
        lines.append("| " + " | ".join(plain(c, 300).replace("|", "\\|") for c in cells) + " |")
    return "\n".join(lines) + "\n"
