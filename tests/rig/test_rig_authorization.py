"""The evaluator of policies against Envoy: what it foretells is what happens, to the policy and the rule."""

from __future__ import annotations

import pytest

from tests.rig.authorization.bench import SERVERS, Bench, Outcome
from tests.rig.authorization.cases import cases, rounds

pytestmark = pytest.mark.rig


def test_what_is_foretold_is_what_happens(kubeconfig: str) -> None:
    found: list[Outcome] = []
    with Bench(kubeconfig) as bench:
        for chosen in rounds(cases(), SERVERS):
            found += bench.round(chosen)
    wrong = [str(o) for o in found if not o.agrees]
    print(f"authorization: {len(found) - len(wrong)} of {len(found)} requests, {len(cases())} sets of policies")
    assert not wrong, "\n".join(wrong)
    assert len(found) >= 300
