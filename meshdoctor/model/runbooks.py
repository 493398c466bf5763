"""Runbooks: the steps of what no single change heals, as data."""

from __future__ import annotations

import functools
import tomllib
from importlib.resources import files

import msgspec

from meshdoctor.model.pages import Page, RiskLevel


class RunbookStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One step: what to do, the command (`${param}` where a name goes), and what is to be seen."""

    do: str
    command: str
    expect: str


class Runbook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Steps in order, what says that it is resolved, and the way back."""

    id: str
    title: str
    when: str
    problems: tuple[str, ...]
    risk: RiskLevel
    resolved: str
    rollback: str
    step: tuple[RunbookStep, ...]


@functools.cache
def runbooks() -> dict[str, Runbook]:
    """All runbooks by name."""
    found: dict[str, Runbook] = {}
    for file in sorted(files("meshdoctor").joinpath("fixes", "runbooks").iterdir(), key=lambda f: f.name):
        for name, fields in tomllib.loads(file.read_text("utf-8")).items():
            found[name] = msgspec.convert({"id": name, **fields}, Runbook)
    return found


def of_page(page: Page) -> Runbook:
    """The fixes of a problem's page as steps, by hand."""
    steps = [
        RunbookStep(fix.title, command, page.verify if last else "")
        for fix in page.fix
        for last, command in ((c == fix.commands[-1], c) for c in fix.commands)
    ]
    worst = max((fix.risk for fix in page.fix), key=("none", "low", "medium", "high").index)
    return Runbook(
        id=page.id,
        title=page.title,
        when=page.means,
        problems=(page.id,),
        risk=worst,
        resolved=page.verify,
        rollback=page.rollback,
        step=tuple(steps),
    )
