"""Whether an earlier run was interrupted in the middle of a write: asked at every start, so it imports next to nothing."""

from __future__ import annotations

import json
from pathlib import Path

OPEN = ("intent", "unknown")


def journal_path() -> Path:
    """Where the journal of this user is."""
    from platformdirs import user_state_path

    return user_state_path("meshdoctor") / "journal.jsonl"


def interrupted(journal: Path) -> tuple[str, ...]:
    """The entries of which nobody knows whether they were written."""
    try:
        lines = journal.read_text("utf-8", "replace").splitlines()
    except OSError:
        return ()
    steps: dict[str, str] = {}
    for line in lines:
        try:
            event = json.loads(line)
            steps[str(event["entry"])] = str(event["step"])
        except (ValueError, KeyError, TypeError):
            continue  # cut off by a crash
    return tuple(entry for entry, step in steps.items() if step in OPEN)


def told(names: tuple[str, ...]) -> str:
    """What to tell the operator of them at a start; empty where there are none."""
    if not names:
        return ""
    several = len(names) > 1
    what = f"{len(names)} changes were interrupted" if several else f"a change was interrupted (entry {names[0]})"
    return f"{what}: `meshdoctor journal` says whether {'they were' if several else 'it was'} written, and how to finish or undo"
