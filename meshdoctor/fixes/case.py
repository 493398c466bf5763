"""One finding that is to be healed: what the words of a remedy are worked out from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from meshdoctor.fixes import paths
from meshdoctor.fixes.patch import Object
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.errors import UsageError
from meshdoctor.model.findings import Finding
from meshdoctor.model.kinds import kind_of
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.subject import Subject

T = TypeVar("T", bound=KubernetesObject)
V = TypeVar("V")


class NoRemedy(UsageError):
    """This remedy does not fit here; `observed` says why."""


class Case(msgspec.Struct, kw_only=True):
    """A finding in its mesh. `live` is the object to be changed, as the API server has it, once that is known."""

    finding: Finding
    mesh: Mesh
    live: Object = {}

    @property
    def subject(self) -> Subject:
        return self.finding.subject

    def the(self, kind: type[T]) -> T:
        """The finding's subject, as it was read. Raises NoRemedy where it is of another kind or gone."""
        found = self.mesh[kind].get(*self.subject.key) if self.subject.kind == kind.KIND else None
        if found is None:
            raise NoRemedy(f"There is no {kind.KIND} {self.subject.namespace}/{self.subject.name}.")
        return found

    def at(self, path: str) -> Any:
        """A part of the object to be changed; None where it has none."""
        way = paths.steps(path)
        return paths.get(self.live, way) if paths.has(self.live, way) else None


Word = Callable[[Case], Any]
WORDS: dict[str, Word] = {}


def word(function: Callable[[Case], V]) -> Callable[[Case], V]:
    """Register a word for remedies: it is named as its function, and raises NoRemedy where it has no value."""
    WORDS[function.__name__] = function
    return function


@word
def ns(case: Case) -> str:
    """The namespace of the finding's subject."""
    return case.subject.namespace


@word
def pods_ns(case: Case) -> str:
    """The namespace whose pods the finding is about: the subject's, or the subject itself."""
    return case.subject.name if case.subject.kind == "Namespace" else case.subject.namespace


@word
def name(case: Case) -> str:
    """The name of the finding's subject."""
    return case.subject.name


@word
def at(case: Case) -> str:
    """The place in the object that the finding is about."""
    if not case.finding.path:
        raise NoRemedy("The finding names no place in the object.")
    return case.finding.path


@word
def now(case: Case) -> str:
    """This moment, as kubectl writes it when it restarts."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def kind_named(subject: Subject) -> type[KubernetesObject]:
    """The class of a subject's kind. Raises UsageError for one that we do not know."""
    known = kind_of(f"{subject.group}/v1" if subject.group else "v1", subject.kind)
    if known is None:
        raise UsageError(f"meshdoctor does not know the kind {subject.kind!r}.")
    return known


def value_of(case: Case, name: str) -> Any:
    """What a word stands for."""
    from meshdoctor.fixes import words

    words.load()
    return WORDS[name](case)
