"""`meshdoctor explain`: the page of a problem."""

from __future__ import annotations

import argparse
import difflib

from meshdoctor.commands.terminal import wants_colour, width
from meshdoctor.model.errors import UsageError
from meshdoctor.model.pages import pages, problem_of
from meshdoctor.reports.page import page_text
from probes.registry import Probe, all_probes


def run(arguments: argparse.Namespace) -> int:
    """Print the pages that a code means."""
    wanted = problem_of(arguments.code)
    if not wanted:
        words = arguments.code.lower()
        wanted = tuple(i for i, p in pages().items() if len(words) > 2 and words in p.title.lower())
    rules = () if wanted else rules_without_page(arguments.code)
    for rule in rules:
        print(rule_text(rule), end="")
    if not wanted and not rules:
        near = difflib.get_close_matches(arguments.code.upper(), pages(), 3)
        hint = f"Near: {', '.join(near)}." if near else "Codes look like MTL-002, MD0702, IST0101, KIA0207."
        raise UsageError(f"No page for {arguments.code!r}.", do=hint)
    for problem in wanted:
        print(page_text(pages()[problem], colour=wants_colour(arguments), width=width()), end="")
    return 0


def rules_without_page(code: str) -> tuple[Probe, ...]:
    """The rules of that code, ours or another tool's, that belong to no problem."""
    name = code.strip().upper()
    return tuple(p for p in all_probes() if p.problem is None and name in (p.code, *p.codes))


def rule_text(rule: Probe) -> str:
    """What a rule looks for: its own sentence."""
    codes = f"  ({', '.join(rule.codes)})" if rule.codes else ""
    words = " ".join((rule.rule.__doc__ or "").split())
    return f"{rule.code}  {rule.title}  [{rule.severity}]{codes}\n\n{words}\n"
