"""Whom to tell."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.onboarding.outcome import Outcome, breaks, holds
from meshdoctor.onboarding.owners import people
from meshdoctor.onboarding.registry import check
from meshdoctor.onboarding.scope import Scope
from probes.registry import quote


@check(
    "32",
    "The owner is named",
    weight="info",
    do="Label or annotate the namespace: team, contact, on-call.",
    before=True,
)
def owner_named(scope: Scope) -> Iterator[Outcome]:
    """A label or annotation of the namespace names a team, a contact or who is on call."""
    found = people(scope.namespace)
    if found is None:
        yield breaks("no label or annotation names team, contact or on-call", quote(scope.namespace, "metadata.labels"))
    else:
        yield holds(f"{found[0]}", quote(scope.namespace, found[1], found[0]))
