"""The mTLS screen: the matrix, its list, and who would break by STRICT."""

from __future__ import annotations

import pytest

from meshdoctor.model.mesh import Mesh
from meshdoctor.model.security import PeerAuthentication
from tests.conftest import build
from tests.istio.test_mutual import SNI, STRICT, WORLD, inbound, rule
from tests.probes.things import all_of, logged
from tests.screens.conftest import opened


def mesh(*more: str) -> Mesh:
    return build(all_of(WORLD, STRICT, *more), envoys=[logged("shop/back", inbound("10.1.0.1", SNI), inbound("10.1.0.1", SNI))])


@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
async def test_the_matrix(size: tuple[int, int]) -> None:
    async with opened(mesh(), size=size) as screen:
        await screen.type(":mtls")
        await screen.press("enter")
        assert "mTLS 100 % of 2 calls in 60 s (goal 99 %)" in screen.flat
        (front,) = (line for line in screen.lines if line.startswith(" front"))
        (alien,) = (line for line in screen.lines if line.startswith(" alien"))
        assert "● mTLS" in front
        assert "⊘ refused" in alien
        assert max(map(len, screen.lines)) <= size[0]


async def test_a_client_and_back() -> None:
    async with opened(mesh(rule("shop/r", "DISABLE")), start="mtls") as screen:
        await screen.press("enter")
        assert "✖ broken" in screen.text
        assert "DestinationRule shop/r" in screen.text
        assert "alien" not in screen.text
        await screen.press("escape")
        assert "alien" in screen.text
        await screen.press("m")
        assert "2 mTLS" in screen.text


async def test_what_if() -> None:
    async with opened(mesh(), start="mtls") as screen:
        await screen.press("m", "x")
        assert "shop=STRICT: nothing would change" in screen.flat


async def test_what_may_not_be_read_is_said() -> None:
    async with opened(build(WORLD, unseen=[PeerAuthentication]), start="mtls") as screen:
        assert "? UNKNOWN" in screen.text
        assert "peerauthentications" in screen.text
