"""The parts: text, filter, tables, figures."""

from __future__ import annotations

import pytest

from meshdoctor.model.mesh import Mesh
from screens import text
from screens.figures import figures
from screens.filter import parse
from screens.views.webhooks import Webhooks
from screens.widgets.rows import Column, Row, Rows
from tests.screens.conftest import calm, opened

FIELDS = frozenset({"ns", "status", "problem"})


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("", True),
        ("cart", True),
        ("cart payment", True),
        ("cart ledger", False),
        ("!ledger", True),
        ("!cart", False),
        ("/c.rt/", True),
        ("!/c.rt", False),
        ("ns=shop", True),
        ("ns=sho*", True),
        ("ns=bank", False),
        ("status=fail", True),
        ("problem=MTL", True),
        ("!problem=MTL", False),
        ("app=x", False),
        ("ns=", True),
        ("/[/", True),
        ("!", False),
    ],
)
def test_filters(typed: str, kept: bool) -> None:
    fields = {"ns": "shop", "status": "FAIL", "problem": "MTL-002"}
    assert parse(typed, FIELDS).keeps("cart to payment", fields) is kept


def test_a_bad_regex_is_named() -> None:
    assert parse("cart /[/", FIELDS).flaw.startswith("bad regex /[/")


@pytest.mark.parametrize("width", range(1, 60))
def test_cutting_never_exceeds_the_width(width: int) -> None:
    for name in ("DestinationRule shop/payment-plain", "shop/cart-v1-5d9c8f7b6d-abcde", "数据面" * 12, "plain"):
        assert text.width_of(text.cut_name(name, width)) <= width
        assert text.width_of(text.cut(name, width)) <= width
        assert all(text.width_of(line) <= max(width, 2) for line in text.wrap(name, width))


def test_a_name_loses_its_namespace_before_what_tells_it_apart() -> None:
    assert text.cut_name("DestinationRule shop/payment-plain", 32) == "DestinationRule …/payment-plain"
    assert text.cut_name("DestinationRule shop/payment-plain", 20) == "…/payment-plain"
    assert text.cut_name("shop/cart-v1-5d9c8f7b6d-abcde", 22) == "shop/cart-v1-…abcde"
    assert text.cut_name("sm-gateways/istio-ingressgateway-845c945d46-p4b56", 30) == "…/istio-ingressgateway-…p4b56"


def test_wrapping_keeps_every_word() -> None:
    words = "Callers without mutual TLS are refused by a STRICT server"
    assert " ".join(text.wrap(words, 20)) == words


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.84, "0.8 s"), (12, "12 s"), (150, "2 m"), (7300, "2 h"), (86400 * 9, "9 d"), (None, ""), (-5, "0.0 s")]
)
def test_ages(seconds: float | None, said: str) -> None:
    assert text.age(seconds) == said


def test_durations() -> None:
    assert text.duration(173) == "2 m 53 s"
    assert text.duration(5) == "5 s"
    assert text.duration(3600 * 3 + 240) == "3 h 4 m"


class Counted(Rows):
    """A table that counts the lines it makes."""

    painted = 0

    def _line(self, row: Row) -> text.Line:
        self.painted += 1
        return super()._line(row)


async def test_a_table_of_any_length_paints_only_what_shows(healthy: Mesh) -> None:
    async with opened(healthy, size=(100, 30)) as screen:
        table = Counted((Column("NAME", is_name=True, keep=True), Column("VALUE")))
        await screen.app.screen.mount(table)
        table.set_rows(Row(f"pod-{n}", (f"shop/pod-{n}", f"{n}")) for n in range(100_000))
        await calm(screen.pilot)
        assert table.painted <= 200
        table.focus()
        await screen.press("G")
        assert table.key == "pod-99999"
        table.set_rows(Row(f"pod-{n}", (f"shop/pod-{n}", f"{n}")) for n in range(50_000, 100_000))
        assert table.key == "pod-99999"
        await screen.press("g")
        assert table.key == "pod-50000"
        assert table.painted <= 1000


async def test_columns_on_the_right_go_first(healthy: Mesh) -> None:
    columns = (Column("A", 20, keep=True), Column("B", 20), Column("C", 20))
    async with opened(healthy, size=(50, 24)) as screen:
        table = Rows(columns)
        await screen.app.screen.mount(table)
        table.set_rows([Row("1", ("a" * 20, "b" * 20, "c" * 20))])
        await calm(screen.pilot)
        assert [f.column.title for f in table._fitted] == ["A", "B"]


def test_figures_say_what_was_not_seen(faulty: Mesh) -> None:
    by_name = {f.name: f for f in figures(faulty)}
    assert by_name["istiod"].says == "1/1 ready 1.32.0"
    assert by_name["proxies"].state == "FAIL"
    assert by_name["proxies"].says == "1/3 synced"
    assert by_name["webhooks"].state == "absent"


async def test_a_screen_that_fails_shows_it_and_the_rest_lives(faulty: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Webhooks, seen: object) -> list[Row]:
        raise KeyError("bug [/]")

    monkeypatch.setattr(Webhooks, "rows_of", broken)
    async with opened(faulty) as screen:
        await screen.app.action_go("webhooks")
        await screen.until(lambda: "this screen failed: KeyError" in screen.text)
        await screen.press("8")
        assert "MTL-002" in screen.text
