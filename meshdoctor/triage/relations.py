"""How two findings can belong together: named relations, each a pair of key functions.

A cause is related to a symptom when the keys of the one meet the keys of the other, so that thousands of findings are
joined by hash, never pair by pair.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Set
from typing import NamedTuple

from meshdoctor.model.findings import Finding
from meshdoctor.model.subject import Subject

Keys = Callable[[Finding], Set[Hashable]]


class Relation(NamedTuple):
    """The keys of a cause and of a symptom; `says` is when the two are related."""

    says: str
    of_cause: Keys
    of_symptom: Keys

    def holds(self, cause: Finding, symptom: Finding) -> bool:
        """Whether the two are related."""
        return not self.of_cause(cause).isdisjoint(self.of_symptom(symptom))


def _nothing(_: Finding) -> Set[Hashable]:
    return frozenset({()})


def _subject(finding: Finding) -> Set[Hashable]:
    return frozenset({finding.subject})


def _name(finding: Finding) -> Set[Hashable]:
    return frozenset({finding.subject.key})


def _path(finding: Finding) -> Set[Hashable]:
    return frozenset({(finding.subject, finding.path)})


def _all_rules(finding: Finding) -> Set[Hashable]:
    return frozenset({(finding.subject, "spec.rules")})


def _own_namespace(finding: Finding) -> Set[Hashable]:
    return frozenset({_namespace(finding.subject)}) - {""}


def _also(finding: Finding) -> Set[Hashable]:
    return frozenset(finding.also)


def _all(finding: Finding) -> Set[Hashable]:
    return frozenset((finding.subject, *finding.also))


def _namespaces_concerned(finding: Finding) -> Set[Hashable]:
    return frozenset(_namespace(s) for s in finding.also) - {""}


def _namespace(subject: Subject) -> str:
    return subject.name if subject.kind == "Namespace" else subject.namespace


RELATIONS: dict[str, Relation] = {
    "anything": Relation("the cause is mesh-wide: it explains every such symptom", _nothing, _nothing),
    "same_object": Relation("both are about the same object", _subject, _subject),
    "same_name": Relation("both subjects have the same namespace and name, of whatever kind", _name, _name),
    "same_path": Relation("both are about the same place of the same object", _path, _path),
    "rules_of": Relation("the symptom is about all rules of the cause's object", _all_rules, _path),
    "same_namespace": Relation(
        "the symptom lies in the cause's namespace, or in the namespace that is the cause", _own_namespace, _own_namespace
    ),
    "concerns": Relation("the cause concerns the symptom's object: its host, client, server or workload", _also, _subject),
    "concerned": Relation("the symptom concerns the cause's object", _subject, _also),
    "shares": Relation("both concern a common object", _all, _all),
    "in_concerned_namespace": Relation(
        "the symptom lies in a namespace that the cause concerns", _namespaces_concerned, _own_namespace
    ),
}
