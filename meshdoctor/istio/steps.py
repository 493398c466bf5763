"""A step of a trace, and what lost in it."""

from __future__ import annotations

import msgspec

from meshdoctor.model.subject import Subject


class Lost(msgspec.Struct, frozen=True):
    """An object (or a part of one, at `path`) that could have decided a step, and why it does not."""

    subject: Subject
    why: str
    path: str = ""


class Step(msgspec.Struct, frozen=True):
    """One decision. `is_end` where the request goes no further."""

    name: str
    says: str
    subject: Subject | None = None
    path: str = ""
    is_end: bool = False
    lost: tuple[Lost, ...] = ()
