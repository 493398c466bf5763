"""Alerts: whether each can fire at all, and what keeps it from that. Prometheus is asked when this is opened."""

from __future__ import annotations

import time
from collections import Counter
from typing import ClassVar

import msgspec
from textual.binding import Binding, BindingType

from meshdoctor.collect.alerting import ask_rules, count_series
from meshdoctor.model.errors import MeshdoctorError
from meshdoctor.model.runbooks import runbooks
from meshdoctor.triage.alerts import Audited, audit, handbook, prometheus_rule, wanted
from screens.registry import screen
from screens.seen import Seen
from screens.text import Run, age, badge, count
from screens.threads import aside
from screens.views.table import TableView
from screens.widgets.doc import Item
from screens.widgets.rows import Column, Row

STATES = {"can fire": "OK", "never fires": "FAIL", "reaches nobody": "FAIL", "not defined": "FAIL", "unknown": "UNKNOWN"}


@screen(name="alerts", aliases=("alert", "al"), title="Alerts", says="whether they can fire, and whom they reach")
class Alerts(TableView):
    """The handbook's alerts, then every rule about the mesh."""

    about = "An alert that asks for series nobody has is silent for ever. Better expressions are copied with y."
    columns = (
        Column("STATE", least=16, keep=True),
        Column("ALERT", least=18, most=40, keep=True),
        Column("WHY", least=30, most=160, keep=True),
        Column("FIRES", least=8),
        Column("SEVERITY", least=8),
    )
    fields = frozenset({"state"})
    empty = "No alert is known."
    tall = 20
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "runbook", id="alerts.runbook", tooltip="what to do when it fires"),
        Binding("y", "copy", "copy better", id="alerts.copy", tooltip="copy the expression that can fire, else its own"),
        Binding("P", "rule", "copy rule", id="alerts.rule", tooltip="copy a PrometheusRule of the handbook's alerts"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._asked = False
        self._came: float | None = None
        self._failed = ""

    def offers(self, action: str) -> bool:
        return self.row is not None if action == "copy" else super().offers(action)

    def reload(self) -> None:
        if self.seen is not None and self.seen.mesh is not None:
            self.run_worker(self._ask(), group="asked", exclusive=True, exit_on_error=False)

    def fill(self, seen: Seen) -> None:
        """What was asked stays until it is asked again."""
        if not self._asked and seen.mesh is not None:
            self._asked = True
            self.reload()
        self._show_summary()

    def tick(self) -> None:
        self._show_summary()

    async def _ask(self) -> None:
        mesh = self.seen.mesh if self.seen else None
        if mesh is None:
            return
        try:
            api = self.boss.feed.client()
            told = await ask_rules(api, mesh)
            counts = await count_series(api, mesh, wanted(mesh, told))
        except MeshdoctorError as why:
            self._failed = str(why)
            self._show_summary()
            return
        found = await aside(lambda: audit(mesh, msgspec.structs.replace(told, counts=counts)))
        self._came, self._failed = time.monotonic(), ""
        self.guard(lambda: self.take(tuple(map(_row, found))))

    def summary_of(self, seen: Seen) -> list[Item]:
        if self._failed:
            return [Item((badge("UNKNOWN"), Run(f"  Prometheus could not be asked: {self._failed}"))), Item("r tries again", "dim")]
        if self._came is None:
            return [Item((Run("… ", "unknown"), Run("asking Prometheus")))]
        found = Counter(r.fields["state"] for r in self._all)
        runs = [Run(f"{count(len(self._all), 'alert')}:", "dim")]
        for state, role in STATES.items():
            if found[state]:
                runs += [Run("  "), badge(role, f"{found[state]} {state}")]
        return [Item(tuple(runs), note=f"asked {age(time.monotonic() - self._came)} ago")]

    def _state(self) -> list[Item]:
        return super()._state() if self._has_rows else []

    def detail_of(self, row: Row) -> list[Item]:
        one: Audited = row.payload
        items = [Item(one.query, label="EXPR")]
        states = {"PASS": "OK"}
        items += [Item((badge(states.get(p.state, p.state), ""), Run(f" {p.says}"))) for p in one.points]
        return [*items, Item(one.instead, label="BETTER")] if one.instead else items

    async def open(self, row: Row) -> None:
        from screens.views.runbook import RunbookView

        one: Audited = row.payload
        if one.runbook:
            await self.boss.open(RunbookView(runbooks()[one.runbook]))
        else:
            self.boss.say(one.rule.runbook if one.rule and one.rule.runbook else "It names no runbook.", "dim")

    def action_copy(self) -> None:
        if self.row is not None:
            one: Audited = self.row.payload
            self.boss.copy(one.instead or one.query, "the expression")

    def action_rule(self) -> None:
        import yaml

        if self.seen is not None and self.seen.mesh is not None:
            text = yaml.safe_dump(prometheus_rule(self.seen.mesh), sort_keys=False, width=1000)
            self.boss.copy(text, f"a PrometheusRule with {len(handbook())} alerts")


def _row(one: Audited) -> Row:
    told = [p for p in one.points if not p.says.startswith("Prometheus has no rule of this name")]  # the state says that
    why = next((p.says for state in ("FAIL", "UNKNOWN", "WARN") for p in told if p.state == state), "")
    firing = one.rule.state if one.rule is not None else ""
    fires = Run(firing or "-", "bad" if firing == "firing" else "warn" if firing == "pending" else "dim")
    state = STATES[one.verdict]
    severity = one.rule.severity if one.rule is not None else ""
    cells = (badge(state, one.verdict), one.name, why, fires, severity)
    return Row(one.name, cells, {"state": one.verdict}, is_fault=state == "FAIL", payload=one)
