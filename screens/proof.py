"""The proof of a cause or a finding as a document: observed, means, because, do, explains, evidence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from meshdoctor.model.findings import Cause, Evidence, Finding, Fix
from meshdoctor.model.pages import Page, advice, page
from screens.seen import Seen, findings_by_id, thing
from screens.text import Run, age, badge, clean, cut_name, duration, moment, shell
from screens.verdict import changed_by, harm, sure
from screens.widgets.doc import Item

About = Cause | Finding
_PARAMETER = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Command:
    """A command that can be copied, and what it is for."""

    text: str
    says: str


def page_of(problem: str | None) -> Page | None:
    """The page of a problem, where there is one."""
    if not problem:
        return None
    try:
        return page(problem)
    except (KeyError, FileNotFoundError):
        return None


def proof(about: About, seen: Seen, *, brief: bool = False) -> list[Item]:
    """All of it; `brief` leaves out docs and the finer print."""
    text = page_of(about.problem)
    items: list[Item] = []
    items += _observed(about, seen)
    items += _because(about, seen)
    words = advice(about.code, about.problem)
    if words is not None:
        items.append(Item(words.means, label="MEANS"))
        items.append(Item(words.do, label="DO"))
    items += _fixes(about, text, seen, brief)
    items += _explains(about, seen)
    if not brief and text is not None:
        items += [Item(""), *_fine_print(text)]
    return items


def evidence(about: About, seen: Seen) -> list[Item]:
    """What was observed alone, without the summary: for where the verdict stands beside it."""
    found = list(_observed(about, seen))[1:]
    return [replace(item, label="" if number else "OBSERVED") for number, item in enumerate(found)]


def heading(about: About) -> list[Item]:
    """Code, title, how sure; then the object and its harm."""
    state = badge("FAIL" if isinstance(about, Cause) and about.observed else _status(about))
    head = (state, Run(f"  {about.problem or about.code}  "), Run(about.title or about.summary, "strong"))
    facts = [str(about.subject)]
    if isinstance(about, Cause):
        facts.append(harm(about))
    facts.append(f"{about.severity}")
    return [Item(head, note=sure(about.confidence) if about.confidence else ""), Item("   ".join(facts), indent=2)]


def _status(about: About) -> str:
    if isinstance(about, Finding):
        return str(about.status)
    return "FAIL" if about.severity in ("critical", "high") else "WARN"


def _observed(about: About, seen: Seen) -> Iterator[Item]:
    label = "OBSERVED"
    yield Item(about.summary or about.title, label=label)
    for number, evidence in enumerate(about.evidence):
        note = _note(evidence, seen)
        text: tuple[Run, ...] = (Run(evidence.says),)
        if evidence.quote and evidence.quote not in evidence.says:
            text = (Run(evidence.says), Run(f"  {evidence.quote}", "dim"))
        yield Item(text, note=note, key=f"evidence {number}", payload=evidence, label="")


def _note(evidence: Evidence, seen: Seen) -> str:
    """Which source said it, and how long ago."""
    source = next((s for s in seen.mesh.sources if s.name == evidence.source), None) if seen.mesh else None
    seconds = (source.age_s if source and source.age_s is not None else 0.0) + seen.elapsed
    said = cut_name(clean(evidence.source), 56)
    return f"{said}, {age(seconds)}" if said else age(seconds)


def _because(about: About, seen: Seen) -> Iterator[Item]:
    why = about.why if isinstance(about, Finding) else ""
    if not why and isinstance(about, Cause):
        found = findings_by_id(seen.diagnosis).get(about.finding)
        why = found.why if found else ""
    place = f"{about.subject}{f' at {about.path}' if about.path else ''}"
    yield Item(f"{why}  {place}" if why else place, label="BECAUSE")
    now = seen.now()
    if about.since and now:
        changed = changed_by(seen.mesh, about, now) if isinstance(about, Cause) else ""
        yield Item(f"{moment(about.since, now)}, for {duration((now - about.since).total_seconds())}", label="SINCE", note=changed)


def _fixes(about: About, text: Page | None, seen: Seen, brief: bool) -> Iterator[Item]:
    fixes: tuple[Fix, ...] = about.fixes if isinstance(about, Cause) else ()
    if not fixes and text is not None and isinstance(about, Finding):
        from meshdoctor.triage.commands import fixes_for
        from meshdoctor.triage.places import NOWHERE, places_of

        context = seen.mesh.cluster.context if seen.mesh else ""
        fixes = fixes_for(about, context, places_of(seen.mesh) if seen.mesh else NOWHERE)
    for number, fix in enumerate(fixes):
        yield Item((Run(fix.title), Run(f"   risk {fix.risk}", "dim")), label="FIX" if number == 0 else "")
        for place, command in enumerate(fix.commands):
            yield from _command(command, fix.title, f"fix {number} {place}")
        if brief:
            return


def _command(command: str, says: str, key: str) -> Iterator[Item]:
    """A command of one or more lines; its first line can be selected, and all of it copied."""
    lines = command.strip("\n").split("\n")
    for number, line in enumerate(lines):
        payload = Command(command, says) if number == 0 else None
        lead, role = (Run("$ ", "key"), "key") if number == 0 else (Run("  "), "")
        yield Item(shell(line), role, indent=2, key=f"{key} {number}", payload=payload, lead=lead)


def _explains(about: About, seen: Seen) -> Iterator[Item]:
    if not isinstance(about, Cause) or not about.explains:
        return
    known = findings_by_id(seen.diagnosis)
    found = [known[i] for i in about.explains if i in known]
    for number, finding in enumerate(found):
        says = (badge(str(finding.status), ""), Run(f" {finding.problem or finding.code}  {finding.summary or finding.title}"))
        yield Item(says, label="EXPLAINS" if number == 0 else "", key=f"explains {finding.id}", payload=finding)


def _fine_print(text: Page) -> Iterator[Item]:
    for label, words in (("RISK", text.risk), ("BACK OUT", text.rollback), ("VERIFY", text.verify), ("DETECTED", text.detect)):
        if words:
            yield Item(_PARAMETER.sub(r"<\1>", words), "dim", label=label)
    for number, link in enumerate(text.docs):
        yield Item(link, "dim", label="DOCS" if number == 0 else "", key=f"docs {number}", payload=Command(link, "the link"))


def exists(about: About, seen: Seen) -> bool:
    """Whether the object was read."""
    return thing(seen.mesh, about.subject) is not None
