"""What Prometheus answered."""

from __future__ import annotations

from meshdoctor.model.envoy import Said
from meshdoctor.model.istiod import Sample
from meshdoctor.model.subject import Subject


class Prometheus(Said, frozen=True, kw_only=True, eq=False):
    """A Prometheus that was found in the cluster, and the answers to our instant queries by their name."""

    service: Subject
    workload: Subject | None = None

    def answer(self, query: str) -> tuple[Sample, ...]:
        """The samples of a named query; raises Unseen where it was not answered."""
        value: tuple[Sample, ...] = self.part(query)
        return value
