"""`meshdoctor explain`: the page of a problem."""

from __future__ import annotations

import argparse
import difflib

from meshdoctor.commands.terminal import wants_colour, width
from meshdoctor.model.errors import UsageError
from meshdoctor.model.pages import pages, problem_of
from meshdoctor.reports.page import page_text, rule_text
from probes.registry import Probe, all_probes


def run(arguments: argparse.Namespace) -> int:
    """Print the pages that a code means."""
    name = arguments.code.strip().upper()
    ours = tuple(p.problem for p in all_probes() if p.problem and name in p.codes)
    wanted = tuple(dict.fromkeys((*problem_of(name), *ours)))
    if not wanted:
        words = arguments.code.lower()
        wanted = tuple(i for i, p in pages().items() if len(words) > 2 and words in p.title.lower())
    rules = rules_without_page(arguments.code)
    if not wanted and not rules:
        near = difflib.get_close_matches(arguments.code.upper(), pages(), 3)
        hint = f"Near: {', '.join(near)}." if near else "Codes look like MTL-002, MD0702, IST0101, KIA0207."
        raise UsageError(f"No page for {arguments.code!r}.", do=hint)
    colour, columns = wants_colour(arguments), width()
    for problem in wanted:
        print(page_text(pages()[problem], colour=colour, width=columns), end="")
    for rule in rules:
        print(rule_text(rule, colour=colour, width=columns), end="")
    return 0


def rules_without_page(code: str) -> tuple[Probe, ...]:
    """The rules of that code, ours or another tool's, that belong to no problem."""
    name = code.strip().upper()
    return tuple(p for p in all_probes() if p.problem is None and name in (p.code, *p.codes))
