"""The trace screen: a request typed in, both ways beside each other, and what differs."""

from __future__ import annotations

from meshdoctor.istio.steps import Step
from meshdoctor.model.mesh import Mesh
from tests.screens.conftest import opened

CART = "outbound|8080||cart.shop.svc.cluster.local"
LIVE = (Step("listener", "0.0.0.0_8080"), Step("cluster", CART, cluster=CART, decides="100"))
WRONG = (Step("listener", "0.0.0.0_8080"), Step("virtual host", "none: 404 NR", is_end=True, decides="404"))
ASKED = ":trace shop/catalog cart.shop:8080/"


async def test_both_ways_beside_each_other(faulty: Mesh) -> None:
    for size in ((80, 24), (200, 60)):
        async with opened(faulty, size=size) as screen:
            screen.feed.walked = LIVE
            await screen.type(ASKED)
            await screen.press("enter")
            await screen.until(lambda: "0.0.0.0_8080" in screen.text)
            assert "CONFIGURATION" in screen.text
            assert "Envoy does what is configured" in screen.flat


async def test_a_difference_is_told_first(faulty: Mesh) -> None:
    async with opened(faulty, size=(140, 40)) as screen:
        screen.feed.walked = WRONG
        await screen.type(ASKED)
        await screen.press("enter")
        await screen.until(lambda: "404 NR" in screen.text)
        assert "the configuration says outbound|8080||cart.shop.svc.cluster.local, Envoy 404" in screen.flat


async def test_what_is_no_request_says_so(faulty: Mesh) -> None:
    async with opened(faulty) as screen:
        await screen.type(":trace")
        await screen.press("enter")
        assert "Nothing traced yet" in screen.text
        await screen.type("/nobody cart")
        await screen.press("enter")
        await screen.until(lambda: "No pod with a proxy is called" in screen.flat)
