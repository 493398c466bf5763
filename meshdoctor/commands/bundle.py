"""`meshdoctor bundle create | inspect | diff`."""

from __future__ import annotations

import argparse

from meshdoctor.commands import bundle_create, bundle_diff, bundle_inspect

ACTIONS = {"create": bundle_create.run, "inspect": bundle_inspect.run, "diff": bundle_diff.run}


def run(arguments: argparse.Namespace) -> int:
    """The action that was asked for."""
    return ACTIONS[arguments.action](arguments)
