"""Drafts of messages, to copy: for the incident channel, the status page and who takes over."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from meshdoctor.reports import story
from meshdoctor.triage.comms import AUDIENCES, draft
from meshdoctor.triage.incident import Incident
from screens.text import Run, wrap
from screens.views.asked import AskedText
from screens.widgets.rows import Row


class Drafts(AskedText):
    """All three, of facts only; `w` copies what the filter leaves."""

    about = "Facts of the incident's folder only. w copies what is shown; s in the incident marks a message as sent."

    def __init__(self, of: Incident) -> None:
        super().__init__()
        self._of = of

    @property
    def what(self) -> str:
        return "drafts"

    @property
    def crumb(self) -> str:
        return "drafts"

    async def ask(self) -> str:
        now = datetime.now(UTC)
        made = ((title, draft(self._of, audience, now)) for audience, title in AUDIENCES.items())
        return "\n".join(f"# {title}\n{story.text(each)}" for title, each in made)

    def lines(self, text: str) -> Iterable[Row]:
        width = max(self.app.size.width - 4, 20)
        for number, line in enumerate(text.splitlines()):
            for part, words in enumerate(wrap(line.removeprefix("# "), width) or [""]):
                yield Row(f"{number}.{part}", (Run(words, "head" if line.startswith("# ") else ""),))
