"""The last lines of a container's log, newest last."""

from __future__ import annotations

from meshdoctor.model.subject import Subject
from screens.views.asked import AskedText


class Logs(AskedText):
    """One container's log; r reads it again."""

    about = "The last lines of the log. / filters, G goes to the newest, r reads again."

    def __init__(self, pod: Subject, container: str) -> None:
        super().__init__()
        self.pod, self.container = pod, container

    @property
    def crumb(self) -> str:
        return f"log {self.pod.name}"

    @property
    def what(self) -> str:
        return f"log of {self.container} in {self.pod.namespace}/{self.pod.name}"

    async def ask(self) -> str:
        return await self.boss.feed.pod_logs(self.pod.namespace, self.pod.name, self.container)
