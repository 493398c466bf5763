"""What the gate looks at: a snapshot, what the rules say of it, the namespaces that count, and the moment before."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import cached_property
from typing import TypeVar

from meshdoctor.gate.compared import wrong
from meshdoctor.gate.parts import calls_in_mesh, calls_out, causes, exposed, modes, policies, proxies, readiness
from meshdoctor.model.findings import Diagnosis, Finding, Status
from meshdoctor.model.gate import Moment
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Unseen
from meshdoctor.onboarding.outcome import Outcome, of_finding
from meshdoctor.onboarding.scope import where

T = TypeVar("T")


class Looked:
    """One look for the gate; `before` is how it was, where that is known."""

    def __init__(self, mesh: Mesh, diagnosis: Diagnosis, namespaces: Collection[str] = (), before: Moment | None = None) -> None:
        self.mesh, self.diagnosis, self.before = mesh, diagnosis, before
        self.chosen = frozenset(namespaces)

    def counts(self, namespace: str) -> bool:
        """Whether a namespace is among those that were asked for."""
        return not self.chosen or namespace in self.chosen

    def faults(self, prefixes: tuple[str, ...]) -> Iterator[Outcome]:
        """What rules of problems that begin so find wrong in the namespaces that count: WARN where it was so before."""
        known = frozenset(self.before.faults) if self.before else frozenset()
        for finding in self._failing():
            if (finding.problem or "").startswith(prefixes):
                told = of_finding(finding)
                yield wrong(told.says, *told.evidence, was_so=finding.id in known)

    def _failing(self) -> Iterator[Finding]:
        return (f for f in self.diagnosis.findings if f.status is Status.FAIL and self.counts(where(f)))

    @cached_property
    def now(self) -> Moment:
        """The moment, part by part; a part that was not seen is None."""
        mesh, cluster = self.mesh, self.mesh.cluster
        return Moment(
            observed_at=mesh.now,
            context=cluster.context,
            server=cluster.server,
            namespaces=tuple(sorted(self.chosen)),
            workloads=_or_none(lambda: readiness(mesh, self.counts)),
            hosts=_or_none(lambda: exposed(mesh, self.counts)),
            proxies=_or_none(lambda: proxies(mesh, self.counts)),
            calls=_or_none(lambda: calls_in_mesh(mesh, self.counts)),
            egress=_or_none(lambda: calls_out(mesh, self.counts)),
            mtls=_or_none(lambda: modes(mesh, self.counts)),
            policies=_or_none(lambda: policies(mesh, self.counts)),
            faults=tuple(sorted(f.id for f in self._failing())),
            causes=causes(self.diagnosis),
        )


def _or_none(make: Callable[[], T]) -> T | None:
    try:
        return make()
    except Unseen:
        return None
