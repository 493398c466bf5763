"""The onboarding board and the detail of a namespace."""

from __future__ import annotations

import pytest

from meshdoctor.model.cluster import Namespace
from meshdoctor.model.mesh import Mesh
from tests.conftest import build
from tests.onboarding.sound import World
from tests.screens.conftest import FAULTY, opened


async def test_the_board_says_who_is_where(faulty: Mesh) -> None:
    async with opened(faulty, start="onboarding", size=(80, 24)) as screen:
        rows = {row.split()[2]: row for row in screen.lines if "/" in row and ("degraded" in row or "enrolling" in row)}
        assert "✖ degraded" in rows["shop"]
        assert "not enrolled" in screen.text
        assert all(len(row.rstrip()) <= 80 for row in screen.lines)


async def test_a_namespace_in_detail_with_the_finding_behind_a_check(faulty: Mesh) -> None:
    async with opened(faulty, start="onboarding", size=(80, 24)) as screen:
        await screen.type("/shop")
        await screen.press("enter", "enter")
        assert "✖ FAIL" in screen.text
        assert "blocks" in screen.text
        for _ in range(8):  # down to the first check that rests on a finding
            await screen.press("enter")
            if "OBSERVED" in screen.text:
                break
            await screen.press("down")
        assert "OBSERVED" in screen.text
        await screen.press("escape")
        assert "checks pass" in screen.text


async def test_a_sound_namespace_has_nothing_left() -> None:
    async with opened(World().mesh(), start="scan", size=(200, 60)) as screen:
        assert "● onboarded" in screen.text
        await screen.type("/shop")
        await screen.press("enter", "enter")
        assert "35" not in "".join(screen.lines[1:])  # the clock may say so
        assert "✖" not in screen.text
        await screen.press("end")
        assert "Deployment web" in screen.text


async def test_without_the_right_to_list_namespaces_it_says_so() -> None:
    async with opened(build(FAULTY, unseen=[Namespace]), start="onboarding") as screen:
        assert "namespaces" in screen.flat
        assert "forbidden" in screen.flat


@pytest.mark.parametrize("size", [(80, 24), (40, 12)])
async def test_hostile_owners_are_harmless(size: tuple[int, int]) -> None:
    world = World()
    world["Namespace/shop"]["metadata"]["annotations"] = {"team": "\x1b[31m[bold]red\u202e"}
    async with opened(world.mesh(), start="onboarding", size=size) as screen:
        await screen.press("enter")
        assert "\x1b" not in screen.text
        assert "\u202e" not in screen.text
