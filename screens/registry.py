"""The registry of screens: digit keys, the `:` prompt, footer and help are generated from it."""

from __future__ import annotations

import difflib
import functools
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from screens.views.view import View

V = TypeVar("V", bound="type[View]")


@dataclass(frozen=True, slots=True)
class Entry:
    """One screen that can be gone to by its digit, its name or an alias."""

    key: str
    name: str
    aliases: tuple[str, ...]
    title: str
    says: str
    view: type[View]


_registered: dict[str, Entry] = {}


def screen(*, name: str, title: str, key: str = "", aliases: tuple[str, ...] = (), says: str = "") -> Callable[[V], V]:
    """Register a view under a name. `says` is one line for help: what the screen answers."""

    def register(view: V) -> V:
        _registered[name] = Entry(key, name, aliases, title, says, view)
        return view

    return register


@functools.cache
def entries() -> tuple[Entry, ...]:
    """Every screen, those with a digit first."""
    package = importlib.import_module("screens.views")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"screens.views.{module.name}")
    return tuple(sorted(_registered.values(), key=lambda e: (e.key == "", e.key, e.name)))


def digit(entry: Entry, chosen: Mapping[str, str]) -> str:
    """The key that opens a screen from everywhere: the operator's own, else its digit."""
    return chosen.get(f"go.{entry.name}", entry.key)


def find(word: str) -> Entry | None:
    """The screen of exactly that name, alias or digit."""
    return next((e for e in entries() if word in (e.name, e.key, *e.aliases) and word), None)


def names() -> tuple[str, ...]:
    """All names and aliases that the prompt knows, names first."""
    return (*(e.name for e in entries()), *(a for e in entries() for a in e.aliases))


def near(word: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """Names like a word that is none: those that begin with it, then those spelt alike."""
    starting = [n for n in known if n.startswith(word)]
    alike = difflib.get_close_matches(word, known, n=5, cutoff=0.5)
    return tuple(dict.fromkeys([*starting, *alike]))
