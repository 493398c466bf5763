"""Keys: drill and back, filter, prompt, help, freeze, leaving; all generated from the registry."""

from __future__ import annotations

import pytest
from textual import events
from textual.dom import DOMNode

from meshdoctor.diagnosis import judge
from meshdoctor.model.mesh import Mesh
from screens import registry
from screens.app import MeshdoctorApp
from screens.keys import all_ids, unknown
from screens.views.findings import Findings
from screens.views.table import TableView
from screens.views.view import keys_of
from screens.widgets.prompt import Ask, Prompt
from tests.conftest import build
from tests.screens.conftest import FAULTY, Screen, opened


def table(screen: Screen) -> TableView:
    view = screen.app.view
    assert isinstance(view, TableView)
    return view


async def test_digits_go_to_the_screens(faulty: Mesh) -> None:
    async with opened(faulty) as screen:
        for entry in registry.entries():
            if entry.key:
                await screen.press(entry.key)
                assert type(screen.app.view) is entry.view


async def test_enter_shows_the_proof_and_escape_comes_back(faulty: Mesh) -> None:
    cause = judge(faulty).causes[0]
    async with opened(faulty) as screen:
        await screen.press("enter")
        assert cause.problem in screen.text
        assert "OBSERVED" in screen.text
        await screen.press("enter")
        assert "SOURCE" in screen.text
        await screen.press("escape", "escape")
        assert screen.app.view is screen.app.stack[0]


async def test_escape_clears_the_filter_before_it_goes_back(faulty: Mesh) -> None:
    async with opened(faulty) as screen:
        await screen.press("8")
        all_rows = len(table(screen).table.rows)
        await screen.type("/ns=shop")
        await screen.press("enter")
        assert 0 < len(table(screen).table.rows) < all_rows
        assert "/ns=shop" in screen.text
        await screen.press("escape")
        assert len(table(screen).table.rows) == all_rows
        assert isinstance(screen.app.view, Findings)
        await screen.press("escape")
        assert screen.app.view is screen.app.stack[0]


async def test_a_bad_regex_is_flagged_and_hides_nothing(faulty: Mesh) -> None:
    async with opened(faulty) as screen:
        await screen.press("8")
        all_rows = len(table(screen).table.rows)
        await screen.type("//[/")
        await screen.press("enter")
        assert "bad regex" in screen.text
        assert len(table(screen).table.rows) == all_rows


async def test_nothing_found_says_how_to_get_back(faulty: Mesh) -> None:
    async with opened(faulty) as screen:
        await screen.press("8")
        await screen.type("/nosuchword")
        await screen.press("enter")
        assert "esc clears the filter" in screen.flat


async def test_help_is_made_of_the_bindings_of_this_screen(faulty: Mesh) -> None:
    async with opened(faulty, size=(140, 70)) as screen:
        await screen.press("8", "question_mark")
        for binding in keys_of(Findings):
            assert (str(binding.tooltip or binding.description)) in screen.flat
        for entry in registry.entries():
            assert f":{entry.name}" in screen.text
        assert "ask once" not in screen.text
        await screen.press("escape")
        assert isinstance(screen.app.view, Findings)


async def test_the_prompt_runs_exactly_what_is_typed(faulty: Mesh) -> None:
    async with opened(faulty) as screen:
        await screen.type(":px")
        await screen.press("enter")
        assert "POD" in screen.text
        await screen.type(":prox")
        await screen.press("enter")
        await screen.until(lambda: "Near: proxies" in screen.flat)
        await screen.press("escape")
        await screen.type(":fin")
        await screen.press("tab")
        assert screen.app.query_one(Prompt).query_one(Ask).value == "finding"
        await screen.type("s")
        await screen.press("enter")
        assert isinstance(screen.app.view, Findings)


async def test_the_prompt_takes_a_filter(faulty: Mesh) -> None:
    async with opened(faulty) as screen:
        await screen.type(":findings ns=bank")
        await screen.press("enter")
        assert table(screen).filter_text == "ns=bank"
        assert {r.fields["ns"] for r in table(screen).table.rows} == {"bank"}


async def test_refreshing_keeps_the_selected_row(faulty: Mesh) -> None:
    async with opened(faulty) as screen:
        await screen.press("8", "j", "j", "j")
        key = table(screen).table.key
        more = build(
            FAULTY.replace("shop/payment-plain", "shop/payment-plain")
            + "\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: aaa}"
        )
        screen.feed.show(more, judge(more))
        await screen.until(lambda: screen.app.seen.mesh is more)
        await screen.settled()
        if key in table(screen).table.keys:
            assert table(screen).table.key == key
        before = table(screen).table.key
        screen.feed.show(faulty, judge(faulty))
        await screen.until(lambda: screen.app.seen.mesh is faulty)
        await screen.settled()
        assert table(screen).table.key == before


async def test_a_frozen_picture_stands_still_and_answers_keys(faulty: Mesh, healthy: Mesh) -> None:
    async with opened(faulty) as screen:
        await screen.press("space")
        assert "frozen" in screen.text
        screen.feed.show(healthy, judge(healthy))
        await screen.until(lambda: screen.app.seen.mesh is healthy)
        assert judge(faulty).causes[0].title in screen.flat
        await screen.press("8", "j", "enter", "escape", "escape")
        await screen.press("space")
        await screen.until(lambda: "No fault in what could be seen" in screen.flat)


async def test_retry_asks_the_feed(faulty: Mesh) -> None:
    async with opened(faulty) as screen:
        await screen.press("r")
        assert screen.feed.retried == 1


async def test_leaving_asks_once(faulty: Mesh) -> None:
    async with opened(faulty) as screen:
        await screen.press("ctrl+c")
        assert "ctrl-c again leaves" in screen.text
        assert screen.app._exit is False
        await screen.pilot.press("ctrl+c")
        assert screen.app._exit is True


async def test_q_at_home_does_not_leave(faulty: Mesh) -> None:
    async with opened(faulty) as screen:
        await screen.press("q", "escape", "q")
        assert screen.app._exit is False


async def test_a_new_cause_rings_once(faulty: Mesh, healthy: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[int] = []

    async with opened(healthy) as screen:
        monkeypatch.setattr(screen.app, "bell", lambda: rung.append(1))
        diagnosis = judge(faulty)
        screen.feed.show(faulty, diagnosis)
        await screen.until(lambda: screen.app.seen.mesh is faulty)
        assert len(rung) == any(c.observed for c in diagnosis.causes)


def test_every_binding_of_the_application_has_an_id() -> None:
    views = [e.view for e in registry.entries()]
    classes: list[type[DOMNode]] = [*views, MeshdoctorApp]
    bindings = [b for cls in classes for b in keys_of(cls, cls)]
    assert [b.key for b in bindings if not b.id] == []


async def test_keys_work_from_the_first_frame_without_any_cause(healthy: Mesh) -> None:
    async with opened(healthy) as screen:
        await screen.press("7")
        assert "NAMESPACE" in screen.text
        await screen.press("escape", "y")
        assert "copied the verdict" in screen.text


async def test_keys_typed_ahead_arrive_where_they_were_meant(faulty: Mesh) -> None:
    """Over a slow line many keys come at once: none is lost, none goes to the screen before."""
    async with opened(faulty) as screen:
        keys = ["4", "G", "8", "slash", *"ns=shop", "enter", "j", "colon", *"ns", "enter", "colon", *"findings", "enter"]
        for key in ("equals_sign" if k == "=" else k for k in keys):
            screen.app.post_message(events.Key(key, {"slash": "/", "colon": ":", "equals_sign": "="}.get(key, key)))
        await screen.until(lambda: isinstance(screen.app.view, Findings) and not screen.app.is_asking)
        await screen.settled()
        assert table(screen).filter_text == "ns=shop"
        assert len(screen.app.stack) == 2


async def test_every_key_can_be_given_another(faulty: Mesh) -> None:
    chosen = {"app.go": "semicolon", "go.findings": "F8", "home.proof": "p", "list.down": "n"}
    async with opened(faulty, keys={k: v.lower() for k, v in chosen.items()}) as screen:
        await screen.press("p")
        assert "OBSERVED" in screen.text
        await screen.press("escape", "f8")
        assert isinstance(screen.app.view, Findings)
        await screen.press("n", "semicolon")
        assert screen.app.query_one(Prompt).display
        await screen.press("escape", "question_mark")
        assert "semicolon" in screen.text
        assert "list.down" in screen.text


def test_keys_for_what_does_not_exist_are_told_with_near_ids() -> None:
    (told,) = unknown({"app.go": "x", "home.prof": "p"})
    assert told.startswith("home.prof (near: home.proof, ")
    assert all(b.id in all_ids() for e in registry.entries() for b in keys_of(e.view))
