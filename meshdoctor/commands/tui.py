"""`meshdoctor`: the terminal application on a live mesh."""

from __future__ import annotations

import argparse
import atexit
import gc
import shutil
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from meshdoctor.commands import settings
from meshdoctor.model.errors import UsageError
from meshdoctor.model.text import plain

if TYPE_CHECKING:
    from meshdoctor.bundling import Maker
    from meshdoctor.collect.store import Store
    from meshdoctor.kube.client import ApiClient
    from meshdoctor.kube.session import Recorder, RequestLine

LEAVE = "\x1b[?1049l\x1b[?25h"  # the terminal as it was before the first frame


def run(arguments: argparse.Namespace) -> int:
    """Open the application; without a terminal say what to use instead."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("This is not a terminal.", do="Use `meshdoctor diagnose` in a pipe or a script.")
    return open_app(arguments)


def open_app(arguments: argparse.Namespace) -> int:
    """The application on the cluster, or on the recording, that the flags name."""
    chosen = settings.read()
    _paint_first(arguments)
    gc.disable()  # nothing that an import makes is let go: passes over it would delay the first frame
    from screens.feed import LiveFeed
    from screens.options import Options
    from screens.start import run as run_app

    def open_store(context: str | None) -> Store:
        from meshdoctor.collect.store import Store  # half of the start-up: after the first frame
        from meshdoctor.commands import session

        name = _recorded(arguments) if context is None else context
        name = name or arguments.context or _current(arguments)
        flags = argparse.Namespace(**vars(arguments) | ({"demo": None, "bundle": None} if context else {}))
        return Store(lambda: session.open_api(flags, context), lambda api: session.options(flags, api), name)

    async def open_demo() -> Store:
        from meshdoctor.bundle.scenarios import default
        from meshdoctor.collect.store import Store
        from meshdoctor.commands import session

        flags = argparse.Namespace(**vars(arguments) | {"demo": default(), "bundle": None})
        return Store(lambda: session.open_api(flags), lambda api: session.options(flags, api), f"demo/{flags.demo}")

    gc.freeze()
    gc.enable()
    feed = LiveFeed(open_store, context=None, list_contexts=lambda: _names(arguments), open_demo=open_demo)
    options = Options(
        bell=chosen.bell,
        title=chosen.title,
        theme=chosen.theme,
        keys=chosen.keys,
        bundle=getattr(arguments, "bundle", None) or "",
        bundles=partial(_maker, arguments),
        write=getattr(arguments, "write", False),
    )
    try:
        return run_app(feed, options=options)
    except UsageError:
        sys.stdout.write(LEAVE)
        sys.stdout.flush()
        raise
    finally:
        atexit.unregister(sys.stdout.write)


def _maker(arguments: argparse.Namespace) -> Maker:
    """What writes bundles of a context, by the name that the screens have for it."""
    from meshdoctor.bundling import Maker
    from meshdoctor.commands import session

    own = _recorded(arguments) or arguments.context or _current(arguments)

    def opens(name: str, recorder: Recorder, seen: Callable[[RequestLine], None]) -> AbstractAsyncContextManager[ApiClient]:
        if name == own:
            return session.open_api(arguments, None, recorder, seen)
        scenario = name.removeprefix("demo/") if name.startswith("demo/") else None
        flags = argparse.Namespace(**vars(arguments) | {"demo": scenario, "bundle": None})
        return session.open_api(flags, None if scenario else name, recorder, seen)

    return Maker(opens)


def _paint_first(arguments: argparse.Namespace) -> None:
    """The first frame at once, as the application is about to draw it: importing it takes half a second.

    Keys pressed meanwhile wait in the terminal and are answered by the application.
    """
    wide, high = shutil.get_terminal_size()
    name = plain(_recorded(arguments) or arguments.context or "", max(wide - 40, 0))
    rule = "─" * wide
    left, right = f" meshdoctor  {name}", "read-only  … connecting "
    head = left + right.rjust(max(wide - len(left), 0))
    lines = {1: head[:wide], 2: rule, 3: " … connecting to the cluster"[:wide], 4: rule, high - 1: rule}
    drawn = "".join(f"\x1b[{row};1H{text}" for row, text in lines.items())
    sys.stdout.write(f"\x1b[?1049h\x1b[2J\x1b[?25l{drawn}")
    sys.stdout.flush()
    atexit.register(sys.stdout.write, LEAVE)  # where the application never came up


def _recorded(arguments: argparse.Namespace) -> str:
    """What a recording or bundle is called in the place of a context; "" on a cluster."""
    scenario, bundle = getattr(arguments, "demo", None), getattr(arguments, "bundle", None)
    return f"bundle/{Path(bundle).name}" if bundle else f"demo/{scenario}" if scenario else ""


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
