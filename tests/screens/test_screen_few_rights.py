"""Screens of somebody who may read nothing, or one namespace: each says so, keeps saying so, and calls nothing absent."""

from __future__ import annotations

from meshdoctor.model import kinds
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import Service
from meshdoctor.model.mesh import Mesh, Table
from meshdoctor.model.sources import Source
from meshdoctor.model.workloads import Deployment, Pod
from screens.views.view import View
from tests.conftest import build
from tests.probes import things as t
from tests.screens.conftest import opened

SCREENS = ("topology", "mtls", "proxies", "gateways", "control-plane", "namespaces", "webhooks", "onboarding")
ONLY = "only namespace shop may be read"


def narrowed() -> Mesh:
    mesh = build(t.all_of(t.pod("shop/cart-1"), t.service("shop/cart")))
    tables: dict[type[KubernetesObject], Table[KubernetesObject]] = {}
    for kind in (Pod, Deployment, Service):
        tables[kind] = Table(mesh[kind], Source(name=kind.resource(), reason=ONLY, namespaces=("shop",)))
    return mesh.with_tables(tables)


async def test_each_screen_keeps_telling_what_it_could_not_see() -> None:
    async with opened(build(unseen=kinds.ALL), size=(80, 24)) as screen:
        assert "? UNKNOWN  Nothing could be judged" in screen.text
        for name in SCREENS:
            await screen.app.action_go(name)
            await screen.settled()
            assert screen.app.view is not None
            screen.app.view.guard(screen.app.view.tick)  # a second later
            await screen.settled()
            assert ("UNKNOWN" in screen.text, "forbidden" in screen.flat, ":permissions" in screen.text) == (True,) * 3, name
            assert "reading" not in screen.text, name


async def test_what_may_run_elsewhere_is_not_called_absent() -> None:
    async with opened(narrowed(), size=(100, 30)) as screen:
        assert "none runs here" not in screen.text
        assert f"istiod ? not seen: {ONLY}" in screen.flat
        await screen.app.action_go("gateways")
        await screen.settled()
        assert f"But {ONLY}: what is elsewhere is not known." in screen.flat
        await screen.app.action_go("topology")
        await screen.settled()
        assert f"{ONLY}: who calls whom elsewhere is not drawn" in screen.flat


async def test_what_failed_for_itself_does_not_hide_why_a_snapshot_is_not_shown() -> None:
    async with opened(build(unseen=kinds.ALL), size=(80, 24), start="namespaces") as screen:
        view = screen.app.view
        assert isinstance(view, View)
        view.guard(lambda: next(iter(())))
        await screen.settled()
        assert "this screen failed: StopIteration" in screen.flat
        view.guard(lambda: None)
        await screen.settled()
        assert "list namespaces is forbidden" in screen.flat
