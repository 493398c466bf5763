"""Who may call a Service and why a request is refused, asked on the screen."""

from __future__ import annotations

import pytest
from textual import events

from meshdoctor.model.mesh import Mesh
from screens.feed import StillFeed
from screens.widgets.prompt import Ask
from tests.conftest import build
from tests.probes import things as t
from tests.screens.conftest import Screen, opened
from tests.screens.test_screen_access import line

CART = "cluster.local/ns/shop/sa/cart"
OWN = {"security.istio.io/tlsMode": "istio"}
PLACES = t.all_of(
    t.service("bank/payment"),
    t.service("shop/cart"),
    t.pod("bank/payment-1", labels=OWN, ip="10.1.0.2"),
    t.pod("shop/cart-1", labels=OWN, ip="10.1.0.1"),
    t.pod("shop/web-1", labels=OWN, ip="10.1.0.3"),
    t.thing(
        "security.istio.io/v1",
        "AuthorizationPolicy",
        "bank/callers",
        {"action": "ALLOW", "rules": [{"from": [{"source": {"principals": [CART]}}], "to": [{"operation": {"methods": ["GET"]}}]}]},
    ),
)


@pytest.fixture
def guarded() -> Mesh:
    return build(PLACES)


async def paste(screen: Screen, text: str) -> None:
    """As a terminal gives what was pasted: at once."""
    screen.app.query_one(Ask).post_message(events.Paste(text))
    await screen.settled()


async def test_services_with_policies_stand_first(guarded: Mesh) -> None:
    async with opened(guarded, size=(80, 24), start="authorization") as screen:
        rows = [text for text in screen.lines if "bank/payment" in text or "shop/cart" in text]
        assert "ALLOW rules" in rows[0]
        assert "open" in rows[1]


async def test_who_may_call_and_by_which_rule(guarded: Mesh) -> None:
    async with opened(guarded, size=(80, 24), start="who-can") as screen:
        await screen.press("enter")
        assert "what a method, path or header decides is not known" in screen.flat
        assert [text[1:8].strip() for text in screen.lines if "shop/web" in text] == ["✖ 403"]
        await screen.press("a")
        await paste(screen, "get /pay shop/cart")
        await screen.press("enter")
        assert "● may" in screen.text
        assert "shop/web" not in screen.text
        assert "rule 0 of AuthorizationPolicy bank/callers allows it" in screen.flat
        await screen.press("a")
        await paste(screen, "GET / no/body")
        await screen.press("enter")
        assert "No running pod is of 'no/body'" in screen.text


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("shop/cart GET /x", "● may"),
        ("shop/cart POST /x", "✖ would be refused"),
        ("shop/web curl http://payment.bank:8080/x", "✖ would be refused"),
        ("GET /x", "? it depends"),
        ("nonsense", "neither a line of an access log nor a request"),
    ],
)
async def test_a_request_is_asked_about_in_place(guarded: Mesh, typed: str, said: str) -> None:
    async with opened(guarded, size=(80, 24), start="authorization") as screen:
        await screen.press("p")
        assert "log line" in screen.text
        await paste(screen, typed)
        await screen.press("enter")
        assert said in screen.flat
        assert "SERVICE" in screen.text  # the list is still there
        await screen.press("escape")
        assert said not in screen.flat


async def test_a_logged_refusal_is_led_to_its_rule(guarded: Mesh) -> None:
    refused = line(2, code=403, details="rbac_access_denied_matched_policy[ns[bank]-policy[callers]-rule[0]]")
    feed = StillFeed(guarded, None, context="rig", logs=f"{line(1)}\n{refused}")
    async with opened(feed=feed, size=(80, 24), start="proxies") as screen:
        await screen.press("l")
        await screen.until(lambda: "requests of" in screen.text)
        await screen.press("A")
        assert "rule 0 of AuthorizationPolicy bank/callers denied it" in screen.flat
        assert "held" in screen.text
        await screen.press("escape")
        assert "denied it" not in screen.flat


async def test_a_service_of_the_graph_says_who_may_call_it(guarded: Mesh) -> None:
    async with opened(guarded, size=(80, 24), start="topology") as screen:
        await screen.press("A")
        assert "who may call" in screen.text
