"""A recording served over real HTTP from a thread of its own, so that commands run as they are: with their own event loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from meshdoctor.bundle.recording import Recording
from meshdoctor.bundle.replay import ReplayServer
from meshdoctor.bundle.scenarios import open_scenario


class Served:
    """A replay server that runs; `kubeconfig` leads to it."""

    def __init__(self, server: ReplayServer, kubeconfig: Path) -> None:
        self.server, self.kubeconfig = server, str(kubeconfig)

    @property
    def paths(self) -> list[str]:
        return [path for _, path in self.server.requests]


@contextlib.contextmanager
def serving(folder: Path, what: str | Recording = "healthy", *, token: str = "") -> Iterator[Served]:
    """A scenario or a recording, served; `token` is what the kubeconfig's user shows."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = ReplayServer(open_scenario(what) if isinstance(what, str) else what)
    asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(10)
    path = folder / "served.kubeconfig"
    text = server.kubeconfig("prod")
    path.write_text(text.replace("user: {}", f'user: {{token: "{token}"}}') if token else text)
    try:
        yield Served(server, path)
    finally:
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(10)
        asyncio.run_coroutine_threadsafe(_settle(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _settle() -> None:
    """End what still waits, so that closing the loop warns of nothing."""
    others = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fails where the block took longer."""
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    assert took <= seconds, f"took {took:.1f} s, not {seconds:g}"
