"""Whether the operator says to write: by flags in a script, by typing on a terminal."""

from __future__ import annotations

import argparse
import sys

from meshdoctor.commands.fix_words import Said
from meshdoctor.fixes.engine import Refused
from meshdoctor.fixes.refusals import Refusal
from meshdoctor.model.text import plain


def consents(arguments: argparse.Namespace, said: Said, context: str, name: str = "") -> bool:
    """Whether to write. Where the risk is high, `name` is what has to be given or typed; without --write else the context's name.

    Raises Refused where nobody can be asked.
    """
    if arguments.dry_run or not (arguments.write or sys.stdin.isatty()):
        said.result |= {"state": "planned"}
        said.line("planned   nothing was written; --write --yes writes it")
        return False
    if arguments.yes is not None and arguments.write:
        if name and arguments.yes != name:
            raise Refused(Refusal("consent", "The risk of this is high.", f"Say so by its name: --write --yes {name}"))
        return True
    if not sys.stdin.isatty():
        raise Refused(Refusal("consent", "Nobody is here to ask.", "In a script: --write --yes"))
    wanted = name or ("y" if arguments.write else context)
    if _typed(f"Type {wanted} to write it to {context}, anything else to leave it: ") == wanted:
        return True
    said.result |= {"state": "planned"}
    said.line("left      nothing was written")
    return False


def _typed(question: str) -> str:
    """What is typed; nothing where the terminal is closed or ctrl-d is pressed."""
    try:
        return input(plain(question)).strip()
    except EOFError:
        print()
        return ""
