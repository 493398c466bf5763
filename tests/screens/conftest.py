"""A small mesh with faults and hand-made istiods, and how screens are read and waited for."""

from __future__ import annotations

import asyncio
import time
import unicodedata
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from textual.events import Key
from textual.keys import REPLACED_KEYS, _character_to_key, _get_unicode_name_from_key
from textual.pilot import Pilot

from meshdoctor.collect.link import Link
from meshdoctor.diagnosis import judge
from meshdoctor.model.findings import Cluster
from meshdoctor.model.istiod import Istiod, MeshConfig, ProxySync, TypeSync
from meshdoctor.model.mesh import Mesh
from screens.app import MeshdoctorApp
from screens.feed import StillFeed
from screens.options import Options
from tests.conftest import NOW, build
from tests.probes import things as t


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What screens keep, they keep here."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


async def press(pilot: Pilot[int], *keys: str) -> None:
    """Press keys, one after the other; each is done with before the next. The pilot's own `press` sleeps twice a key."""
    for key in keys:
        named = key if len(key) > 1 or key.isalnum() else _character_to_key(key)
        try:
            character: str | None = unicodedata.lookup(_get_unicode_name_from_key(REPLACED_KEYS.get(named, named)))
        except KeyError:
            character = named if len(named) == 1 else None
        pilot.app.post_message(Key(named, character))
        await calm(pilot)


async def calm(pilot: Pilot[int]) -> None:
    """Until no widget has a message left. The pilot's own `pause` sleeps until the process does nothing: 20 ms up to a second."""
    still = 0
    while still < 2:  # what the last message of a round called for comes with the next
        await pilot.pause(0)
        waiting = any(w.message_queue_size for w in (pilot.app, *pilot.app.screen.walk_children(with_self=True)))
        still = 0 if waiting else still + 1


class Screen:
    """The running application as an operator has it: keys in, text out."""

    def __init__(self, pilot: Pilot[int], app: MeshdoctorApp, feed: StillFeed) -> None:
        self.pilot, self.app, self.feed = pilot, app, feed

    @property
    def lines(self) -> list[str]:
        strips = self.app.screen._compositor.render_strips()
        return ["".join(segment.text for segment in strip) for strip in strips]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def flat(self) -> str:
        """All text with single spaces: for words that may have wrapped."""
        return " ".join(self.text.split())

    async def press(self, *keys: str) -> None:
        await press(self.pilot, *keys)
        if self._asks():
            await self.settled()

    async def type(self, text: str) -> None:
        await self.press(*(names.get(c, c) for c in text))

    async def settled(self) -> None:
        """Until nothing is on its way any more."""
        await self.until(lambda: not self._asks())

    def _asks(self) -> bool:
        return any(w.group in ("stack", "beside", "apply", "asked", "envoy", "contexts") for w in self.app.workers)

    async def until(self, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + 30  # a machine that does much else is slow, and not wrong
        while time.monotonic() < end:
            await calm(self.pilot)
            if holds():
                await calm(self.pilot)
                return
            await asyncio.sleep(0.005)
        raise AssertionError(f"never came about; the screen shows:\n{self.text}")


names = {":": "colon", "/": "slash", "?": "question_mark", "!": "exclamation_mark", "=": "equals_sign", " ": "space", "-": "minus"}


@asynccontextmanager
async def opened(
    mesh: Mesh | None = None,
    *,
    size: tuple[int, int] = (100, 30),
    link: Link | None = None,
    feed: StillFeed | None = None,
    start: str = "home",
    keys: dict[str, str] | None = None,
) -> AsyncIterator[Screen]:
    """The application over a mesh that does not move."""
    shown = feed or StillFeed(mesh, judge(mesh) if mesh else None, link, context="rig")
    app = MeshdoctorApp(shown, Options(theme="dark", start=start, keys=keys or {}))
    async with app.run_test(size=size) as pilot:
        screen = Screen(pilot, app, shown)
        await screen.until(lambda: bool(app.stack))
        await screen.settled()
        yield screen


FAULTY = t.all_of(
    t.thing("v1", "Namespace", "shop", labels={"istio-injection": "enabled"}),
    t.thing("v1", "Namespace", "bank", labels={"istio-injection": "enabled"}),
    t.thing("v1", "Namespace", "legacy"),
    t.service("shop/cart"),
    t.service("bank/payment"),
    t.pod("shop/cart-v1-5d9c8f7b6d-abcde", ip="10.1.0.1"),
    t.pod("shop/catalog-v1-5d9c8f7b6d-kkwe2", ip="10.1.0.2"),
    t.pod("bank/payment-v1-77c-fgh12", ip="10.1.0.3"),
    t.pod("istio-d/istiod-7d9-abc12", labels={"app": "istiod", "istio.io/rev": "default"}, proxy=False),
    t.pod("gw/ingress-7b-aaa", labels={"istio": "ingress"}, gateway=True),
    t.service("gw/ingress", ports="http:80:8080,https:443:8443"),
    t.gateway("gw/shop", t.server(443, "HTTPS", "shop.example.com", mode="SIMPLE", credentialName="shop-tls")),
    t.virtual_service("shop/shop", hosts=["shop.example.com"], gateways=["gw/shop"], http=[t.to("cart", subset="v9")]),
    t.destination_rule("shop/payment-plain", "payment.bank.svc.cluster.local", trafficPolicy={"tls": {"mode": "DISABLE"}}),
    t.thing("security.istio.io/v1", "PeerAuthentication", "bank/default", {"mtls": {"mode": "STRICT"}}),
)
HEALTHY = t.all_of(t.thing("v1", "Namespace", "shop"))


def sync(where: str, istiod: str, **types: TypeSync) -> ProxySync:
    """A proxy in sync 40 seconds ago, but for the types given."""
    namespace, _, name = where.partition("/")
    well = {k: TypeSync(sent="a", acked="a", sent_at=NOW - timedelta(seconds=40)) for k in ("CDS", "LDS", "EDS", "RDS")}
    return ProxySync(namespace=namespace, name=name, istiod=istiod, version="1.32.0", types=well | types)


def istiod(name: str, *proxies: ProxySync) -> Istiod:
    parts = {"version": "1.32.0-abc", "mesh": MeshConfig(root_namespace="istio-d"), "metrics": (), "log": (), "syncz": proxies}
    return Istiod(namespace="istio-d", name=name, parts=parts)


@pytest.fixture
def faulty() -> Mesh:
    """A mesh with several causes, one stale and one refused proxy, and one that no istiod knows."""
    nack = TypeSync(sent="b", acked="a", error="Error adding listener [/]", sent_at=NOW)
    stale = TypeSync(sent="b", acked="a", sent_at=NOW - timedelta(seconds=95))
    told = (
        sync("shop/cart-v1-5d9c8f7b6d-abcde", "istiod-7d9-abc12"),
        sync("bank/payment-v1-77c-fgh12", "istiod-7d9-abc12", LDS=stale),
    )
    mesh = build(FAULTY, istiods=[istiod("istiod-7d9-abc12", *told, sync("gw/ingress-7b-aaa", "istiod-7d9-abc12", LDS=nack))])
    mesh.cluster = Cluster(context="rig", user="admin", istio=("1.32.0-abc",), root_namespace="istio-d")
    return mesh


@pytest.fixture
def healthy() -> Mesh:
    return build(HEALTHY)
