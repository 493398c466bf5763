"""`meshdoctor explain`: the page of a problem."""

from __future__ import annotations

import argparse
import difflib

from meshdoctor.commands.terminal import wants_colour, width
from meshdoctor.model.errors import UsageError
from meshdoctor.model.pages import pages, problem_of
from meshdoctor.reports.page import page_text


def run(arguments: argparse.Namespace) -> int:
    """Print the pages that a code means."""
    wanted = problem_of(arguments.code)
    if not wanted:
        words = arguments.code.lower()
        wanted = tuple(i for i, p in pages().items() if len(words) > 2 and words in p.title.lower())
    if not wanted:
        near = difflib.get_close_matches(arguments.code.upper(), pages(), 3)
        hint = f"Near: {', '.join(near)}." if near else "Codes look like MTL-002, MD0702, IST0101, KIA0206."
        raise UsageError(f"No page for {arguments.code!r}.", do=hint)
    for problem in wanted:
        print(page_text(pages()[problem], colour=wants_colour(arguments), width=width()), end="")
    return 0
