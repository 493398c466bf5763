"""Changes arranged for reading: those of one kind together, the same said once of all that it happens to."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from meshdoctor.model.changes import (
    EFFECTS,
    AnyChange,
    AuthorizationChange,
    DestinationChange,
    Effect,
    ExposureChange,
    MtlsChange,
    RouteChange,
    VisibilityChange,
)

TITLES: dict[type[AnyChange], str] = {
    ExposureChange: "Hosts at gateways",
    RouteChange: "Routes",
    MtlsChange: "Mutual TLS",
    AuthorizationChange: "Authorization",
    VisibilityChange: "Hosts that proxies see",
    DestinationChange: "Destinations",
}
PORT = re.compile(r" port \d+$")
GLYPHS: dict[Effect, str] = {"loses": "−", "changes": "~", "gains": "+"}


class Block(msgspec.Struct, frozen=True):
    """Some things, and what happens to each of them: (effect, words)."""

    abouts: tuple[str, ...]
    lines: tuple[tuple[Effect, str], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The things, ports of one thing together."""
        found: dict[str, list[str]] = {}
        for about in self.abouts:
            head, _, port = about.rpartition(" port ") if PORT.search(about) else (about, "", "")
            found.setdefault(head, []).append(port)
        return tuple(f"{h} port{'s' if len(p) > 1 else ''} {', '.join(p)}" if p[0] else h for h, p in found.items())

    @property
    def worst(self) -> int:
        return min(EFFECTS.index(effect) for effect, _ in self.lines)


def sections(changes: Iterable[AnyChange]) -> list[tuple[str, list[Block]]]:
    """Titles with their blocks, worst first."""
    made = {title: _blocks([c for c in changes if isinstance(c, kind)]) for kind, title in TITLES.items()}
    found = [(title, blocks) for title, blocks in made.items() if blocks]
    return sorted(found, key=lambda s: s[1][0].worst)


def _blocks(changes: list[AnyChange]) -> list[Block]:
    lines: dict[str, list[tuple[Effect, str]]] = {}
    for change in changes:
        lines.setdefault(change.about, []).append((change.effect, change.says))
    alike: dict[tuple[tuple[Effect, str], ...], list[str]] = {}
    for about, said in lines.items():
        alike.setdefault(tuple(dict.fromkeys(said)), []).append(about)
    blocks = [Block(tuple(abouts), said) for said, abouts in alike.items()]
    return sorted(blocks, key=lambda b: b.worst)
