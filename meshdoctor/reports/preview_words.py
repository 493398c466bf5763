"""The words of a preview that every format shares."""

from __future__ import annotations

from meshdoctor.model.changes import Preview
from meshdoctor.model.findings import Diagnosis, Finding

NOTHING = "The manifests change nothing: every object is as the mesh has it."
NO_EFFECT = "No route, mutual TLS mode, exposed or visible host, policy or destination changes."
MOST = 8  # things that the same happens to; the JSON has all


def summary(preview: Preview) -> str:
    """One line: how many objects are new, changed and as they are."""
    if preview.is_none:
        return NOTHING
    counts = [(sum(o.state == state for o in preview.objects), word) for state, word in _STATES.items()]
    return f"What the manifests change: {', '.join(f'{n} {word}' for n, word in counts if n)}"


_STATES = {"new": "new", "changed": "changed", "same": "as they are"}


def has_no_effect(preview: Preview) -> bool:
    """Whether objects differ, and nothing that is compared follows from it."""
    return any(o.state != "same" for o in preview.objects) and not preview.effects and not preview.blind


def few(names: tuple[str, ...]) -> str:
    """Some names, and how many more there are."""
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return ", ".join(names[:MOST]) + more


def finding_counts(preview: Preview) -> str:
    """`Findings: 2 added, 1 gone, 3 as before`."""
    changes = preview.findings
    return f"Findings: {len(changes.added)} added, {len(changes.gone)} gone, {len(changes.same)} as before"


def added_first(found: Diagnosis) -> tuple[Finding, ...]:
    """The findings, those that the manifests add before the others."""
    added = set(found.changes.findings.added) if found.changes else set()
    return tuple(sorted(found.findings, key=lambda f: f.id not in added))
