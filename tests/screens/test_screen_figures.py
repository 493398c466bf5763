"""`i`: where the figures of a screen come from, and how old they are."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

import pytest

from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Source
from screens.keys import below
from screens.registry import entries
from screens.views.view import View
from tests.screens.conftest import opened

CART, PAYMENT = "shop/cart-v1-5d9c8f7b6d-abcde", "bank/payment-v1-77c-fgh12"


@pytest.fixture
def asked(faulty: Mesh) -> Mesh:
    """The faulty mesh, two of its proxies asked half a minute ago."""
    faulty.extra_sources = tuple(Source(name=f"/certs of {pod}", age_s=30) for pod in (CART, PAYMENT))
    return faulty


async def test_a_screen_tells_its_own_sources_and_their_age(asked: Mesh) -> None:
    async with opened(asked, start="webhooks", size=(120, 40)) as s:
        await s.press("i")
        assert "What Webhooks shows" in s.flat
        assert "mutatingwebhookconfigurations" in s.flat
        assert "AGE" in s.flat
        assert "/certs of" not in s.flat
        await s.press("escape")
        assert s.app.view is not None
        assert s.app.view.title == "Webhooks"


async def test_of_single_pods_those_of_the_selected_row(asked: Mesh) -> None:
    async with opened(asked, start="proxies", size=(120, 40)) as s:
        await s.type("/cart")
        await s.press("enter", "i")
        assert f"What Proxies shows of Pod {CART} comes from" in s.flat
        assert f"/certs of {CART}" in s.flat
        assert re.search(rf"{CART} +3\d", s.text), "thirty seconds, and those since"
        assert PAYMENT not in s.flat
        assert "● live pods" in s.flat


async def test_a_screen_of_everything_tells_every_source(asked: Mesh) -> None:
    async with opened(asked, size=(120, 60)) as s:
        await s.press("i")
        assert CART in s.flat
        assert PAYMENT in s.flat
        await s.press("i")
        assert len(s.app.stack) == 2, "asked once"


def test_what_screens_name_as_their_sources_are_sources(faulty: Mesh) -> None:
    assert entries(), "all screens are loaded"
    names = [s.name for s in faulty.sources]
    patterns = {p for view in below(View) if issubclass(view, View) for p in view.drawn_from}
    of_pods = {p for p in patterns if " " in p}
    assert [p for p in patterns - of_pods if not any(fnmatchcase(n, p) for n in names)] == []
    assert of_pods == {"/[!a]* of *", "Envoy *", "Prometheus *", "istio-proxy log of *", "istiod *"}
