"""Help for the screen one is on, generated from its bindings and the registry."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.widget import Widget

from screens.registry import digit, entries
from screens.seen import Seen
from screens.text import Run
from screens.views.view import View, keys_of, shown_key
from screens.widgets.doc import Doc, Item
from screens.widgets.listing import Listing

ROOMY = 100  # columns from which ids have room beside what they are of
STATES = "✖ FAIL or ERROR   ▲ WARN   ● OK or PASS   ? UNKNOWN   ○ absent or skipped   ◐ partly"


class Help(View):
    """What can be done on one screen."""

    about = "The keys of the screen you came from."
    title = "Help"

    def __init__(self, of: View) -> None:
        super().__init__()
        self.of = of

    def body(self) -> ComposeResult:
        yield Doc("doc", label=14)

    @property
    def main(self) -> Widget:
        return self.query_one("#doc", Doc)

    def fill(self, seen: Seen) -> None:
        self.query_one("#doc", Doc).set_items(self._items())

    def _items(self) -> Iterable[Item]:
        chosen = self.boss.options.keys
        yield Item(self.of.crumb or self.of.title, "strong", label="HELP")
        yield Item(self.of.about)
        is_wide = self.app.size.width >= ROOMY  # the ids, for the operator's own keys, would wrap below that
        here = [b for b in keys_of(type(self.of), chosen=chosen) if self.of.knows(b.action)]
        yield from _section("HERE", here, is_wide)
        if self.of.main is not None and isinstance(self.of.main, Listing):
            yield from _section("MOVE", keys_of(Listing, Listing, chosen), is_wide)
        taken = {key for binding in here for key in binding.key.split(",")}
        everywhere = [b for b in keys_of(type(self.app), App, chosen) if b.key not in taken]
        yield from _section("EVERYWHERE", everywhere, is_wide)
        yield Item("")
        for number, entry in enumerate(entries()):
            names = ", ".join((entry.name, *entry.aliases))
            runs = (
                Run(f"{digit(entry, chosen) or ' ':<3}", "key"),
                Run(f"{entry.title:<16}"),
                Run(f":{names}   "),
                Run(entry.says, "dim"),
            )
            yield Item(runs, label="SCREENS" if number == 0 else "")
        yield Item("")
        yield Item(STATES, "dim", label="STATES")
        yield Item(
            "shop pay  both words   !shop  not it   /v[12]-x/  regex   ns=shop status=fail severity=high problem=MTL",
            "dim",
            label="FILTER",
        )


def _section(label: str, bindings: Iterable[Binding], is_wide: bool) -> Iterable[Item]:
    told = [b for b in bindings if b.description and b.action]
    if told:
        yield Item("")
    for number, binding in enumerate(told):
        says = binding.tooltip or binding.description
        key = Run(f"{shown_key(binding):<12}", "key")
        yield Item(says, label=label if number == 0 else "", note=(binding.id or "") if is_wide else "", lead=key)
