"""The registry of rules: a rule is one decorated function."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import entry_points
from typing import Any

import msgspec

from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.findings import HINT, PROOF, STRONG, Evidence, Harm, Severity
from meshdoctor.model.istiod import Istiod
from meshdoctor.model.manifest import Manifest
from meshdoctor.model.pages import code_of, page
from meshdoctor.model.prometheus import Prometheus
from meshdoctor.model.subject import Subject

Need = type[KubernetesObject] | type[Manifest] | type[Istiod] | type[Envoy] | type[Prometheus]
CONFIDENCE = {"proof": PROOF, "strong": STRONG, "hint": HINT}


class Draft(msgspec.Struct, frozen=True):
    """What a rule says of one object, before the runner adds code, id and severity."""

    subject: Subject
    says: str
    at: str
    why: str
    evidence: tuple[Evidence, ...]
    confidence: float | None
    severity: Severity | None
    harm: Harm | None
    also: tuple[Subject, ...]
    since: datetime | None
    codes: tuple[str, ...] | None
    lacking: tuple[type[KubernetesObject], ...]


Rule = Callable[..., Iterator[Draft]]


@dataclass(frozen=True, slots=True)
class Probe:
    """A registered rule. `needs` is what it may read: `needs[0]` is what it is about, SKIPPED where there is none.

    With `over`, the function is called once for each object of that kind, so that one object that cannot be judged
    leaves the others judged.
    """

    code: str
    problem: str | None
    title: str
    severity: Severity
    confidence: float
    codes: tuple[str, ...]
    needs: tuple[Need, ...]
    over: type[KubernetesObject] | None
    rule: Rule

    @property
    def sentence(self) -> str:
        """What it looks for: the rule's own words."""
        return " ".join((self.rule.__doc__ or "").split())


_registered: dict[str, Probe] = {}


def probe(
    problem: str,
    *,
    needs: Iterable[Need],
    over: type[KubernetesObject] | None = None,
    codes: Iterable[str] = (),
    title: str = "",
    severity: Severity = "medium",
) -> Callable[[Rule], Rule]:
    """Register a rule for a problem (`MTL-002`), or for a code of its own (`MD5001` and up, or any other name).

    Title, severity and confidence come from the problem's page; a rule of its own gives title and severity here.
    """

    def register(rule: Rule) -> Rule:
        wanted = tuple(needs) if over is None or over in tuple(needs) else (over, *needs)
        if problem.startswith("MD") or "-" not in problem:
            made = Probe(problem, None, title, severity, PROOF, tuple(codes), wanted, over, rule)
        else:
            p = page(problem)
            both = tuple(dict.fromkeys((*p.codes, *codes)))
            made = Probe(code_of(problem), problem, p.title, p.severity, CONFIDENCE[p.confidence], both, wanted, over, rule)
        if made.code in _registered and _registered[made.code].rule.__module__ != rule.__module__:
            raise ValueError(f"two rules for {made.code}: {_registered[made.code].rule.__module__} and {rule.__module__}")
        _registered[made.code] = made
        return rule

    return register


def fail(
    about: KubernetesObject | Subject,
    says: str,
    *,
    at: str = "",
    why: str = "",
    evidence: Iterable[Evidence] = (),
    confidence: float | None = None,
    severity: Severity | None = None,
    harm: Harm | None = None,
    also: Iterable[KubernetesObject | Subject] = (),
    since: datetime | None = None,
    codes: Iterable[str] | None = None,
    lacking: Iterable[type[KubernetesObject]] = (),
) -> Draft:
    """One finding: what was observed of which object. Evidence defaults to the object's own words at `at`.

    `also` names the other objects it concerns (hosts, clients, servers): causes are told from symptoms by them.
    `since` is when it began; it defaults to the last change of the object where one is given.
    `codes` are those of other tools that say this very thing, where the rule's codes say more than one thing.
    `lacking` are the kinds whose absence is the proof: where only manifests were given and none of one of these kinds
    is among them, the finding is UNKNOWN.
    """
    subject = about if isinstance(about, Subject) else about.subject
    shown = tuple(evidence) or ((quote(about, at),) if isinstance(about, KubernetesObject) else ())
    began = since or (about.changed if isinstance(about, KubernetesObject) else None)
    others = tuple([o if isinstance(o, Subject) else o.subject for o in also])
    said = None if codes is None else tuple(codes)
    return Draft(subject, says, at, why, shown, confidence, severity, harm, others, began, said, tuple(lacking))


def quote(thing: KubernetesObject, at: str = "", value: Any = None, says: str = "") -> Evidence:
    """An object as evidence: its path and value, and the command that shows it."""
    words = at if value is None else f"{at}: {value}"
    return Evidence(
        says or (f"{thing.subject} has {words}" if words else f"{thing.subject}"), str(thing.subject), words, get(thing)
    )


def get(thing: KubernetesObject | Subject, output: str = "yaml") -> str:
    """The kubectl command that prints an object (the runner adds --context)."""
    subject = thing if isinstance(thing, Subject) else thing.subject
    resource = f"{subject.kind.lower()}.{subject.group}" if subject.group else subject.kind.lower()
    where = f"-n {subject.namespace} " if subject.namespace else ""
    return f"kubectl {where}get {resource} {subject.name} -o {output}"


@functools.cache
def load() -> None:
    """Import every module of this package, and of the entry point group `meshdoctor.probes`."""
    package = importlib.import_module("probes")
    for module in pkgutil.iter_modules(package.__path__):
        if module.name not in {"registry", "runner"}:
            importlib.import_module(f"probes.{module.name}")
    for point in entry_points(group="meshdoctor.probes"):
        point.load()


def all_probes() -> tuple[Probe, ...]:
    """Every rule, ours and those of entry points, in the order of their codes."""
    load()
    return tuple(sorted(_registered.values(), key=lambda p: p.code))
