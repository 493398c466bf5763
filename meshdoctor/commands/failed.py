"""A cluster that could not be read at all: the error in one line, and JSON all the same where JSON was asked for."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime

from meshdoctor.model.errors import MeshdoctorError
from meshdoctor.model.findings import Cluster, Coverage, Diagnosis
from meshdoctor.model.redact import redact
from meshdoctor.model.sources import Source, SourceState
from meshdoctor.model.text import plain


def in_json(arguments: argparse.Namespace, error: MeshdoctorError) -> int:
    """Print what could not be done, and return its exit code."""
    words = plain(redact(str(error)), 600)
    print(f"meshdoctor: {words}", file=sys.stderr)
    if getattr(arguments, "output", "") == "json":
        from meshdoctor.reports import schema

        print(schema.encode(schema.diagnosis(blind(words, arguments.context or ""))))
    return error.exit_code


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
