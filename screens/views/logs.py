"""The last lines of a container's log, newest last."""

from __future__ import annotations

import re
from collections.abc import Iterable

from meshdoctor.model.subject import Subject
from screens.views.asked import AskedText
from screens.widgets.rows import Row

_STAMP = re.compile(r"\d{4}-\d\d-\d\dT(\d\d:\d\d:\d\d)[.\d]*Z ")
_OWN = re.compile(r"^\d{4}-\d\d-\d\dT[\d:.]+Z\s+")  # what the container writes in front of its lines tells the same once more


class Logs(AskedText):
    """One container's log; r reads it again."""

    about = "The last lines of the log. / filters, G goes to the newest, r reads again."

    def __init__(self, pod: Subject, container: str) -> None:
        super().__init__()
        self.pod, self.container = pod, container

    @property
    def topic(self) -> Subject:
        return self.pod

    @property
    def crumb(self) -> str:
        return f"log {self.pod.name}"

    @property
    def what(self) -> str:
        return f"log of {self.container} in {self.pod.namespace}/{self.pod.name}"

    def lines(self, text: str) -> Iterable[Row]:
        """The lines with the time of day only."""
        for number, line in enumerate(text.splitlines()):
            stamp = _STAMP.match(line)
            yield Row(f"{number}", (f"{stamp[1]}  {_OWN.sub('', line[stamp.end() :], count=1)}" if stamp else line,))

    def take(self, rows: tuple[Row, ...]) -> None:
        """The newest line is what one looks for first."""
        is_first = not self._has_rows
        super().take(rows)
        if is_first:
            self.table.action_edge(-1)

    async def ask(self) -> str:
        return await self.boss.feed.pod_logs(self.pod.namespace, self.pod.name, self.container)
