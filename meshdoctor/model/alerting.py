"""What a Prometheus was asked about its alerts."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from meshdoctor.model.sources import Source


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """An alerting rule as it is loaded. Durations are seconds; `state` is inactive, pending or firing."""

    name: str
    query: str
    group: str = ""
    held: float = 0.0  # `for`
    interval: float = 0.0  # how often it is evaluated
    severity: str = ""
    runbook: str = ""
    state: str = ""
    error: str = ""  # of its last evaluation


class Alerting(msgspec.Struct, frozen=True, kw_only=True):
    """The rules, how many series each selector has now, and who is told. None where that could not be read."""

    rules: tuple[Rule, ...] | None = None
    counts: Mapping[str, float | None] = {}  # by selector, as it is written
    intervals: Mapping[str, float] = {}  # seconds between scrapes, by job
    receivers: int | None = None  # Alertmanagers that Prometheus knows
    missing: tuple[Source, ...] = ()

    @property
    def scrape_interval(self) -> float:
        """The longest, in seconds; 0 where it is not known."""
        return max(self.intervals.values(), default=0.0)
