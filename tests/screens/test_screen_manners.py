"""How screens behave whatever they show: at 80 columns, without rows, without a mesh, on a recording."""

from __future__ import annotations

from meshdoctor.collect.link import Link
from meshdoctor.diagnosis import judge
from meshdoctor.model.mesh import Mesh
from screens import text
from screens.feed import StillFeed
from screens.verdict import nothing_found
from screens.views.proxies import Proxies
from screens.views.topology import Topology
from screens.widgets.doc import Doc
from tests.conftest import build
from tests.screens.conftest import FAULTY, HEALTHY, Screen, opened

GONE = Link(state="error", reason="https://10.0.0.1 cannot be reached.", do="Check the VPN.")
SMALL, LARGE = (80, 24), (200, 60)


def footer(screen: Screen) -> str:
    return screen.lines[-1]


async def test_without_a_cluster_every_screen_says_why() -> None:
    async with opened(None, link=GONE) as screen:
        for key in "24":
            await screen.press(key)
            assert "cannot be reached" in screen.flat
            assert "reading" not in screen.flat
            assert "faults only" not in footer(screen)


async def test_at_80_columns_the_top_line_keeps_the_screen_and_the_prompt_its_hints(faulty: Mesh) -> None:
    async with opened(faulty, size=SMALL) as screen:
        await screen.press("4")
        assert "› Proxies" in screen.lines[0]
        assert "read-only" in screen.lines[0]
        await screen.type(":")
        assert "home  topology  mtls" in footer(screen)
        await screen.type("trace")
        assert "⏎ Trace" in footer(screen)


async def test_details_stand_right_below_a_short_table(faulty: Mesh) -> None:
    async with opened(faulty, size=LARGE) as screen:
        await screen.press("4")
        view = screen.app.view
        assert isinstance(view, Proxies)
        table, details = view.table, view.query_one("#detail", Doc)
        assert table.size.height == len(table.rows) + 1
        assert details.region.y == table.region.bottom


async def test_header_and_keys_of_rows_come_with_the_first_row(faulty: Mesh) -> None:
    async with opened(build(HEALTHY)) as screen:
        await screen.press("4")
        assert "STATE" not in screen.text
        assert "faults only" not in footer(screen)
        assert "⏎" not in footer(screen)
        assert isinstance(screen.feed, StillFeed)
        screen.feed.show(faulty, judge(faulty))
        await screen.settled()
        assert "⏎ Envoy" in footer(screen)


async def test_what_was_said_is_forgotten_on_the_next_screen(faulty: Mesh) -> None:
    async with opened(faulty) as screen:
        await screen.press("y")
        assert "copied the verdict" in footer(screen)
        await screen.press("8")
        assert "⏎ proof" in footer(screen)


async def test_the_log_of_a_node_opens_from_the_tree(faulty: Mesh) -> None:
    async with opened(faulty, start="topology") as screen:
        view = screen.app.view
        assert isinstance(view, Topology)
        assert view.row is not None
        assert view.offers("logs") == ("l access log" in footer(screen))
        assert view.offers("trace") == ("T trace" in footer(screen))


async def test_help_shows_ids_where_they_fit(faulty: Mesh) -> None:
    async with opened(faulty, size=LARGE) as screen:
        await screen.type("8?")
        assert "findings.open" in screen.text


def test_a_check_that_failed_is_no_clean_verdict() -> None:
    diagnosis = judge(build(FAULTY))
    said = "".join(r.text for r in nothing_found(diagnosis).runs)
    assert diagnosis.coverage.fail
    assert "No fault" not in said
    assert "no cause stands out" in said


def test_names_lose_what_tells_nothing() -> None:
    assert text.cut_name("customresourcedefinitions.apiextensions.k8s.io", 24) == "customresourcedefinitio…"
    assert text.cut_name("istiod-revision-tag-default.istio-d:15010", 24) == "istiod-revision-t…:15010"
    assert text.cut_name("◆ sm-gateways/istio-ingressgateway", 26) == "◆ …/istio-ingressgateway"
    assert text.cut_name("istio-sidecar-injector/rev.namespace.sidecar-injector.istio.io", 24) == "…/rev.namespace.sidecar…"
    assert text.cut_name("Namespace monitoring", 16) == "… monitoring"


def test_facts_break_between_them_only() -> None:
    assert text.wrap(f"{text.glued('95 % sure')} {text.glued('since 05:56:02, 25 s')}", 22)[0] == text.glued("95 % sure")
