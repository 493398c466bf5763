"""Leave to write, for this session: read-only until it is lifted; and the changes that were begun here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from meshdoctor.fixes.pending import interrupted, journal_path
from meshdoctor.model.subject import Subject

if TYPE_CHECKING:
    from screens.feed import Feed
    from screens.mending import Mending


class Changing:
    """`lifted` is the context that may be written to, by its typed name or by `--write`; another one is read-only again."""

    def __init__(self, feed: Feed, *, write: bool = False) -> None:
        self._feed, self._write = feed, write
        self.lifted = ""
        self.pending = 0
        self._mendings: dict[tuple[str, str, Subject], Mending] = {}

    @property
    def may_write(self) -> bool:
        """Whether the context that is open now may be written to."""
        context = self._feed.context
        if self._write and context:
            self.lifted, self._write = context, False  # the flag is for the cluster that was opened, not for others
        return bool(context) and self.lifted == context

    def lift(self) -> None:
        """The operator typed the name of the context that is open."""
        self.lifted = self._feed.context

    def count_pending(self) -> int:
        """How many changes were interrupted, as the journal has it now."""
        self.pending = len(interrupted(journal_path()))
        return self.pending

    def mending(self, problem: str, subject: Subject, folder: Path | None = None) -> Mending:
        """The change of this problem at this object: the one that is being written, else a new one."""
        from screens.mending import Mending  # the engine, and the client below it: not before the first frame

        key = (self._feed.context, problem, subject)
        known = self._mendings.get(key)
        if known is None or known.state not in ("writing", "verifying"):
            known = self._mendings[key] = Mending(self._feed, problem, subject, folder)
        return known
