"""`meshdoctor info`: versions, paths, rules; `--schema` prints the JSON schema."""

from __future__ import annotations

import argparse
import platform
import sys
from importlib.metadata import version

from meshdoctor.commands import settings
from meshdoctor.commands.safely import state_folder

LIBRARIES = ("textual", "rich", "httpx", "msgspec", "kubernetes", "cryptography")


def run(arguments: argparse.Namespace) -> int:
    """Print one fact a line."""
    if arguments.schema:
        from meshdoctor.reports import schema

        print(schema.encode(schema.published()))
        return 0
    from meshdoctor.bundle.scenarios import scenarios
    from probes.registry import all_probes

    rules = all_probes()
    facts = {
        "meshdoctor": version("meshdoctor"),
        "python": f"{platform.python_version()} ({sys.executable})",
        "libraries": ", ".join(f"{name} {version(name)}" for name in LIBRARIES),
        "rules": f"{len(rules)} ({len({r.rule.__module__ for r in rules})} modules)",
        "recordings": ", ".join(scenarios()) or "none",
        "log": str(state_folder() / "meshdoctor.log"),
        "settings": str(settings.path()),
        "crash reports": str(state_folder()),
    }
    for name, value in facts.items():
        print(f"{name:<14} {value}")
    return 0
