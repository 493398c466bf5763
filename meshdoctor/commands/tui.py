"""`meshdoctor`: the terminal application on a live mesh."""

from __future__ import annotations

import argparse
import atexit
import sys
from typing import TYPE_CHECKING

from meshdoctor.model.errors import UsageError
from meshdoctor.model.text import plain

if TYPE_CHECKING:
    from meshdoctor.collect.store import Store


def run(arguments: argparse.Namespace) -> int:
    """Open the application; without a terminal say what to use instead."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("This is not a terminal.", do="Use `meshdoctor diagnose` in a pipe or a script.")
    return open_app(arguments)


def open_app(arguments: argparse.Namespace) -> int:
    """The application on the cluster, or on the recording, that the flags name."""
    _paint_first(arguments)
    from screens.app import run as run_app
    from screens.feed import LiveFeed
    from screens.options import Options

    def open_store(context: str | None) -> Store:
        from meshdoctor.collect.store import Store  # half of the start-up: after the first frame
        from meshdoctor.commands.session import open_api, options

        scenario = getattr(arguments, "demo", None)
        name = f"demo/{scenario}" if scenario and context is None else context or arguments.context or _current(arguments)
        chosen = argparse.Namespace(**vars(arguments) | ({"demo": None} if context else {}))
        return Store(lambda: open_api(chosen, context), lambda api: options(chosen, api), name)

    async def open_demo() -> Store:
        from meshdoctor.bundle.scenarios import default
        from meshdoctor.collect.store import Store
        from meshdoctor.commands.session import open_api, options

        chosen = argparse.Namespace(**vars(arguments) | {"demo": default()})
        return Store(lambda: open_api(chosen), lambda api: options(chosen, api), f"demo/{chosen.demo}")

    feed = LiveFeed(open_store, context=None, list_contexts=lambda: _names(arguments), open_demo=open_demo)
    code = run_app(feed, options=Options())
    atexit.unregister(sys.stdout.write)
    return code


def _paint_first(arguments: argparse.Namespace) -> None:
    """One true line at once, on the screen that the application is about to take over: importing it takes a moment."""
    name = getattr(arguments, "demo", None) or arguments.context or ""
    sys.stdout.write(f"\x1b[?1049h\x1b[2J\x1b[H meshdoctor  {plain(name, 40)}\r\n\n … connecting\r\n")
    sys.stdout.flush()
    atexit.register(sys.stdout.write, "\x1b[?1049l")  # where the application never came up


def _names(arguments: argparse.Namespace) -> tuple[str, ...]:
    from meshdoctor.kube.kubeconfig import contexts

    return tuple(c.name for c in contexts(arguments.kubeconfig).names)


def _current(arguments: argparse.Namespace) -> str:
    from meshdoctor.kube.kubeconfig import contexts
    from meshdoctor.model.errors import MeshdoctorError

    try:
        return contexts(arguments.kubeconfig).current
    except MeshdoctorError:
        return ""
