"""Tasks that stand or fall together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")


async def together(tasks: Iterable[asyncio.Task[T]]) -> list[T]:
    """What all tasks give; the first failure ends the others and is raised as it is."""
    waiting = list(tasks)
    try:
        return await asyncio.gather(*waiting)
    finally:
        for task in waiting:
            task.cancel()
