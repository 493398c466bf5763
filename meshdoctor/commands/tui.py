"""`meshdoctor`: the terminal application on a live mesh."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from meshdoctor.model.errors import UsageError

if TYPE_CHECKING:
    from meshdoctor.collect.store import Store


def run(arguments: argparse.Namespace) -> int:
    """Open the application; without a terminal say what to use instead."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("This is not a terminal.", do="Use `meshdoctor diagnose` in a pipe or a script.")
    return open_app(arguments)


def open_app(arguments: argparse.Namespace) -> int:
    """The application on the cluster, or on the recording, that the flags name."""
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
    return run_app(feed, options=Options())


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
