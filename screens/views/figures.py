"""Where the figures of a screen come from, and how old they are: its own sources, of single pods those of the selected row."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

from meshdoctor.model.findings import Cause, Finding
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Source
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Pod
from screens.seen import Seen
from screens.views.sources import Sources
from screens.views.view import View
from screens.widgets.doc import Item
from screens.widgets.rows import Row

_OF_A_POD = re.compile(r"(?:Envoy| of) (?P<namespace>[^/\s]+)/(?P<name>\S+)$")


class Figures(Sources):
    """The sources of what another screen shows."""

    title = "Source and age"
    about = "Where what the last screen shows comes from, and how old it is; u tells all sources."
    empty = "No source of this screen was read."

    def __init__(self, of: View) -> None:
        super().__init__()
        self._patterns, self._crumb = of.drawn_from, of.crumb
        self._about = _subjects(of.topic)

    @property
    def crumb(self) -> str:
        return "source and age"

    def rows_of(self, seen: Seen) -> Iterable[Row]:
        rows = [r for r in super().rows_of(seen) if self._is_drawn(r.payload)]
        if seen.mesh is None:
            return rows
        chosen = [r for r in rows if self._is_about(r.payload, seen.mesh)]
        mine = {r.key for r in chosen}
        return [r for r in rows if r.key in mine or not chosen or _OF_A_POD.search(r.payload.name) is None]

    def summary_of(self, seen: Seen) -> list[Item]:
        what = f" of {self._about[0]}" if self._about else ""
        return [Item(f"What {self._crumb} shows{what} comes from", "dim")]

    def _is_drawn(self, source: Source) -> bool:
        return not self._patterns or any(fnmatchcase(source.name, p) for p in self._patterns)

    def _is_about(self, source: Source, mesh: Mesh) -> bool:
        match = _OF_A_POD.search(source.name)
        pod = mesh[Pod].get(match["namespace"], match["name"]) if match else None
        return pod is not None and (pod.subject in self._about or mesh.owner(pod) in self._about)


def _subjects(topic: Cause | Finding | Subject | None) -> tuple[Subject, ...]:
    if topic is None:
        return ()
    if isinstance(topic, Subject):
        return (topic,)
    return (topic.subject, *(topic.also if isinstance(topic, Finding) else ()))
