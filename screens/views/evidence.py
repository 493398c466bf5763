"""One piece of evidence in full: what it says, who said it, its words, and the command that shows it again."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widget import Widget

from meshdoctor.model.findings import Evidence
from screens.proof import About, Command
from screens.seen import Seen
from screens.text import Run, age, shell
from screens.views.view import View
from screens.widgets.doc import Doc, Item


class EvidenceView(View):
    """One observation."""

    about = "What one source said, word for word."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy", "copy command", id="evidence.copy", tooltip="copy the command that shows it again"),
        Binding("w", "quote", "copy quote", id="evidence.quote", tooltip="copy the quoted words"),
        Binding("e", "yaml", "YAML", id="evidence.yaml", tooltip="the object as it is now"),
    ]

    def __init__(self, evidence: Evidence, what: About) -> None:
        super().__init__()
        self.evidence = evidence
        self.what = what

    @property
    def topic(self) -> About:
        return self.what

    @property
    def crumb(self) -> str:
        return "evidence"

    def body(self) -> ComposeResult:
        yield Doc("doc")

    @property
    def main(self) -> Widget:
        return self.query_one("#doc", Doc)

    def fill(self, seen: Seen) -> None:
        e = self.evidence
        source = next((s for s in seen.mesh.sources if s.name == e.source), None) if seen.mesh else None
        seconds = (source.age_s or 0.0 if source else 0.0) + seen.elapsed
        items = [
            Item(e.says, "strong", label="OBSERVED"),
            Item(f"{e.source or 'the rule itself'}, {age(seconds)} ago", label="SOURCE"),
        ]
        items += [Item(line, label="QUOTE" if n == 0 else "") for n, line in enumerate(e.quote.splitlines())]
        if e.command:
            command = Command(e.command, e.says)
            items.append(Item(shell(e.command), "key", label="SEE IT", key="command", payload=command, lead=Run("$ ", "key")))
        items += [Item(""), Item(f"{self.what.problem or self.what.code}  {self.what.title}", "dim", label="PROVES")]
        self.query_one("#doc", Doc).set_items(items)

    def action_copy(self) -> None:
        self.boss.copy(self.evidence.command, "the command")

    def action_quote(self) -> None:
        self.boss.copy(self.evidence.quote or self.evidence.says, "the quote")

    async def action_yaml(self) -> None:
        from screens.views.yaml import YamlView

        await self.boss.open(YamlView(self.what.subject))
