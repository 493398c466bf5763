"""The checklist: a check is what it is called, what it weighs and which rules it rests on, and one function."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from meshdoctor.model.onboarding import Weight
from meshdoctor.onboarding.outcome import Outcome
from meshdoctor.onboarding.scope import Scope

Rule = Callable[[Scope], Iterator[Outcome]]


@dataclass(frozen=True, slots=True)
class OnboardingCheck:
    """A registered check. `problems` are those whose rules' findings in the namespace are its own; `codes` likewise.

    Those of `demands` count as the check weighs, also where a rule only warns because nothing was seen to fail yet.
    `before` tells whether it means something before the namespace is enrolled: what stands in the way.
    """

    id: str
    title: str
    weight: Weight
    do: str
    problems: tuple[str, ...]
    codes: tuple[str, ...]
    demands: tuple[str, ...]
    before: bool
    rule: Rule

    @property
    def order(self) -> tuple[bool, int]:
        """Its place in the checklist."""
        return self.id.startswith("AM"), int(self.id.removeprefix("AM"))


_registered: dict[str, OnboardingCheck] = {}


def check(
    ident: str,
    title: str,
    *,
    weight: Weight,
    do: str,
    problems: Iterable[str] = (),
    codes: Iterable[str] = (),
    demands: Iterable[str] = (),
    before: bool = False,
) -> Callable[[Rule], Rule]:
    """Register a check of the checklist. What rules find of `problems` and `codes` in the namespace needs no line of code."""

    def register(rule: Rule) -> Rule:
        _registered[ident] = OnboardingCheck(ident, title, weight, do, tuple(problems), tuple(codes), tuple(demands), before, rule)
        return rule

    return register


@functools.cache
def checks() -> tuple[OnboardingCheck, ...]:
    """The whole checklist, in its order."""
    package = importlib.import_module("meshdoctor.onboarding.checks")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"meshdoctor.onboarding.checks.{module.name}")
    return tuple(sorted(_registered.values(), key=lambda c: c.order))
