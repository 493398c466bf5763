"""The questions of the gate: each is a name and one function."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from meshdoctor.gate.looked import Looked
from meshdoctor.onboarding.outcome import Outcome

Question = Callable[[Looked], Iterator[Outcome]]
ORDER = ("ready", "ingress", "in-mesh", "egress", "mtls", "policy", "causes")


@dataclass(frozen=True, slots=True)
class Asked:
    """A registered question."""

    id: str
    title: str
    ask: Question


_registered: dict[str, Asked] = {}


def question(ident: str, title: str) -> Callable[[Question], Question]:
    """Register a question of the gate."""

    def register(ask: Question) -> Question:
        _registered[ident] = Asked(ident, title, ask)
        return ask

    return register


@functools.cache
def questions() -> tuple[Asked, ...]:
    """All of them, in the order in which they are told."""
    package = importlib.import_module("meshdoctor.gate.checks")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"meshdoctor.gate.checks.{module.name}")
    return tuple(sorted(_registered.values(), key=lambda a: ORDER.index(a.id)))
