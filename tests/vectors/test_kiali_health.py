"""Kiali's recorded verdicts on rates and replicas."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from meshdoctor.topology.health import Rates, Replicas, of_replicas, of_requests, tolerances, worst
from tests.vectors.cases import must_be_there, read

FOUND: dict[str, Any] = read("kiali/health_vectors.json") or {"rates": [], "workload_status": []}
CASES = [("rates", case) for case in FOUND["rates"]] + [("replicas", case) for case in FOUND["workload_status"]]


def verdict(case: dict[str, Any]) -> dict[str, Any]:
    """What Kiali's calculator answers: status, the share of errors and the rate of all requests, zeros left out."""
    given = case["input"]
    if given["health"] is None:
        return {"status": "NA"}
    kind = case["checker"].rpartition(".")[2].lower()
    blocks = msgspec.convert(given["rates"], list[Rates])
    allowed = tolerances(given["namespace"], kind, given["name"], given["annotations"], blocks)
    requests = given["health"]["requests"]
    inbound, outbound = requests["inbound"] or {}, requests["outbound"] or {}
    judged = of_requests(inbound, outbound, allowed)
    workloads = given["health"].get("workloadStatuses") or [given["health"].get("workloadStatus")]
    states = [of_replicas(msgspec.convert(w, Replicas)) for w in workloads if w]
    total = sum(n for direction in (inbound, outbound) for codes in direction.values() for n in codes.values())
    said = {"status": worst([judged.status, *states]).value, "errorRatio": judged.error_percent, "totalRequestRate": total}
    return {name: value for name, value in said.items() if value != 0}


@pytest.mark.parametrize(("kind", "case"), CASES, ids=[f"{k}-{c.get('test', i)}" for i, (k, c) in enumerate(CASES)])
def test_kiali_health(kind: str, case: dict[str, Any], record_property: Any) -> None:
    must_be_there()
    if kind == "rates":
        said, expected = verdict(case), case["result"]
    else:
        said = {"status": of_replicas(msgspec.convert(case["workloadStatus"], Replicas)).value}
        expected = {"status": case["health"]}
    same = said.keys() == expected.keys() and all(
        said[k] == pytest.approx(v) if isinstance(v, float) else said[k] == v for k, v in expected.items()
    )
    record_property("vectors", ["kiali health", same, case.get("test", str(case)), ""])
    assert same, (said, expected)
