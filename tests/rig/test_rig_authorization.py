"""The evaluator of policies against Envoy: what it foretells is what happens, to the policy and the rule."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from tests.rig.authorization.bench import SERVERS, Bench, Outcome
from tests.rig.authorization.cases import Case, cases, rounds
from tests.rig.authorization.chance import chosen

pytestmark = pytest.mark.rig


def foretold(kubeconfig: str, some: Iterable[Case]) -> list[Outcome]:
    found: list[Outcome] = []
    with Bench(kubeconfig) as bench:
        for group in rounds(some, SERVERS):
            found += bench.round(group)
    wrong = [str(o) for o in found if not o.agrees]
    print(f"authorization: {len(found) - len(wrong)} of {len(found)} requests")
    assert not wrong, "\n".join(wrong)
    return found


def test_what_is_foretold_is_what_happens(kubeconfig: str) -> None:
    assert len(foretold(kubeconfig, cases())) >= 300


@pytest.mark.long
def test_by_chance_too(kubeconfig: str) -> None:
    """Ten minutes: policies that no hand wrote."""
    assert len(foretold(kubeconfig, chosen(seed=1, number=180))) >= 1400
