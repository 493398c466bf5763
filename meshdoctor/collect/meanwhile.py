"""What is done with a mesh while its proxies and Prometheus are still being asked."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator

from meshdoctor.model.mesh import Mesh

Work = Callable[[Mesh], Iterator[None]]
"""Something done in steps, between which others have their turn."""


class Meanwhile:
    """Work on a mesh in the making: it may be ended after each step, and the mesh is the same one afterwards."""

    def __init__(self, work: Work | None) -> None:
        self._work = work
        self._mesh: Mesh | None = None
        self._task: asyncio.Task[None] | None = None

    def begin(self, mesh: Mesh) -> None:
        """Start with a mesh that lacks only what is still awaited."""
        if self._work is not None:
            self._mesh = mesh.awaiting()
            self._task = asyncio.create_task(_in_turns(self._work(self._mesh)))

    async def end(self) -> None:
        """Stop where it is. Raises what the work raised."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def completed(self, whole: Mesh) -> Mesh:
        """The mesh that was worked on, now with everything; `whole` itself where there was no work."""
        if self._mesh is None:
            return whole
        self._mesh.complete(whole)
        return self._mesh


async def _in_turns(steps: Iterator[None]) -> None:
    for _ in steps:
        await asyncio.sleep(0)
