"""A command that could not do its work: one line for people, and its JSON all the same where JSON was asked for."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from meshdoctor.model.findings import Cluster, Coverage, Diagnosis
from meshdoctor.model.redact import redact
from meshdoctor.model.sources import Source, SourceState, Unseen
from meshdoctor.model.text import plain
from meshdoctor.reports.unseen import ROLE, way_out

NOT_THERE = (SourceState.ABSENT, SourceState.SKIPPED)


def told(arguments: argparse.Namespace, words: str) -> None:
    """Say what could not be done on stderr; with `-o json`, print the command's JSON with nothing seen in it."""
    said = plain(redact(words), 600)
    print(f"meshdoctor: {said}", file=sys.stderr)
    empty = EMPTY.get(arguments.command or "")
    if empty and getattr(arguments, "output", "") == "json":
        from meshdoctor.reports import schema

        print(schema.encode(empty(blind(said, getattr(arguments, "context", None) or ""))))


def in_words(unseen: Unseen, what: str = "this cannot be told") -> str:
    """What could not be read and why, and what to do about it."""
    source = unseen.source
    do = [f"See by hand: {source.command} ."] if source.command else []  # apart, so that it can be copied
    if source.state not in NOT_THERE:
        do += way_out([source]) or [ROLE]
    return " ".join((f"{what}: {unseen}.", *do))


def blind(words: str, context: str) -> Diagnosis:
    """A diagnosis in which nothing was seen: every rule UNKNOWN, never PASS."""
    from probes.registry import all_probes

    rules = len(all_probes())
    source = Source(name="API server", state=SourceState.ERROR, reason=words)
    return Diagnosis(
        cluster=Cluster(context=context),
        observed_at=datetime.now(UTC),
        sources=(source,),
        coverage=Coverage(rules=rules, unknown=rules),
        notes=(words,),
    )


def _diagnosis(found: Diagnosis) -> Any:
    from meshdoctor.reports import schema

    return schema.diagnosis(found)


def _findings(found: Diagnosis) -> Any:
    from meshdoctor.reports import schema

    return schema.findings(found)


def _error(schema: str) -> Callable[[Diagnosis], Any]:
    """The JSON of a command that has nothing to tell but why."""
    return lambda found: {"schema": schema, "error": " ".join(found.notes), "source": found.sources[0]}


def _graph(found: Diagnosis) -> Any:
    from meshdoctor.reports import graph

    return graph.as_json((), 0, list(found.notes))


def _proxies(found: Diagnosis) -> Any:
    return {"schema": "meshdoctor.proxies/v1", "proxies": [], "notes": found.notes}


def _scan(found: Diagnosis) -> Any:
    from meshdoctor.model.onboarding import Scan
    from meshdoctor.reports import onboarding

    return onboarding.as_json(Scan(cluster=found.cluster, observed_at=found.observed_at, sources=found.sources, notes=found.notes))


def _gate(found: Diagnosis) -> Any:
    from meshdoctor.model.gate import Gate
    from meshdoctor.reports import gate

    return gate.as_json(Gate(cluster=found.cluster, observed_at=found.observed_at, sources=found.sources, notes=found.notes))


EMPTY: dict[str, Callable[[Diagnosis], Any]] = {
    "diagnose": _diagnosis,
    "check": _findings,
    "proxies": _proxies,
    "proxy": lambda _: [],
    "scan": _scan,
    "gate": _gate,
    "graph": _graph,
    "mtls": _error("meshdoctor.mtls/v1"),
    "trace": _error("meshdoctor.trace/v1"),
    "who-can": _error("meshdoctor.who-can/v1"),
}
