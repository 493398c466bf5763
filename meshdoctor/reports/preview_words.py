"""The words of a preview that every format shares."""

from __future__ import annotations

from meshdoctor.model.changes import ObjectChange, Preview
from meshdoctor.model.findings import Diagnosis, Finding
from meshdoctor.model.text import some

NOTHING = "The manifests change nothing: every object is as the mesh has it."
NO_EFFECT = "No route, mutual TLS mode, exposed or visible host, policy or destination changes."
FEW = 3
MOST = 8  # things that the same happens to; the JSON has all


def summary(preview: Preview) -> str:
    """One line: how many objects are new, changed and as they are."""
    if preview.is_none:
        return NOTHING
    counts = [(sum(o.state == state for o in preview.objects), word) for state, word in _STATES.items()]
    said = ", ".join(f"{n} {word}" for n, word in counts if n)
    differs = any(o.state in ("new", "changed") for o in preview.objects)
    return f"What the manifests change: {said}" if differs else f"The manifests change nothing that is compared: {said}"


_STATES = {"new": "new", "changed": "changed", "same": "as they are", "unread": "not read"}


def told(preview: Preview) -> tuple[ObjectChange, ...]:
    """The objects to be listed: those that are not as the mesh has them."""
    return tuple(o for o in preview.objects if o.state != "same")


def note(each: ObjectChange) -> str:
    """What to say behind an object whose effects are not compared."""
    if each.state == "unread":
        return "  (its content is not read from the mesh)"
    return "" if each.previewed else "  (findings tell what it does)"


def not_compared(preview: Preview) -> tuple[str, ...]:
    """Objects with fields whose effects are not compared, and which differ or may differ."""
    some = [o for o in preview.objects if o.not_compared]
    if len(some) > FEW:
        return (f"of {len(some)} objects some fields are not compared: {few(tuple(str(o.subject) for o in some))}",)
    return tuple(f"{o.subject}: not compared: {few(o.not_compared)}" for o in some)


def has_no_effect(preview: Preview) -> bool:
    """Whether objects differ, and nothing that is compared follows from it."""
    return bool(told(preview)) and not preview.effects and not preview.blind


def few(names: tuple[str, ...]) -> str:
    """Some names, and how many more there are."""
    return some(names, MOST)


def finding_counts(preview: Preview) -> str:
    """`Findings: 2 added, 1 gone, 3 as before`."""
    changes = preview.findings
    return f"Findings: {len(changes.added)} added, {len(changes.gone)} gone, {len(changes.same)} as before"


def added_first(found: Diagnosis) -> tuple[Finding, ...]:
    """The findings, those that the manifests add before the others."""
    added = set(found.changes.findings.added) if found.changes else set()
    return tuple(sorted(found.findings, key=lambda f: f.id not in added))
