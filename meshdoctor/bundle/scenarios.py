"""The recordings that come with the program."""

from __future__ import annotations

import difflib
import functools
from pathlib import Path

from meshdoctor.bundle.archive import SUFFIX, name_of, read_manifest
from meshdoctor.bundle.recording import Recording
from meshdoctor.model.errors import UsageError

FIRST = "tls-switched-off"  # what `meshdoctor demo` opens


@functools.cache
def folder() -> Path | None:
    """Where they lie: inside the wheel, or in the checkout's `snapshots/`."""
    package = Path(__file__).resolve().parent.parent
    for place in (package / "snapshots", package.parent / "snapshots"):
        if any(place.glob(f"[!.]*{SUFFIX}")):
            return place
    return None


def scenarios() -> dict[str, Path]:
    """Name to file."""
    place = folder()
    return {name_of(p): p for p in sorted(place.glob(f"[!.]*{SUFFIX}"))} if place else {}


def default() -> str:
    """The recording that is opened when none is named."""
    names = scenarios()
    if not names:
        raise UsageError("No recordings are installed.", do="Install meshdoctor from its wheel, or run it in its checkout.")
    return FIRST if FIRST in names else next(iter(names))


def describe() -> list[tuple[str, str, str]]:
    """(name, title, about) of each, the one that opens first at the top; only the beginning of each file is read."""
    rows = [(name, m.title, m.about) for name, path in scenarios().items() if (m := read_manifest(path))]
    return sorted(rows, key=lambda r: (r[0] != FIRST, r[0]))


_read = functools.lru_cache(maxsize=2)(Recording.read)  # what is read does not change: a recording is frozen


def open_scenario(name: str) -> Recording:
    """A recording by its name. Raises UsageError with the nearest name, and all of them."""
    known = scenarios()
    if name in known:
        return _read(known[name])
    if not known:
        raise UsageError(f"No recording is called {name!r}: none are installed.")
    near = difflib.get_close_matches(name, known, 1, 0.5)
    raise UsageError(
        f"No recording is called {name!r}.", f"Did you mean {near[0]!r}?" if near else "", f"There are: {', '.join(known)}."
    )
