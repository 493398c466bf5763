"""What is told of an incident: sections of statements, each with where it comes from."""

from __future__ import annotations

import msgspec


class Statement(msgspec.Struct, frozen=True):
    """One sentence and its source: a line of the incident's folder (`timeline 4`, `evidence 12`), never empty."""

    text: str
    source: str


class Section(msgspec.Struct, frozen=True):
    title: str
    statements: tuple[Statement, ...] = ()


class Story(msgspec.Struct, frozen=True):
    """A postmortem, or a message for an audience."""

    title: str
    sections: tuple[Section, ...]

    @property
    def statements(self) -> tuple[Statement, ...]:
        return tuple(s for section in self.sections for s in section.statements)
