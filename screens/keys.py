"""The keys that work on every screen, and the commands of the `:` prompt that are no screens."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from textual.binding import Binding

EVERYWHERE = (
    Binding(
        "colon",
        "ask(':')",
        "go",
        priority=True,
        id="app.go",
        tooltip="go to a screen by name; tab completes, enter runs what is typed",
    ),
    Binding(
        "slash",
        "ask('/')",
        "filter",
        id="app.filter",
        tooltip="words all, !not, /regex/, ns=shop status=fail severity=high",
    ),
    Binding("question_mark", "help", "help", id="app.help", tooltip="the keys of this screen"),
    Binding("escape", "clear_or_pop", "back", id="app.back", tooltip="clear the filter, then go back"),
    Binding("q", "pop", "back", show=False, id="app.pop", tooltip="go back"),
    Binding("r", "retry", "retry", show=False, id="app.retry", tooltip="try again now"),
    Binding("ctrl+r", "retry", "refresh", show=False, id="app.reload", tooltip="read everything again"),
    Binding("space", "freeze", "freeze", show=False, id="app.freeze", tooltip="hold the picture still, or let it go on"),
    Binding("t", "triage", "triage", show=False, id="app.triage", tooltip="an incident about what is selected"),
    Binding("J", "go('journal')", "journal", show=False, id="app.journal", tooltip="what was written from here, and the way back"),
    Binding(
        "i", "figures", "source and age", show=False, id="app.figures", tooltip="where these figures come from, how old they are"
    ),
    Binding("u", "go('sources')", "why unknown", show=False, id="app.unknown", tooltip="what was not seen, and why"),
    Binding("ctrl+c", "leave", "leave", show=False, priority=True, id="app.leave", tooltip="asks once, then leaves"),
    Binding("ctrl+q", "leave", "leave", show=False, priority=True, id="app.quit"),
)
COMMANDS = {"q": "leave", "quit": "leave", "dark": "dark theme", "light": "light theme", "demo": "the recorded mesh"}


def unknown(chosen: Iterable[str]) -> list[str]:
    """Ids of keys that the operator gave and no action has, each with the near ones."""
    known = sorted(all_ids())
    return [f"{i} (near: {', '.join(get_close_matches(i, known, 3, 0.4)) or 'none'})" for i in chosen if i not in known]


def all_ids() -> set[str]:
    """The ids of all actions: those of the application, of every screen and of lists."""
    from screens.registry import entries
    from screens.views.view import View, keys_of
    from screens.widgets.listing import Listing

    shown = {f"go.{e.name}" for e in entries() if e.key}
    classes: list[type] = [View, *below(View)]
    found = [*EVERYWHERE, *(b for c in classes for b in keys_of(c)), *keys_of(Listing, Listing)]
    return shown | {b.id for b in found if b.id}


def below(base: type) -> list[type]:
    """All classes that are derived from it."""
    near: list[type] = base.__subclasses__()
    return [c for each in near for c in (each, *below(each))]
