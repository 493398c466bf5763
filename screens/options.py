"""What the operator may choose about the terminal application."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshdoctor.bundling import Maker


def _local_time() -> datetime:
    return datetime.now().astimezone()


@dataclass(frozen=True, slots=True)
class Options:
    """`bell` and `title` tell of a new cause; `theme` is `dark`, `light` or empty to ask the terminal's settings."""

    bell: bool = True
    title: bool = True
    theme: str = ""
    start: str = "home"
    write: bool = False  # whether the first context may be written to without typing its name
    keys: dict[str, str] = field(default_factory=dict)  # id of an action to its keys
    bundle: str = ""  # the file that is open, where it is one
    bundles: Callable[[], Maker] | None = None  # gives what writes bundles of what is looked at
    clock: Callable[[], datetime] = _local_time
