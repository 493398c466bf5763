"""A problem's page as text."""

from __future__ import annotations

from io import StringIO

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from meshdoctor.model.pages import Page, code_of


def page_text(page: Page, *, colour: bool = False, width: int = 100) -> str:
    """What it means, how it is detected, what to do."""
    out = StringIO()
    console = Console(
        file=out, width=min(width, 110), force_terminal=colour, no_color=not colour, highlight=False, markup=False, emoji=False
    )
    codes = ", ".join((code_of(page.id), *page.codes))
    console.print(
        Text.assemble((f"{page.id}  ", "bold"), (page.title, "bold"), (f"   {page.severity}, {page.confidence}   {codes}", "dim"))
    )
    parts = (
        ("Means", page.means),
        ("Detected", page.detect),
        ("Do", page.do),
        ("Risk", page.risk),
        ("Rollback", page.rollback),
        ("Verify", page.verify),
    )
    for name, text in parts:
        console.print(Text(f"\n{name}", "bold"))
        console.print(Padding(Text(text), (0, 0, 0, 2)))
    for fix in page.fix:
        console.print(Text(f"\n{fix.title} ({fix.kind.replace('_', ' ')}, risk {fix.risk})", "bold"))
        for command in fix.commands:
            console.print(Padding(Text(f"$ {command}", "cyan"), (0, 0, 0, 2)), soft_wrap=True)
    for link in page.docs:
        console.print(Text(f"\n{link}" if link == page.docs[0] else link, "dim"))
    console.print()
    return out.getvalue()
