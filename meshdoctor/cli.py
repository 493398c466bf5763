"""The commands. Everything heavy is imported inside them: `--help` takes a tenth of a second."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from meshdoctor.commands.arguments import parser

Command = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = parser().parse_args(argv)
    command = _command(arguments.command or "tui")
    from meshdoctor.commands.safely import safely

    return safely(command, arguments)


def _command(name: str) -> Command:
    """The function of a command, from the module of its name."""
    import importlib

    module = importlib.import_module(f"meshdoctor.commands.{name.replace('-', '_')}")
    run: Command = module.run
    return run


def entry() -> None:
    """The console script."""
    code = main()
    from meshdoctor.commands.ending import leave

    leave(code)


if __name__ == "__main__":
    entry()
