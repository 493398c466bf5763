"""EG-007: two ServiceEntries for one host."""

from __future__ import annotations

from typing import Any

import pytest

from meshdoctor.model.networking import ServiceEntry
from tests.conftest import build, judge, subjects
from tests.probes.things import all_of, entry, pod, thing

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


LDAP = {"location": "MESH_EXTERNAL", "resolution": "STATIC", "ports": [{"number": 389, "name": "tcp-ldap", "protocol": "TCP"}]}
CAPTURES = {"proxy.istio.io/config": "proxyMetadata: {ISTIO_META_DNS_CAPTURE: 'true'}"}


@pytest.mark.parametrize(("hosts", "annotations", "given", "worst"), [
    (("a.example.com", "b.example.com"), {}, {}, ["ServiceEntry shop/b"]),
    (("a.example.com", "b.example.com"), CAPTURES, {}, []),
    (("a.example.com", "b.example.com"), {}, {"addresses": ["10.9.0.1"]}, []),
    (("a.example.com", "a.example.com"), {}, {}, []),
])  # fmt: skip
def test_two_entries_that_take_all_of_a_port(
    hosts: tuple[str, str], annotations: dict[str, str], given: dict[str, Any], worst: list[str]
) -> None:
    api = "networking.istio.io/v1"
    older = thing(api, "ServiceEntry", "shop/a", LDAP | {"hosts": hosts[:1]}, created="2026-08-01T10:00:00Z")
    younger = thing(api, "ServiceEntry", "shop/b", LDAP | given | {"hosts": hosts[1:]}, created="2026-08-02T10:00:00Z")
    mesh = build(all_of(older, younger, pod("shop/web-1", annotations=annotations)))
    assert subjects(f for f in judge(mesh, "EG-003") if f.severity != "info") == worst
