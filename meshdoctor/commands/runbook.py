"""`meshdoctor runbook [NAME] [KIND/NS/NAME]`: the steps of what one change does not heal."""

from __future__ import annotations

import argparse
import difflib

from meshdoctor.commands.fix_words import argument, labelled
from meshdoctor.commands.terminal import wants_colour
from meshdoctor.model.errors import UsageError
from meshdoctor.model.pages import page, pages
from meshdoctor.model.runbooks import Runbook, of_page, runbooks
from meshdoctor.model.subject import Subject
from meshdoctor.reports.tables import table
from meshdoctor.triage.commands import filled


def run(arguments: argparse.Namespace) -> int:
    """Print one, with what is known filled in; without a name, list them."""
    if arguments.name is None:
        rows = [(book.id, book.risk, book.title) for book in runbooks().values()]
        print(table(("RUNBOOK", "RISK", "WHAT FOR"), rows, colour=wants_colour(arguments)), end="")
        print("and each problem by its id, e.g. meshdoctor runbook CRT-005")
        return 0
    book = _named(arguments.name)
    subject = None
    if arguments.object:
        kind, namespace, name = argument(arguments.object)
        subject = Subject("", kind, namespace, name)
    print("\n".join(lines(book, subject, arguments.context or "")))
    return 0


def _named(name: str) -> Runbook:
    if name.lower() in runbooks():
        return runbooks()[name.lower()]
    if name.upper() in pages():
        return of_page(page(name.upper()))
    near = difflib.get_close_matches(name.lower(), runbooks(), 3)
    raise UsageError(
        f"There is no runbook {name!r}.", do=f"Near: {', '.join(near)}." if near else "`meshdoctor runbook` lists them."
    )


def lines(book: Runbook, subject: Subject | None, context: str) -> list[str]:
    """A runbook as text."""
    made = [f"{book.id}  {book.title}", "", *labelled("when", book.when), *labelled("risk", book.risk)]
    related = [p for p in book.problems if p != book.id]
    made += labelled("see also", f"meshdoctor explain {' | '.join(related)}") if related else []
    before = ""
    for number, step in enumerate(book.step, 1):
        made += [""] if step.do != before else []
        made += labelled(f"{number}", step.do) if step.do != before else []
        made += [f"{'':9} $ {line}" for line in filled(step.command, subject, context).split("\n")]
        made += labelled("", f"see: {step.expect}") if step.expect else []
        before = step.do
    return [*made, "", *labelled("resolved", book.resolved), *labelled("way back", filled(book.rollback, subject, context))]
