"""The recordings that come with the program, by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshdoctor.bundle import scenarios
from meshdoctor.bundle.replay import ReplayServer
from meshdoctor.model.errors import UsageError
from tests.bundle.recorded import AT, recorder


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of two recordings in the place of the real one."""
    for name in ("quiet", "tls-switched-off"):
        recorder().write(tmp_path / f"{name}.tar.xz", f"About {name}", "One sentence.", AT)
    monkeypatch.setattr(scenarios, "folder", lambda: tmp_path)
    return tmp_path


@pytest.mark.usefixtures("installed")
def test_scenarios_are_found_and_described() -> None:
    assert list(scenarios.scenarios()) == ["quiet", "tls-switched-off"]
    assert scenarios.default() == "tls-switched-off"
    assert scenarios.describe()[0] == ("tls-switched-off", "About tls-switched-off", "One sentence.")


@pytest.mark.usefixtures("installed")
async def test_a_scenario_names_its_context() -> None:
    async with ReplayServer(scenarios.open_scenario("quiet")) as server:
        assert "current-context: demo/quiet\n" in server.kubeconfig()


@pytest.mark.usefixtures("installed")
def test_a_wrong_name_is_told_with_the_near_one_and_all() -> None:
    with pytest.raises(UsageError) as refused:
        scenarios.open_scenario("quite")
    assert "Did you mean 'quiet'?" in str(refused.value)
    assert "quiet, tls-switched-off" in str(refused.value)
