"""Findings: everything the rules say, worst first, filtered with `/` and `f`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType

from meshdoctor.model.findings import Finding
from screens.proof import proof
from screens.registry import screen
from screens.seen import Seen, is_fault
from screens.text import Run, badge
from screens.views.table import TableView
from screens.widgets.doc import Item
from screens.widgets.rows import Column, Row


@screen(key="8", name="findings", aliases=("f", "finding", "checks"), title="Findings", says="everything the rules say")
class Findings(TableView):
    """All findings."""

    about = "What each rule says of which object. FAIL and WARN are faults; UNKNOWN could not be judged, and says why."
    columns = (
        Column("STATUS", least=7, keep=True),
        Column("CODE", least=7, keep=True),
        Column("FINDING", least=28, most=110, keep=True),
        Column("OBJECT", least=16, most=60, is_name=True, keep=True),
        Column("SEVERITY", least=8, extra=True),
        Column("SURE", least=4, align="right", extra=True),
    )
    fields = frozenset({"status", "ns", "severity", "problem", "code", "kind", "name"})
    empty = "No rule found anything: see home for what could not be seen."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "proof", id="findings.open", tooltip="what was seen, what it means, what to do"),
        Binding("F", "fix", "fix", id="findings.fix", tooltip="the guided change that heals it: plan, diff, consent; or its steps"),
        Binding("e", "yaml", "YAML", id="findings.yaml", tooltip="the object as it is now"),
        Binding("l", "logs", "access log", id="findings.logs", tooltip="requests of the workload that this is about"),
    ]

    def rows_of(self, seen: Seen) -> Iterable[Row]:
        for finding in seen.diagnosis.findings if seen.diagnosis else ():
            yield _row(finding)

    def summary_of(self, seen: Seen) -> list[Item]:
        if seen.diagnosis is None:
            return []
        c = seen.diagnosis.coverage
        ended = (
            ("FAIL", c.fail),
            ("WARN", c.warn),
            ("PASS", c.pass_),
            ("UNKNOWN", c.unknown),
            ("SKIPPED", c.skipped),
            ("ERROR", c.error),
        )
        runs = [Run(f"{c.rules} checks: ", "dim")]
        for state, number in ended:
            if number:
                runs += [badge(state), Run(f" {number}   ")]
        return [Item(tuple(runs))]

    def detail_of(self, row: Row) -> list[Item]:
        return proof(row.payload, self.seen, brief=True)[:14] if self.seen else []

    def name_in(self, row: Row) -> str:
        finding: Finding = row.payload
        return finding.subject.name

    async def open(self, row: Row) -> None:
        from screens.views.proof import Proof

        await self.boss.open(Proof(row.payload))

    async def action_fix(self) -> None:
        from screens.views.fix import fix

        await fix(self, self.row.payload if self.row is not None else None)

    async def action_logs(self) -> None:
        from screens.views.access_log import show_log

        await show_log(self, self.row.payload if self.row is not None else None)

    async def action_yaml(self) -> None:
        from screens.views.yaml import YamlView

        if self.row is not None:
            await self.boss.open(YamlView(self.row.payload.subject))


def _row(finding: Finding) -> Row:
    s = finding.subject
    cells = (
        badge(str(finding.status)),
        finding.problem or finding.code,
        finding.summary or finding.title,
        str(s),
        finding.severity,
        f"{finding.confidence:.0%}".replace("%", " %") if finding.confidence else "",
    )
    fields = {
        "status": str(finding.status),
        "ns": s.namespace or (s.name if s.kind == "Namespace" else ""),
        "severity": finding.severity,
        "problem": finding.problem or "",
        "code": finding.code,
        "kind": s.kind,
        "name": s.name,
    }
    return Row(finding.id, cells, fields, is_fault=is_fault(finding), payload=finding)
