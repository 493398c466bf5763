"""A diagnosis as text: the answer first, then causes with their proof, then what could not be seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from io import StringIO

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from meshdoctor.model.findings import Cause, Diagnosis, Finding, Status
from meshdoctor.model.text import counted, plain
from meshdoctor.reports.places import location
from meshdoctor.reports.preview_text import print_preview
from meshdoctor.reports.preview_words import added_first
from meshdoctor.reports.unseen import groups, way_out

Line = Callable[[str, int], str]
SNIPPET = 160  # of a line; a whole file may be one
SUPPRESSED = 10
UNSEEN = 12  # reasons why something was not seen
FULL, MOST = 20, 500  # causes and findings that are told; nobody reads on, and JSON has them all
GLYPHS = {
    "critical": ("✖", "bold red"),
    "high": ("✖", "red"),
    "medium": ("▲", "yellow"),
    "low": ("▲", "yellow"),
    "info": ("·", "dim"),
}
INDENT = 13  # of the values, behind their names
STATUS = {
    Status.PASS: ("●", "green"),
    Status.FAIL: ("✖", "red"),
    Status.WARN: ("▲", "yellow"),
    Status.UNKNOWN: ("?", "magenta"),
    Status.SKIPPED: ("○", "dim"),
    Status.ERROR: ("✖", "bold magenta"),
}


def diagnosis(found: Diagnosis, *, colour: bool = False, width: int = 100) -> str:
    """The whole diagnosis."""
    out, console = _console(colour, width)
    console.print(headline(found))
    for number, each in enumerate(found.causes[:FULL], 1):
        _cause(console, number, each, found.observed_at)
    _more(console, "causes", [(c.problem, c.title) for c in found.causes[FULL:]])
    _unseen(console, found)
    _footer(console, found)
    return out.getvalue()


def findings(found: Diagnosis, *, colour: bool = False, width: int = 100, line: Line | None = None) -> str:
    """The findings alone, worst first; `line` gives the words of a file at a line."""
    out, console = _console(colour, width)
    shown = [f for f in added_first(found) if f.subject.kind != "Source"]
    before = set(found.changes.findings.same) if found.changes else set()
    if found.changes is not None:
        print_preview(console, found.changes)
    for finding in shown[:MOST]:
        if finding.id in before:
            _finding_before(console, finding)
        else:
            _finding(console, finding, line)
    _more(console, "findings", [(f.code, f.title) for f in shown[MOST:]])
    if not shown:
        counts = found.coverage
        seen = f" in what could be seen ({counts.unknown} of {counts.rules} checks unknown)" if counts.unknown else ""
        console.print(Text(f"{'◐' if seen else '●'} No finding{seen}.", "yellow" if seen else "green"))
    _left_out(console, found)
    _unseen(console, found)
    _footer(console, found)
    return out.getvalue()


def headline(found: Diagnosis) -> Text:
    """One line: what is wrong, or that nothing was found in what could be seen."""
    counts = found.coverage
    unseen = f"{counts.unknown} of {counts.rules} checks unknown"
    if not found.causes:
        if counts.unknown and not counts.pass_:
            return Text(f"? Nothing could be judged ({unseen}).", "bold magenta")
        glyph = "●" if not counts.unknown else "◐"
        return Text(
            f"{glyph} No fault found in what could be seen ({unseen}).", "bold green" if not counts.unknown else "bold yellow"
        )
    first = found.causes[0]
    glyph, style = GLYPHS[first.severity]
    more = f"  (+{len(found.causes) - 1} more)" if len(found.causes) > 1 else ""
    return Text(f"{glyph} {plain(first.title)}: {plain(first.subject)}{more}", f"bold {style.removeprefix('bold ')}")


def ago(then: datetime | None, now: datetime) -> str:
    """`4 s`, `2 m`, `3 h`, `5 d`; empty where it is not known."""
    if then is None:
        return ""
    seconds = max(0, int((now - then).total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _console(colour: bool, width: int) -> tuple[StringIO, Console]:
    out = StringIO()
    console = Console(file=out, width=width, force_terminal=colour, no_color=not colour, highlight=False, markup=False, emoji=False)
    return out, console


def _cause(console: Console, number: int, cause: Cause, now: datetime) -> None:
    glyph, style = GLYPHS[cause.severity]
    kind = "" if cause.observed else "  latent"
    title = Text.assemble(
        "\n",
        (f"{number}. {glyph} {cause.problem} ", style),
        (plain(cause.title), "bold"),
        f"  {100 * cause.confidence:.0f} % sure{kind}",
    )
    console.print(title)
    _field(console, "object", f"{cause.subject}{f'  {cause.path}' if cause.path else ''}")
    _field(console, "observed", cause.summary)
    rate = cause.impact.requests_failed_per_s
    harm = ", ".join(cause.impact.workloads[:5])
    if rate is not None or harm:
        figure = "rate unknown" if rate is None else f"{rate:g} requests/s fail"
        _field(console, "harm", f"{figure}{f' at {harm}' if harm else ''}")
    if cause.since:
        _field(console, "since", f"{cause.since:%Y-%m-%d %H:%M:%S}Z, {ago(cause.since, now)}")
    for evidence in cause.evidence[:4]:
        words = f"{evidence.says}: {evidence.quote}" if evidence.quote and evidence.quote not in evidence.says else evidence.says
        _field(console, "proof", f"{words}  [{evidence.source}]" if evidence.source else words)
        if evidence.command:
            _field(console, "", f"$ {evidence.command}", "dim")
    if cause.explains:
        _field(console, "explains", counted(len(cause.explains), "other finding"))
    for fix in cause.fixes[:1]:
        _field(console, "do", f"{fix.title} (risk {fix.risk})")
        for command in fix.commands:
            _field(console, "", f"$ {command}", "dim")


def _finding(console: Console, finding: Finding, line: Line | None) -> None:
    glyph, style = STATUS[finding.status]
    codes = f"({', '.join(finding.codes)}) " if finding.codes else ""
    place = location(finding)
    console.print(
        Text.assemble(
            (f"{glyph} {finding.status} ", style),
            f"{finding.code} {f'{finding.problem} ' if finding.problem else ''}{codes}",
            (f"{plain(place)} " if place else "", "dim"),
            (plain(finding.subject), "bold"),
        ),
        soft_wrap=True,  # a place is clicked on and searched for: it is never broken
    )
    _field(console, "", finding.summary)
    if finding.status is Status.UNKNOWN and finding.why:
        _field(console, "", finding.why, "dim")
    if line and finding.file and finding.line:
        _snippet(console, line(finding.file, finding.line), finding.line, finding.column or 1)


def _finding_before(console: Console, finding: Finding) -> None:
    """One that the mesh has already: in one line."""
    glyph, style = STATUS[finding.status]
    words = f"as before: {finding.code} {f'{finding.problem} ' if finding.problem else ''}{finding.subject}: {finding.summary}"
    console.print(Text.assemble((f"{glyph} ", style), (plain(words, 400), "dim")))


def _snippet(console: Console, text: str, number: int, column: int) -> None:
    """The line of a file, and a mark under the place in it."""
    begin = max(0, column - 60)
    words = plain(text[begin : begin + SNIPPET])
    if not words.strip():
        return
    head = f"{number:>9} | "
    console.print(Text.assemble((f"   {head}", "dim"), words), soft_wrap=True)
    before = cell_len(plain(text[begin : column - 1]))
    console.print(Text(f"   {' ' * (len(head) - 2)}| {' ' * before}^", "dim"), soft_wrap=True)


def _more(console: Console, what: str, rest: list[tuple[str, str]]) -> None:
    """What is not told one by one: how many of each sort."""
    if rest:
        console.print(Text(f"\nand {len(rest)} more {what} (-o json has them all):", "bold"))
        for (name, title), number in Counter(rest).most_common(FULL):
            _field(console, f"{number}", f"{name} {title}")


def _left_out(console: Console, found: Diagnosis) -> None:
    if found.suppressed:
        console.print(Text(f"\n{len(found.suppressed)} suppressed", "dim"))
        for item in found.suppressed[:SUPPRESSED]:
            until = f" until {item.until}" if item.until else ""
            _field(console, "", f"{item.finding.code} {item.finding.subject}: {item.reason}{until}, by {item.by}", "dim")
        if len(found.suppressed) > SUPPRESSED:
            _field(console, "", f"and {len(found.suppressed) - SUPPRESSED} more (-o json has them all)", "dim")
    if found.known:
        console.print(Text(f"\n{found.known} findings known before (--baseline)", "dim"))


def _unseen(console: Console, found: Diagnosis) -> None:
    bad = groups(found.sources)
    unknown = [c for c in found.checks if c.status is Status.UNKNOWN]
    if not bad and not unknown and not found.notes:
        return
    console.print()
    if bad or unknown:
        console.print(Text(f"? Not seen: {len(unknown)} of {found.coverage.rules} checks unknown", "magenta"))
    for group in bad[:UNSEEN]:
        _field(console, group.state, group.says)
        if group.command:
            _field(console, "", f"$ {group.command}", "dim")
    if len(bad) > UNSEEN:
        _field(console, "", f"and {sum(g.sources for g in bad[UNSEEN:])} more (-o json has them all)")
    for words in way_out(found.sources):
        _field(console, "", words)
    for note in found.notes:
        _field(console, "note", note)


def _footer(console: Console, found: Diagnosis) -> None:
    c = found.coverage
    parts = (
        (c.pass_, "passed"),
        (c.fail, "failed"),
        (c.warn, "warned"),
        (c.unknown, "unknown"),
        (c.skipped, "skipped"),
        (c.error, "errors"),
    )
    figures = ", ".join(f"{n} {word}" for n, word in parts if n)
    files = not found.cluster.context and not found.cluster.server
    where = (
        "manifests"
        if files
        else f"{found.cluster.context or 'cluster'}, Istio {', '.join(found.cluster.istio) or 'version unknown'}"
    )
    seconds = f"{found.seconds.collect:.1f} s to collect, {found.seconds.rules:.1f} s to judge"
    console.print(Text(f"\n{plain(where)}: {c.rules} checks: {figures}; {seconds}", "dim"))


def _field(console: Console, name: str, value: str, style: str = "") -> None:
    if value.startswith("$ "):  # a command is copied from here: it is never broken or cut
        console.print(Text(" " * INDENT + plain(value), style), soft_wrap=True)
        return
    lines = Text(plain(value, 400), style).wrap(console, max(console.width - INDENT, 20))
    for number, line in enumerate(lines):
        head = f"   {name:<9} " if number == 0 else " " * INDENT
        console.print(Text.assemble((head, "dim"), line), soft_wrap=True)


def lines(items: Iterable[str]) -> str:
    """Items as lines of plain text."""
    return "\n".join(plain(i) for i in items) + "\n"
