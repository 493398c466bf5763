"""The proof of one cause or finding, with its evidence, its way out, and what it explains."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from meshdoctor.model.findings import Cause, Evidence, Finding
from screens.proof import About, Command, heading, page_of, proof
from screens.seen import Seen
from screens.views.document import DocumentView
from screens.widgets.listing import Listing


class Proof(DocumentView):
    """One cause or finding."""

    about = "Why this is red: what was seen and by whom, what it means, what to do."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "evidence", id="proof.open", tooltip="the selected evidence in full, or the finding it explains"),
        Binding("f", "fix", "fix", id="proof.fix", tooltip="the guided change that heals it: plan, diff, consent; or its steps"),
        Binding("y", "copy", "copy command", id="proof.copy", tooltip="copy the selected command, or the first of the fix"),
        Binding("e", "yaml", "YAML", id="proof.yaml", tooltip="the object as it is now"),
        Binding("l", "logs", "access log", id="proof.logs", tooltip="requests of the workload that this is about"),
        Binding("o", "docs", "docs", id="proof.docs", tooltip="copy the link to the documentation"),
    ]

    def __init__(self, what: About) -> None:
        super().__init__()
        self.what = what
        self.gone = False

    @property
    def crumb(self) -> str:
        return self.what.problem or self.what.code

    @property
    def topic(self) -> About:
        return self.what

    def fill(self, seen: Seen) -> None:
        newer = self._newer(seen)
        self.what = newer or self.what
        was, self.gone = self.gone, newer is None
        if self.gone and not was:
            self.boss.say("This is no longer found; it is shown as it was.", "ok")
        self.head.set_items(heading(self.what))
        self.doc.set_items(proof(self.what, seen))

    def _newer(self, seen: Seen) -> About | None:
        """The same cause or finding in this snapshot."""
        if seen.diagnosis is None:
            return self.what
        if isinstance(self.what, Cause):
            key = (self.what.problem, self.what.subject, self.what.path)
            return next((c for c in seen.diagnosis.causes if (c.problem, c.subject, c.path) == key), None)
        wanted = self.what.id
        return next((f for f in seen.diagnosis.findings if f.id == wanted), None)

    async def on_listing_opened(self, event: Listing.Opened) -> None:
        event.stop()
        await self.action_open()

    async def action_open(self) -> None:
        from screens.views.evidence import EvidenceView

        item = self.doc.item
        if item is None:
            return
        if isinstance(item.payload, Evidence):
            await self.boss.open(EvidenceView(item.payload, self.what))
        elif isinstance(item.payload, Finding):
            await self.boss.open(Proof(item.payload))
        elif isinstance(item.payload, Command):
            self.boss.copy(item.payload.text, "the command" if item.payload.says != "the link" else "the link")

    def action_copy(self) -> None:
        command = self._selected_command() or self._first_command()
        if command:
            self.boss.copy(command, f"the command: {command}")
        else:
            self.boss.say("There is no command here.", "dim")

    def _selected_command(self) -> str:
        payload = self.doc.item.payload if self.doc.item else None
        if isinstance(payload, Command):
            return payload.text
        return payload.command if isinstance(payload, Evidence) else ""

    def _first_command(self) -> str:
        return next((i.payload.text for i in self.doc.items if isinstance(i.payload, Command)), "")

    async def action_fix(self) -> None:
        from screens.views.fix import fix

        await fix(self, self.what)

    async def action_yaml(self) -> None:
        from screens.views.yaml import YamlView

        await self.boss.open(YamlView(self.what.subject))

    async def action_logs(self) -> None:
        from screens.views.access_log import show_log

        await show_log(self, self.what)

    def action_docs(self) -> None:
        text = page_of(self.what.problem)
        if text is None or not text.docs:
            self.boss.say("This has no documentation page.", "dim")
        else:
            self.boss.copy(text.docs[0], f"the link {text.docs[0]}")
