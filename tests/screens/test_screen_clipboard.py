"""What is copied ends in chats and tickets: no secret is in it."""

from __future__ import annotations

from tests.conftest import build
from tests.probes import things as t
from tests.screens.conftest import FAULTY, opened


async def test_what_is_copied_holds_no_secret() -> None:
    route = t.virtual_service("shop/leaky", hosts=["leaky"], http=[t.to("https://me:c4n4ry-in-a-host@nowhere.example.com")])
    async with opened(build(FAULTY + route), size=(120, 40)) as screen:
        await screen.press("y")
        verdict = screen.app.clipboard
        assert "other causes below" in verdict
        screen.app.copy("GET /cart HTTP/1.1\nAuthorization: Bearer c4n4ry-bearer-value", "the log")
        assert "GET /cart" in screen.app.clipboard
        assert "c4n4ry" not in verdict + screen.app.clipboard + screen.text
