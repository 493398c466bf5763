"""The keys that work on every screen, and the commands of the `:` prompt that are no screens."""

from __future__ import annotations

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
    Binding("ctrl+r", "reload", "refresh", show=False, id="app.reload", tooltip="read everything again"),
    Binding("space", "freeze", "freeze", show=False, id="app.freeze", tooltip="hold the picture still, or let it go on"),
    Binding("u", "go('sources')", "why unknown", show=False, id="app.unknown", tooltip="what was not seen, and why"),
    Binding("ctrl+c", "leave", "leave", show=False, priority=True, id="app.leave", tooltip="asks once, then leaves"),
    Binding("ctrl+q", "leave", "leave", show=False, priority=True, id="app.quit"),
)
COMMANDS = {"q": "leave", "quit": "leave", "dark": "dark theme", "light": "light theme", "demo": "the recorded mesh"}
