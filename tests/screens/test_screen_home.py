"""Home: the verdict in full at every size, whatever the state of the cluster."""

from __future__ import annotations

import pytest

from meshdoctor.collect.link import Link
from meshdoctor.diagnosis import judge
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.workloads import Pod
from tests.conftest import build
from tests.screens.conftest import FAULTY, opened

SIZES = [(80, 24), (100, 30), (120, 36), (200, 60)]


@pytest.mark.parametrize("size", SIZES)
async def test_the_verdict_is_there_in_full(faulty: Mesh, size: tuple[int, int]) -> None:
    cause = judge(faulty).causes[0]
    async with opened(faulty, size=size) as screen:
        assert cause.title in screen.flat
        assert str(cause.subject) in screen.flat
        assert f"{cause.confidence * 100:.0f} % sure" in screen.flat


@pytest.mark.parametrize("size", [(30, 24), (40, 24), (80, 24)])
async def test_a_long_verdict_wraps(healthy: Mesh, size: tuple[int, int]) -> None:
    async with opened(healthy, size=size) as screen:
        assert "No fault in what could be seen (0 of" in screen.flat
        assert "checks unknown)." in screen.flat


@pytest.mark.parametrize("size", SIZES)
async def test_nothing_is_wider_than_the_screen(faulty: Mesh, size: tuple[int, int]) -> None:
    async with opened(faulty, size=size) as screen:
        assert {len(line) for line in screen.lines} <= {size[0]}
        assert len(screen.lines) == size[1]


async def test_a_healthy_mesh_says_what_that_rests_on(healthy: Mesh) -> None:
    async with opened(healthy) as screen:
        assert "● No fault in what could be seen" in screen.text
        assert "CHECKED" in screen.text


async def test_what_was_not_seen_is_counted_and_named() -> None:
    async with opened(build(FAULTY, unseen=[Pod])) as screen:
        assert "Not seen: pods (denied)" in screen.flat
        assert "u why" in screen.flat
        await screen.press("u")
        assert "? denied" in screen.text
        assert "list pods is forbidden" in screen.flat


async def test_first_frame_before_any_answer() -> None:
    async with opened(None, link=Link()) as screen:
        assert "connecting to rig" in screen.flat
        assert "meshdoctor" in screen.lines[0]


async def test_no_cluster_says_what_failed_and_what_to_do() -> None:
    link = Link(state="error", reason="dial tcp 10.0.0.1:6443: i/o timeout [/]", do="Check the VPN.")
    async with opened(None, link=link, size=(80, 24)) as screen:
        assert "The cluster cannot be read" in screen.flat
        assert "i/o timeout [/]" in screen.flat
        assert "Check the VPN." in screen.flat
        assert "d demo" in screen.flat
        await screen.press("c")
        assert "Contexts" in screen.text
        await screen.press("escape", "d")
        await screen.until(lambda: "no recorded mesh" in screen.flat)


async def test_latent_causes_stand_under_their_own_heading(faulty: Mesh) -> None:
    diagnosis = judge(faulty)
    async with opened(faulty, size=(120, 40)) as screen:
        assert screen.flat.count("none yet") == sum(not c.observed for c in diagnosis.causes)


async def test_the_first_cause_is_proved_on_tall_screens(faulty: Mesh) -> None:
    async with opened(faulty, size=(200, 60)) as screen:
        for label in ("OBSERVED", "MEANS", "DO", "FIX"):
            assert label in screen.text
