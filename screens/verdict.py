"""The answer in words: what is wrong, which object, how sure, since when, who changed it."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from meshdoctor.collect.link import Link
from meshdoctor.istio.controlplane import istiod_pods
from meshdoctor.model.findings import Cause, Diagnosis
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.pages import FAMILY_NAMES
from meshdoctor.model.sources import Unseen
from screens.seen import Seen, thing
from screens.text import Run, age, badge, count, duration, glued, moment
from screens.widgets.doc import Item

SLOW = 2.0  # seconds from which waiting is told


def verdict(seen: Seen) -> list[Item]:
    """The first lines of the home screen, whatever the state of things."""
    if seen.mesh is None:
        return _no_mesh(seen)
    if seen.diagnosis is None:
        return [Item((Run("… judging", "unknown"), Run("  the objects are read, the rules are running")))]
    observed = [c for c in seen.diagnosis.causes if c.observed]
    first = (observed or list(seen.diagnosis.causes))[:1]
    if not first and is_asking(seen.mesh):
        return [_nothing_yet(seen.diagnosis), *_lost(seen)]
    items = _of_cause(first[0], seen, len(seen.diagnosis.causes)) if first else [nothing_found(seen.diagnosis)]
    return [*items, *_lost(seen)]


def _lost(seen: Seen) -> list[Item]:
    """The connection is gone: what is shown is old, and why."""
    link = seen.link
    if link.state not in ("stale", "error") or seen.is_recorded:
        return []
    state = badge("ERROR", "not connected") if link.state == "error" else badge("partly", "not answering")
    said = f"  what is shown is {age(seen.elapsed)} old. {link.reason} {link.do}".rstrip()
    return [Item((state, Run(said), Run("  r", "key"), Run(" try again", "dim")))]


def nothing_found(diagnosis: Diagnosis) -> Item:
    """No cause: said with what was not seen, and with what was found all the same."""
    c = diagnosis.coverage
    unknown = f"({c.unknown} of {c.rules} checks unknown)"
    if c.fail or c.error:
        says = f"  {count(c.fail + c.error, 'check')} failed, but no cause stands out {unknown}.  "
        return Item((badge("WARN", "faults"), Run(says, "strong"), Run("8", "key"), Run(" findings", "dim")))
    if not c.pass_:
        says = f"  Nothing could be judged {unknown}."
        return Item((badge("UNKNOWN"), Run(says, "strong"), Run("  u", "key"), Run(" why", "dim")))
    glyph = Run("◐ ", "warn") if c.unknown else Run("● ", "ok")
    return Item((glyph, Run(f"No fault in what could be seen {unknown}.", "strong")))


def is_asking(mesh: Mesh) -> bool:
    """Whether what runs has not been asked yet: the objects are there before istiod and the proxies have answered."""
    if mesh.istiods or mesh.envoys:
        return False
    try:
        return bool(istiod_pods(mesh))
    except Unseen:
        return False


def _nothing_yet(diagnosis: Diagnosis) -> Item:
    """No cause in the objects alone: no verdict, since what runs is still being asked."""
    c = diagnosis.coverage
    says = f"  istiod and the proxies are being asked; {c.unknown} of {c.rules} checks wait for them"
    return Item((Run("… ", "unknown"), Run("No fault so far", "strong"), Run(says)))


def _of_cause(cause: Cause, seen: Seen, others: int) -> list[Item]:
    role = "bad" if cause.observed or cause.severity in ("critical", "high") else "warn"
    glyph = "✖" if role == "bad" else "▲"
    items = [Item((Run(f"{glyph} ", role), Run(cause.title or cause.summary, "strong")))]
    if cause.summary and cause.summary != cause.title:
        items.append(Item(cause.summary, indent=2))
    now = seen.now()
    facts = [Run(f"{cause.subject}"), _fact(sure(cause.confidence)), _fact(harm(cause))]
    if cause.since and now:
        facts.append(_fact(f"since {moment(cause.since, now)}, {duration((now - cause.since).total_seconds())}"))
    changed = changed_by(seen.mesh, cause, now)
    more = f"{count(others - 1, 'other cause')} below" if others > 1 else ""
    facts += [_fact(part, "dim") for part in (changed, more) if part]
    return [*items, Item(tuple(facts), indent=2)]


def _fact(text: str, role: str = "") -> Run:
    """One of the facts of a line, that breaks between them only."""
    return Run(f"   {glued(text)}", role)


def sure(confidence: float) -> str:
    return f"{confidence:.0%} sure".replace("%", " %")


def harm(cause: Cause) -> str:
    """What was seen to suffer. Unknown figures are not zero."""
    if cause.impact.requests_failed_per_s is not None:
        return f"{cause.impact.requests_failed_per_s:.1f} req/s fail"
    if cause.impact.workloads:
        return f"{count(len(cause.impact.workloads), 'workload')} suffer{'s' if len(cause.impact.workloads) == 1 else ''}"
    return "harm seen" if cause.observed else "no harm seen yet"


def changed_by(mesh: Mesh | None, cause: Cause, now: datetime | None) -> str:
    """When the object was last written, and by whom."""
    found = thing(mesh, cause.subject)
    if found is None or found.changed is None or now is None:
        return ""
    by = f" by {found.editor}" if found.editor else ""
    return f"changed {moment(found.changed, now)}{by}"


def _no_mesh(seen: Seen) -> list[Item]:
    link = seen.link
    if link.state == "error":
        items = unread(link)
        keys = (Run("r", "key"), Run(" try again   ", "dim"), Run("c", "key"), Run(" other contexts   ", "dim"))
        return [*items, Item(""), Item((*keys, Run("d", "key"), Run(" demo on a recorded mesh", "dim")), indent=2)]
    doing = "reading the objects of" if link.state == "live" else "connecting to"
    says = f"{doing} {seen.context or 'the cluster'}"
    waited = f"   for {duration(seen.elapsed)}" if seen.elapsed >= SLOW else ""
    items = [Item((Run("… ", "unknown"), Run(says, "strong"), Run(waited, "dim")))]
    if link.reason:
        items.append(Item(link.reason, "dim", indent=2))
    return items


def unread(link: Link) -> list[Item]:
    """That a cluster cannot be read, why, and what to do about it."""
    items = [Item((Run("✖ ", "bad"), Run("The cluster cannot be read", "strong")))]
    return items + [Item(text, indent=2) for text in (link.reason, link.do) if text]


def waiting(seen: Seen) -> list[Item]:
    """What other screens than home say before a mesh was read: why there is none, never that it is being read."""
    if seen.link.state != "error":
        return _no_mesh(seen)
    return [*unread(seen.link), Item(""), Item((Run("r", "key"), Run(" try again", "dim")), indent=2)]


def checked(diagnosis: Diagnosis | None) -> list[Item]:
    """What was looked at and found well, by subject: what a clean verdict rests on."""
    counted: dict[str, Counter[str]] = {}
    for check in diagnosis.checks if diagnosis else ():
        family = FAMILY_NAMES.get((check.problem or "").partition("-")[0], "other rules")
        counted.setdefault(family, Counter())[str(check.status)] += 1
    items = []
    for number, (family, ended) in enumerate(counted.items()):
        runs = [Run(f"{family:<18}")]
        for state in ("PASS", "FAIL", "WARN", "UNKNOWN", "ERROR", "SKIPPED"):
            if ended[state]:
                runs += [badge(state, f"{ended[state]} {state}"), Run("   ")]
        items.append(Item(tuple(runs), label="CHECKED" if number == 0 else ""))
    return items


def cause_badge(cause: Cause) -> Run:
    """A cause's state: FAIL where harm was seen or the severity says so."""
    return badge("FAIL", "") if cause.observed or cause.severity in ("critical", "high") else badge("WARN", "")
