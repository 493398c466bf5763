"""What small and plain terminals still show: whole verdicts, names that differ, states without colour."""

from __future__ import annotations

import pytest
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.color import Color

from meshdoctor.model.mesh import Mesh
from screens import text
from screens.proof import Command
from screens.theme import LIGHT, filter_for
from screens.views.table import TableView
from screens.views.webhooks import Webhooks
from screens.widgets.doc import Doc
from screens.widgets.prompt import Ask
from screens.widgets.rows import Column, Row, Rows
from tests.conftest import build
from tests.probes import things as t
from tests.screens.conftest import Screen, opened

HOOKS = t.all_of(
    *(
        f"""
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {{name: {name}, labels: {{app: sidecar-injector, istio.io/rev: default}}}}
webhooks:
- {{name: namespace.sidecar-injector.istio.io, clientConfig: {{service: {{namespace: istio-d, name: istiod}}}}}}
- {{name: rev.namespace.sidecar-injector.istio.io, clientConfig: {{service: {{namespace: istio-d, name: istiod}}}}}}
"""
        for name in ("istio-revision-tag-default-istio-d", "istio-sidecar-injector-istio-d")
    ),
    t.service("istio-d/istiod"),
)


def test_a_long_word_breaks_after_a_mark() -> None:
    assert text.wrap("outbound|8080||cart.shop.svc.cluster.local", 26) == ["outbound|8080||cart.shop.", "svc.cluster.local"]
    assert text.wrap("x" * 12, 5) == ["xxxxx", "xxxxx", "xx"]


def test_a_command_breaks_between_its_arguments() -> None:
    command = "kubectl -n shop get cm x -o yaml | grep -v ' resourceVersion: ' > <backup>"
    lines = text.wrap(text.shell(command), 34)
    assert [line.replace(text.GLUE, " ") for line in lines] == [
        "kubectl -n shop get cm x -o yaml",
        "| grep -v ' resourceVersion: '",
        "> <backup>",
    ]
    assert text.shell(command).replace(text.GLUE, " ") == command


async def test_commands_are_copied_as_they_are(faulty: Mesh) -> None:
    async with opened(faulty, size=(80, 24)) as screen:
        await screen.press("enter", "G")
        shown = [i for i in screen.app.query_one("#doc", Doc).items if isinstance(i.payload, Command)]
        assert shown
        assert not any(text.GLUE in i.payload.text for i in shown)


@pytest.mark.parametrize("width", [60, 80, 100])
async def test_names_in_a_column_stay_apart(width: int, healthy: Mesh) -> None:
    names = [f"sm-gateways/istio-{way}gateway" for way in ("ingress", "egress")] + ["shop/storefront"]
    async with opened(healthy, size=(width, 24)) as screen:
        columns = (*(Column(c, least=14, most=44, is_name=True, keep=True) for c in ("FROM", "TO")), Column("MORE", least=30))
        rows = Rows(columns)
        await screen.app.screen.mount(rows)
        rows.set_rows([Row(n, (n, n, "x" * 60)) for n in names])
        await screen.settled()
        shown = {"".join(s.text for s in rows.render_line(n + 1)).split("xxx")[0] for n in range(3)}
    assert len(shown) == 3
    assert not any("ist…gateway" in line or "ist…ssgateway" in line for line in shown)


async def test_in_a_long_table_no_name_is_cut_where_there_is_room_and_all_stay_apart(healthy: Mesh) -> None:
    names = [f"shop/storefront-of-the-shop-{n:04}" for n in range(1200)]
    names[501] = f"shop/{'recommendation-' * 2}api"  # among those that an even sample does not meet
    columns = (Column("NAME", least=10, most=60, is_name=True, keep=True), Column("WHY", least=10, most=60))
    async with opened(healthy, size=(100, 24)) as screen:
        rows = Rows(columns)
        await screen.app.screen.mount(rows)
        rows.set_rows([Row(n, (n, "x" * 60)) for n in names])
        await screen.settled()
        assert names[501] in lines_of(rows)[501]
        rows.set_rows([Row(n, (n, n)) for n in names])
        screen.app.screen.styles.width = 50
        await screen.settled()
        assert len({line.split()[0] for line in lines_of(rows)}) == len(names)


def lines_of(rows: Rows) -> list[str]:
    """All rows as they would be painted."""
    return ["".join(s.text for s in rows.render_line(n + 1)) for n in range(len(rows.rows))]


async def test_webhooks_are_told_apart(healthy: Mesh) -> None:
    async with opened(build(HOOKS), size=(80, 24), start="webhooks") as screen:
        rows = [line.rstrip() for line in screen.lines if "broken" in line or "answers" in line]
        assert len(rows) == 4
        assert len(set(rows)) == 4
        assert "is created is refused" in screen.flat  # what its policy means
        view = screen.app.view
        assert isinstance(view, Webhooks)
        assert view.row is not None
        assert view.name_in(view.row).startswith("istio-")  # what c copies is a name, not the state


@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
async def test_a_row_is_told_in_full_on_every_screen(size: tuple[int, int], faulty: Mesh) -> None:
    async with opened(faulty, size=size, start="findings") as screen:
        assert isinstance(screen.app.view, TableView)
        assert screen.app.view.row is not None
        said = screen.app.view.row.payload.summary
        assert said in screen.flat
        await go(screen, "control-plane")
        assert "PROXIES  " in screen.text
        assert "COMPLAINS" in screen.text
        await go(screen, "gateways")
        assert "ENTERS" in screen.text
        assert "PODS" in screen.text
        await go(screen, "proxies")
        assert "listeners" in screen.text
        assert "acknowledged" in screen.text


async def go(screen: Screen, name: str) -> None:
    await screen.app.action_go(name)
    await screen.settled()


async def test_a_proxy_that_nobody_told_of_is_not_called_cut_off() -> None:
    async with opened(build(t.pod("shop/cart-1", ip="10.1.0.1")), size=(80, 24), start="proxies") as screen:
        assert "not known" in screen.flat
        assert "stand still" not in screen.flat


async def test_cells_without_room_are_below(healthy: Mesh) -> None:
    async with opened(healthy, size=(40, 24)) as screen:
        rows = Rows((Column("STATE", least=10, keep=True), Column("WHY", least=10)))
        await screen.app.screen.mount(rows)
        rows.set_rows([Row("a", ("refused: script load error", "it does not parse at line one"))])
        await screen.settled()
        cut = rows.cut_of(rows.rows[0])
    assert ("STATE", "refused: script load error") in cut
    assert ("WHY", "it does not parse at line one") in cut


async def test_broken_pairs_are_the_first_line_of_mtls(faulty: Mesh) -> None:
    async with opened(faulty, size=(80, 24), start="mtls") as screen:
        first = screen.lines[2]
        assert first.startswith(" ✖ ")
        assert "broken" in first
        assert "DestinationRule shop/payment-plain" in screen.lines[3]


async def test_the_access_log_is_one_key_from_a_pair(faulty: Mesh) -> None:
    async with opened(faulty, size=(80, 24), start="mtls") as screen:
        await screen.press("l")
        assert "access log" in screen.lines[0]


async def test_the_prompt_says_what_to_type(faulty: Mesh) -> None:
    async with opened(faulty, size=(80, 24), start="incidents") as screen:
        await screen.press("n")
        assert "what is wrong, in a few words" in screen.text


async def test_another_request_takes_the_place_of_the_last(faulty: Mesh) -> None:
    async with opened(faulty, size=(100, 30), start="trace") as screen:
        await screen.press("/")
        screen.app.query_one(Ask).post_message(events.Paste("shop/cart x"))
        await screen.press("enter", "/", "b")
        assert screen.lines[-1].split()[:2] == ["/", "b"]


async def test_one_key_does_not_leave_a_mesh_for_the_demo(faulty: Mesh) -> None:
    async with opened(faulty) as screen:
        await screen.press("d")
        assert ":demo" in screen.text


BAD = LIGHT.to_color_system().generate()["error"]
CHOSEN = LIGHT.variables["cursor-focus"]


def painted(system: str | None, *, no_color: bool = False) -> tuple[Style, Style]:
    """A failure, and a selected cell, as a terminal of that colour system gets them."""
    found = filter_for(system, no_color=no_color)
    assert found is not None
    segments = [Segment("✖", Style(color=BAD)), Segment("cart", Style(color="#1d2127", bgcolor=CHOSEN))]
    one, other = (s.style for s in found.apply(segments, Color(255, 255, 255)))
    assert one is not None
    assert other is not None
    return one, other


def test_sixteen_colours_are_the_terminals_own() -> None:
    bad, chosen = painted("standard")
    assert bad.color is not None
    assert bad.color.name == "red"
    assert chosen.reverse
    assert not bad.reverse
    assert chosen.bgcolor is not None
    assert chosen.bgcolor.is_default


@pytest.mark.parametrize("system", [None, "standard", "truecolor"])
def test_without_colour_the_selected_row_is_reversed(system: str | None) -> None:
    bad, chosen = painted(system, no_color=True)
    assert bad.color is not None
    assert bad.color.is_default
    assert chosen.reverse


def test_more_colours_are_left_alone() -> None:
    assert filter_for("truecolor", no_color=False) is None
    assert filter_for("256", no_color=False) is None


async def test_an_extra_column_leaves_before_a_text_is_cut(healthy: Mesh) -> None:
    async with opened(healthy, size=(60, 24)) as screen:
        rows = Rows((Column("WHAT", most=60, keep=True), Column("TO", extra=True)))
        await screen.app.screen.mount(rows)
        rows.set_rows([Row("a", ("x" * 54, "cart"))])
        await screen.settled()
        cut, heading = rows.cut_of(rows.rows[0]), "".join(s.text for s in rows.render_line(0))
        rows.set_rows([Row("a", ("short", "cart"))])
        whole = "".join(s.text for s in rows.render_line(0))
    assert cut == [("TO", "cart")]
    assert heading.split() == ["WHAT"]
    assert whole.split() == ["WHAT", "TO"]
