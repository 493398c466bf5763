"""Pure work beside the event loop, in daemon threads: leaving the application never waits for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

T = TypeVar("T")


async def aside(make: Callable[[], T]) -> T:
    """The result of a function run in a thread of its own. Cancelling forgets the thread; it ends by itself."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(tell: Callable[[], None]) -> None:
        if not future.done():
            tell()

    def work() -> None:
        try:
            tell = partial(future.set_result, make())
        except Exception as error:  # it is raised again where the result is awaited
            tell = partial(future.set_exception, error)
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, tell)

    threading.Thread(target=work, daemon=True, name="meshdoctor-aside").start()
    return await future
