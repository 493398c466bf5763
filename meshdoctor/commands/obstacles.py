"""What keeps a wave or a stage from being written, unless the operator accepts it by name (`--force NAME`)."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Iterable

from meshdoctor.commands.fix_words import Said, labelled
from meshdoctor.enrolment.blockers import Blocker
from meshdoctor.fixes.engine import Refused
from meshdoctor.fixes.refusals import Refusal
from meshdoctor.fixes.step import Step

OWNED = "owned"


def refuse_blocked(blockers: Iterable[Blocker], accepted: list[str]) -> None:
    """Raise Refused where something stands in the way that was not accepted."""
    left = [b for b in blockers if b.id not in accepted]
    if left:
        ids = " ".join(dict.fromkeys(b.id for b in left))
        more = f" And {len(left) - 1} more." if len(left) > 1 else ""
        do = f"{left[0].do.rstrip('.')}. Or accept" if left[0].do else "Accept"
        raise Refused(Refusal("blocked", f"{left[0].title}: {left[0].says}.{more}", f"{do} it by name: --force {ids}"))


async def tried_out(trial: Awaitable[Step | None], arguments: argparse.Namespace, said: Said) -> Step | None:
    """The step as it was tried out. What takes no writes, a recording, is told, and keeps nobody from planning. Raises Refused."""
    try:
        return await trial
    except Refused as why:
        if arguments.write or why.refusal.reason != "read-only":
            raise
        said.line(*labelled("trial", why.refusal.says))
        return None


def refuse_owned(step: Step, arguments: argparse.Namespace) -> None:
    """Raise Refused where what would be written is kept by a tool that would write over it."""
    if step.owner is not None and OWNED not in arguments.force and arguments.write:
        reason = f"{step.target} is kept by {step.owner} ({step.owner.mark})."
        raise Refused(Refusal("owned", reason, f"Change it in Git as above, or write over it: --force {OWNED}"))
