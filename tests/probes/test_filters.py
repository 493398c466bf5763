"""EF-001: EnvoyFilters that patch every proxy."""

from __future__ import annotations

from typing import Any

import pytest

from meshdoctor.model.networking import EnvoyFilter
from tests.conftest import build, judge
from tests.probes.things import thing


@pytest.mark.parametrize(
    ("where", "spec", "created", "severity"),
    [
        ("istio-system/all", {}, "2026-07-01T00:00:00Z", "medium"),
        ("istio-system/all", {"workloadSelector": {}}, "2026-08-01T11:00:00Z", "high"),
        ("istio-system/some", {"workloadSelector": {"labels": {"app": "x"}}}, "2026-07-01T00:00:00Z", None),
        ("istio-system/some", {"targetRefs": [{"kind": "Gateway", "name": "x"}]}, "2026-07-01T00:00:00Z", None),
        ("shop/all", {}, "2026-07-01T00:00:00Z", None),
        ("istio-system/tcp-stats-filter-1.19", {}, "2026-07-01T00:00:00Z", None),
    ],
)
def test_filters_in_the_root_namespace(where: str, spec: dict[str, Any], created: str, severity: str | None) -> None:
    text = thing("networking.istio.io/v1alpha3", "EnvoyFilter", where, spec, created=created)
    assert [f.severity for f in judge(build(text), "EF-001")] == ([severity] if severity else [])
    assert {f.status for f in judge(build(text, unseen=[EnvoyFilter]), "EF-001")} == {"UNKNOWN"}
