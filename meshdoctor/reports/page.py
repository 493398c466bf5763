"""A problem's page as text."""

from __future__ import annotations

from collections.abc import Iterable
from io import StringIO
from typing import Protocol

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from meshdoctor.model.pages import Page, advice, code_of


class Rule(Protocol):
    """What is told of a rule."""

    @property
    def code(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def severity(self) -> str: ...
    @property
    def codes(self) -> tuple[str, ...]: ...
    @property
    def sentence(self) -> str: ...


def page_text(page: Page, *, colour: bool = False, width: int = 100) -> str:
    """What it means, how it is detected, what to do."""
    console, out = _console(colour, width)
    _head(console, page.id, page.title, f"{page.severity}, {page.confidence}", (code_of(page.id), *page.codes))
    parts = (
        ("Means", page.means),
        ("Detected", page.detect),
        *((("Not decided by a rule", page.asks),) if page.asks else ()),
        ("Do", page.do),
        ("Risk", page.risk),
        ("Rollback", page.rollback),
        ("Verify", page.verify),
    )
    _parts(console, parts)
    for fix in page.fix:
        console.print(Text(f"\n{fix.title} ({fix.kind.replace('_', ' ')}, risk {fix.risk})", "bold"))
        for command in fix.commands:
            console.print(Padding(Text(f"$ {command}", "cyan"), (0, 0, 0, 2)), soft_wrap=True)
    for link in page.docs:
        console.print(Text(f"\n{link}" if link == page.docs[0] else link, "dim"))
    console.print()
    return out.getvalue()


def rule_text(rule: Rule, *, colour: bool = False, width: int = 100) -> str:
    """The page of a rule that belongs to no problem: its own sentence, and what is known of its findings."""
    console, out = _console(colour, width)
    _head(console, rule.code, rule.title or rule.code, rule.severity, rule.codes)
    words = advice(rule.code)
    parts = [("Detected", rule.sentence)]
    if words is not None:
        parts = [("Means", words.means), *parts, ("Do", words.do)]
    _parts(console, parts)
    console.print()
    return out.getvalue()


def _console(colour: bool, width: int) -> tuple[Console, StringIO]:
    out = StringIO()
    made = Console(
        file=out, width=min(width, 110), force_terminal=colour, no_color=not colour, highlight=False, markup=False, emoji=False
    )
    return made, out


def _head(console: Console, name: str, title: str, facts: str, codes: tuple[str, ...]) -> None:
    both = (f"{name}  ", "bold"), (title, "bold")
    console.print(Text.assemble(*both, (f"   {facts}   {', '.join(codes)}".rstrip(), "dim")))


def _parts(console: Console, parts: Iterable[tuple[str, str]]) -> None:
    for name, text in parts:
        console.print(Text(f"\n{name}", "bold"))
        console.print(Padding(Text(text), (0, 0, 0, 2)))
