"""The wizards on the screen: the plan before anything is written, consent that is typed, and what a recording cannot do."""

from __future__ import annotations

import pytest

from meshdoctor.enrolment.walk import Result
from screens.views.enrolment import EnrolmentView
from screens.widgets.prompt import Ask
from tests.enrolment.test_enrolment_plan import outside
from tests.onboarding.sound import World, bare
from tests.screens.conftest import opened


@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
async def test_the_board_leads_to_the_plan(size: tuple[int, int]) -> None:
    async with opened(outside().mesh(), size=size, start="onboarding") as s:
        await s.type("/shop")
        await s.press("enter", "E")
        await s.until(lambda: "planned" in s.text)
        assert "label namespace shop istio-injection=enabled" in s.flat
        assert "restart Deployment shop/web" in s.flat
        assert "all routes: the same" in s.flat
        assert "This is a picture" in s.flat


async def test_nothing_is_written_without_a_trial() -> None:
    async with opened(outside().mesh(), start="onboarding", size=(120, 40)) as s:
        await s.type("/shop")
        await s.press("enter", "E")
        await s.until(lambda: "planned" in s.text)
        await s.press("a")
        assert "nothing can be tried out" in s.flat
        await s.press("u")
        assert "Nothing was written from here" in s.flat
        await s.press("escape")
        assert "not enrolled" in s.text


async def test_what_stands_in_the_way_is_told_first_and_accepted_by_its_name() -> None:
    def exempt(w: World) -> None:
        w["Namespace/shop"]["metadata"]["annotations"]["meshdoctor.dev/exempt"] = "it goes away"

    async with opened(outside(exempt).mesh(), start="onboarding", size=(100, 40)) as s:
        await s.type("/shop")
        await s.press("enter", "E")
        await s.until(lambda: "1 in the way" in s.text)
        assert "exempt: it goes away" in s.flat
        await s.press("F")
        assert "type exempt to go on" in s.flat
        await s.type("yes")
        await s.press("enter")
        assert "1 in the way" in s.text
        await s.press("F", "up")
        assert s.app.query_one(Ask).value == "", "consent is typed each time"
        await s.type("exempt")
        await s.press("enter")
        await s.until(lambda: "ACCEPTED" in s.text)
        assert "in the way" not in s.text


async def test_a_workload_is_taken_from_the_namespaces_checks() -> None:
    async with opened(outside().mesh(), start="onboarding", size=(120, 60)) as s:
        await s.type("/shop")
        await s.press("enter", "enter", "end", "E")
        await s.until(lambda: "cannot be planned" in s.text)
        assert "Enrol shop/web" in s.flat
        assert "No label was found" in s.flat, "this webhook takes whole namespaces only"


async def test_the_way_to_strict_says_who_breaks() -> None:
    world = World()
    world.objects.pop("PeerAuthentication/default")
    world.add(bare("gw/alien"))
    async with opened(world.mesh(), start="onboarding", size=(120, 60)) as s:
        await s.type("/shop")
        await s.press("enter", "S")
        await s.until(lambda: "STAGE 1" in s.text)
        assert "create PeerAuthentication shop/default: STRICT for namespace shop" in s.flat
        assert "gw/alien" in s.flat
        assert "shop/web:8080" in s.flat


async def test_what_is_written_is_told_and_what_was_taken_back_is_no_longer_done() -> None:
    async with opened(outside().mesh(), start="onboarding", size=(120, 40)) as s:
        await s.type("/shop")
        await s.press("enter", "E")
        await s.until(lambda: "planned" in s.text)
        view = s.app.view
        assert isinstance(view, EnrolmentView)
        assert "nothing of it is written" in s.text
        assert view.work.enrolment is not None
        view.work.results.append(Result(wave=view.work.enrolment.waves[0], entry=None, ended="verified", says="labelled"))
        view.show()
        await s.until(lambda: "step 1 of 2 is written" in s.text)
        assert "● done" in s.text
        view.work.to("taken back", "")
        await s.until(lambda: "taken back, exactly" in s.text)
        assert "● done" not in s.text
        assert "was done" in s.text
