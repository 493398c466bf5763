"""EG-007: two ServiceEntries for one host."""

from __future__ import annotations

from typing import Any

import pytest

from meshdoctor.model.networking import ServiceEntry
from tests.conftest import build, judge, subjects
from tests.probes.things import all_of, entry

OLDER = entry("bank/z", "rates.org", created="2026-07-01T00:00:00Z")
HTTP = [{"number": 443, "name": "http", "protocol": "HTTP"}]
OTHER = [{"number": 80, "name": "http", "protocol": "HTTP"}]


@pytest.mark.parametrize(
    ("where", "host", "spec", "found"),
    [
        ("bank/a", "rates.org", {"ports": HTTP}, True),
        ("shop/a", "Rates.org", {"resolution": "STATIC"}, True),
        ("bank/a", "rates.org", {}, False),
        ("bank/a", "rates.org", {"ports": OTHER}, False),
        ("bank/a", "news.org", {"ports": HTTP}, False),
        ("bank/a", "rates.org", {"ports": HTTP, "exportTo": ["."]}, True),  # both are seen in bank
        ("shop/a", "rates.org", {"ports": HTTP, "exportTo": ["."]}, False),  # shop's own, on purpose
        ("bank/a", "rates.org", {"ports": HTTP, "exportTo": ["~"]}, False),
    ],
)
def test_contradicting_entries(where: str, host: str, spec: dict[str, Any], found: bool) -> None:
    findings = judge(build(all_of(OLDER, entry(where, host, created="2026-07-02T00:00:00Z", **spec))), "EG-007")
    assert subjects(f for f in findings if f.severity != "info") == ([f"ServiceEntry {where}"] if found else [])


def test_what_was_not_seen_is_unknown() -> None:
    assert {f.status for f in judge(build(OLDER, unseen=[ServiceEntry]), "EG-007")} == {"UNKNOWN"}
