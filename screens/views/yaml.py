"""A live object as YAML, read on demand."""

from __future__ import annotations

from meshdoctor.model.subject import Subject
from screens.views.asked import AskedText


class YamlView(AskedText):
    """One object as the API server has it now; managed fields and secret data are left out."""

    about = "The object as it is now."

    def __init__(self, subject: Subject) -> None:
        super().__init__()
        self.subject = subject

    @property
    def topic(self) -> Subject:
        return self.subject

    @property
    def crumb(self) -> str:
        return f"{self.subject}"

    @property
    def what(self) -> str:
        return f"{self.subject}"

    async def ask(self) -> str:
        return await self.boss.feed.object_yaml(self.subject)
