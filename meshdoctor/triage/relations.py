"""How two findings can belong together: named predicates over cause and symptom."""

from __future__ import annotations

from collections.abc import Callable

from meshdoctor.model.findings import Finding
from meshdoctor.model.subject import Subject

Relation = Callable[[Finding, Finding], bool]


def anything(cause: Finding, symptom: Finding) -> bool:
    """The cause is mesh-wide: it explains every such symptom."""
    return True


def same_object(cause: Finding, symptom: Finding) -> bool:
    """Both are about the same object."""
    return cause.subject == symptom.subject


def same_name(cause: Finding, symptom: Finding) -> bool:
    """Both subjects have the same namespace and name, of whatever kind."""
    return cause.subject.key == symptom.subject.key


def same_namespace(cause: Finding, symptom: Finding) -> bool:
    """The symptom lies in the cause's namespace, or in the namespace that is the cause."""
    return _namespace(cause.subject) == _namespace(symptom.subject) != ""


def concerns(cause: Finding, symptom: Finding) -> bool:
    """The cause concerns the symptom's object: its host, its client, its server, its workload."""
    return symptom.subject in cause.also


def concerned(cause: Finding, symptom: Finding) -> bool:
    """The symptom concerns the cause's object."""
    return cause.subject in symptom.also


def shares(cause: Finding, symptom: Finding) -> bool:
    """Both concern a common object."""
    return bool(_all(cause) & _all(symptom))


def same_path(cause: Finding, symptom: Finding) -> bool:
    """Both are about the same place of the same object."""
    return cause.subject == symptom.subject and cause.path == symptom.path


def in_concerned_namespace(cause: Finding, symptom: Finding) -> bool:
    """The symptom lies in a namespace that the cause concerns."""
    return _namespace(symptom.subject) in {_namespace(s) for s in cause.also}


def _all(finding: Finding) -> set[Subject]:
    return {finding.subject, *finding.also}


def _namespace(subject: Subject) -> str:
    return subject.name if subject.kind == "Namespace" else subject.namespace


RELATIONS: dict[str, Relation] = {
    relation.__name__: relation
    for relation in (
        anything,
        same_object,
        same_name,
        same_namespace,
        same_path,
        concerns,
        concerned,
        shares,
        in_concerned_namespace,
    )
}
