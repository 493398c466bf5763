"""The checklist: a check is what it is called, what it weighs and which rules it rests on, and one function."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from meshdoctor.model.findings import Evidence, Status
from meshdoctor.model.onboarding import Weight
from meshdoctor.onboarding.scope import Scope


@dataclass(frozen=True, slots=True)
class Outcome:
    """One thing that a check says of a namespace. A status of None means what the check's weight says: FAIL or WARN."""

    status: Status | None
    says: str
    evidence: tuple[Evidence, ...] = ()
    problem: str | None = None
    findings: tuple[str, ...] = ()


Rule = Callable[[Scope], Iterator[Outcome]]


@dataclass(frozen=True, slots=True)
class OnboardingCheck:
    """A registered check. `problems` are those whose rules' findings in the namespace are its own; `codes` likewise.

    `before` tells whether it means something before the namespace is enrolled: what stands in the way.
    """

    id: str
    title: str
    weight: Weight
    do: str
    problems: tuple[str, ...]
    codes: tuple[str, ...]
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
    before: bool = False,
) -> Callable[[Rule], Rule]:
    """Register a check of the checklist. What rules find of `problems` and `codes` in the namespace needs no line of code."""

    def register(rule: Rule) -> Rule:
        _registered[ident] = OnboardingCheck(ident, title, weight, do, tuple(problems), tuple(codes), before, rule)
        return rule

    return register


def holds(says: str, *evidence: Evidence) -> Outcome:
    """It is as it should be, and this shows it."""
    return Outcome(Status.PASS, says, evidence)


def breaks(says: str, *evidence: Evidence, problem: str | None = None, findings: Iterable[str] = ()) -> Outcome:
    """It is not: FAIL where the check blocks, WARN where it does not."""
    return Outcome(None, says, evidence, problem, tuple(findings))


def remarks(says: str, *evidence: Evidence, problem: str | None = None) -> Outcome:
    """The lesser half of a check is not as it should be: WARN, also where the check blocks."""
    return Outcome(Status.WARN, says, evidence, problem)


def skips(why: str) -> Outcome:
    """There is nothing that the check is about."""
    return Outcome(Status.SKIPPED, why)


def unknown(why: str, *evidence: Evidence) -> Outcome:
    """It could not be seen."""
    return Outcome(Status.UNKNOWN, why, evidence)


@functools.cache
def checks() -> tuple[OnboardingCheck, ...]:
    """The whole checklist, in its order."""
    package = importlib.import_module("meshdoctor.onboarding.checks")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"meshdoctor.onboarding.checks.{module.name}")
    return tuple(sorted(_registered.values(), key=lambda c: c.order))
