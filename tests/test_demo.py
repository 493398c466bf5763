"""The recorded meshes give the answers that they were recorded for, through the live code path."""

from __future__ import annotations

import json

import pytest

from meshdoctor.bundle.scenarios import describe, scenarios
from meshdoctor.cli import main

FIRST_CAUSE = {
    "caller-refused": ("AZ-001", "bank", "payment-callers"),
    "certificate-misplaced": ("CRT-005", "sm-gateways", "shop"),
    "circuit-breaker-open": ("RT-014", "shop", "catalog"),
    "filter-refused": ("XDS-001", "shop", "broken"),
    "istiod-gone": ("CP-001", "istio-d", "istiod"),
    "tls-switched-off": ("MTL-002", "shop", "payment-plain"),
}


@pytest.mark.parametrize("scenario", FIRST_CAUSE)
def test_an_incident_is_named(scenario: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["diagnose", "--demo", scenario, "-o", "json"])
    first = json.loads(capsys.readouterr().out)["causes"][0]
    assert (first["problem"], first["subject"]["namespace"], first["subject"]["name"]) == FIRST_CAUSE[scenario]
    assert code == 2
    assert first["evidence"]
    assert all("--context" in e["command"] for e in first["evidence"] if e["command"].startswith("kubectl"))


def test_the_healthy_mesh_has_no_cause(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["diagnose", "--demo", "healthy", "-o", "json"])
    found = json.loads(capsys.readouterr().out)
    more = [f for f in found["findings"] if f["severity"] != "info"]
    assert (code, found["causes"], more) == (0, [], [])


def test_all_recordings_are_listed_and_expected() -> None:
    assert set(scenarios()) == {*FIRST_CAUSE, "healthy"}
    assert all(title and about for _, title, about in describe())
