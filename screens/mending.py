"""One change, from its plan to what became of it. It is no screen: it goes on when its screen is left, and is found again."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from meshdoctor.diagnosis import judge
from meshdoctor.fixes.engine import Refused, Unclear
from meshdoctor.fixes.guide import Guide, Tried
from meshdoctor.fixes.journal import Entry, Holds, own_journal
from meshdoctor.fixes.patch import Object
from meshdoctor.fixes.refusals import Refusal
from meshdoctor.fixes.verify import Verdict
from meshdoctor.kube.writing import Write
from meshdoctor.model.errors import MeshdoctorError
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.remedies import Remedy, remedies_for
from meshdoctor.model.subject import Subject
from meshdoctor.triage import acted, incident
from meshdoctor.triage.incident import Incident
from screens.threads import aside

if TYPE_CHECKING:
    from screens.feed import Feed

log = logging.getLogger("meshdoctor.screens")
State = Literal[
    "planning",
    "planned",  # and tried out; `trial` says where that was refused
    "refused",  # there is no plan, or it was not written
    "writing",
    "verifying",
    "verified",
    "not-healed",
    "unverified",
    "unknown",  # sent, and nobody told what became of it
    "undone",
]
BUSY: tuple[State, ...] = ("planning", "writing", "verifying")
READ_ONLY = "This is a recording or a picture: it shows the plan, and takes no writes."


class Work:
    """What a fix and an undo have in common: the cluster that it was begun on, a state, and who is told of news."""

    def __init__(self, feed: Feed, folder: Path | None = None) -> None:
        self._feed, self._folder = feed, folder
        self.context = feed.context
        self.state: State = "planning"
        self.refusal: Refusal | None = None
        self.says = ""  # what went wrong, where that is no refusal
        self.began = time.monotonic()
        self.looks = 0
        self.mesh: Mesh | None = None  # of the last look
        self.entry: Entry | None = None
        self.incident: Incident | None = None
        self.not_kept = ""  # why the incident has no line of it
        self.tell: Callable[[], None] = lambda: None

    @property
    def is_busy(self) -> bool:
        return self.state in BUSY

    @property
    def guide(self) -> Guide:
        """The engine on the connection that is open now. Raises MeshdoctorError where that leads to another cluster."""
        if self._feed.context != self.context:
            raise MeshdoctorError(f"This was planned on {self.context}; {self._feed.context} is open now.")
        return Guide(self._feed.client(), own_journal(), self._look)

    async def _look(self) -> Mesh:
        self.looks += 1
        self.tell()
        self.mesh = await self._feed.look()
        return self.mesh

    def _to(self, state: State, refusal: Refusal | None = None, says: str = "") -> None:
        self.state, self.refusal, self.says = state, refusal, says
        self.began = time.monotonic()
        self.tell()

    async def _guarded(self, step: Callable[[], Awaitable[None]]) -> None:
        """Each way of failing ends in a state of its own."""
        try:
            await step()
        except Refused as why:
            refusal, was_writing = why.refusal, self.state == "writing"
            self._to("refused", refusal)
            if was_writing:
                await self.keep(lambda one: acted.said(one, f"Refused: {refusal.says}"))
        except Unclear as why:
            self.entry, entry, says = why.entry, why.entry.id, why.says
            self._to("unknown", says=says)
            await self.keep(lambda one: acted.wrote(one, f"Sent, outcome unknown: {says}", entry=entry, problem=""))
        except MeshdoctorError as why:
            self._to("unverified" if self.state == "verifying" else "refused", says=str(why))
        except Exception as crash:  # a bug of ours: told where the operator looks, and what was sent is in the journal
            log.exception("a change failed")
            ends: dict[State, State] = {"writing": "unknown", "verifying": "unverified"}
            self._to(ends.get(self.state, "refused"), says=f"this is a fault of meshdoctor: {type(crash).__name__}: {crash}")

    async def keep(self, add: Callable[[Incident], Incident], of: str = "") -> None:
        """Write a line into the incident that this belongs to, where there is one."""
        if self.incident is None:
            self.incident = await aside(lambda: self._incident(of))
        kept = self.incident
        if kept is not None:
            try:
                self.incident = await aside(lambda: add(kept))
            except MeshdoctorError as why:
                self.not_kept = str(why)
        self.tell()

    def _incident(self, of: str) -> Incident | None:
        if self._folder is not None:
            return incident.read(self._folder)
        return acted.under_way(incident.incidents_folder(), of, self.context)


class Mending(Work):
    """A fix: plan, trial, write, verification."""

    def __init__(self, feed: Feed, problem: str, subject: Subject, folder: Path | None = None) -> None:
        super().__init__(feed, folder)
        self.problem, self.subject = problem, subject
        self.able: tuple[Remedy, ...] = remedies_for(problem, subject.kind)
        self.wanted = ""  # of several fixes this one
        self.tried: Tried | None = None
        self.trial: Refusal | None = None
        self.verdict: Verdict | None = None
        self._looking: asyncio.Future[Verdict] | None = None
        self._stopped = False

    def stop_looking(self) -> None:
        """End the verification: what was written is to be taken back at once."""
        if self.state == "verifying" and self._looking is not None:
            self._stopped = self._looking.cancel()

    @property
    def of(self) -> str:
        """Problem and object, as incidents name a cause."""
        return f"{self.problem} {self.subject.kind}/{self.subject.namespace}/{self.subject.name}"

    @property
    def may_write(self) -> bool:
        return self.state == "planned" and self.trial is None

    async def plan(self) -> None:
        """Look, plan, ask for permission, try it out: nothing is stored."""
        self.tried, self.trial, self.entry, self.verdict, self.looks = None, None, None, None, 0
        self._to("planning")
        await self._guarded(self._plan)

    async def _plan(self) -> None:
        guide = self.guide
        self.tried = await guide.plan(self.problem, self.subject.kind, *self.subject.key, self.wanted)
        try:
            self.tried = await guide.try_out(self.tried)
        except Refused as why:
            self.trial = why.refusal
        self._to("planned")

    async def next(self) -> None:
        """The next of the fixes that there are for it."""
        names = [r.id for r in self.able]
        now = self.tried.plan.remedy.id if self.tried else self.wanted
        self.wanted = names[(names.index(now) + 1) % len(names)] if now in names else names[0]
        await self.plan()

    async def apply(self, tried: Tried) -> None:
        """Write what was shown, once, and look until it heals. The operator gave leave for this very plan."""
        if tried is not self.tried or self.state != "planned":
            return
        self._to("writing")
        await self._guarded(lambda: self._apply(tried))

    async def _apply(self, tried: Tried) -> None:
        guide, plan = self.guide, tried.plan
        self.entry = entry = await guide.apply(tried)
        self.looks = 0
        self._to("verifying")
        says = f"{plan.title}: {plan.target}"
        await self.keep(lambda one: acted.wrote(one, says, entry=entry.id, problem=self.problem), self.of)
        self._looking = asyncio.ensure_future(guide.verify(tried, entry, plan.remedy.wait))
        try:
            self.verdict = verdict = await self._looking
        except asyncio.CancelledError:
            if not self._stopped:
                raise
            self._to("unverified", says="the look was ended before it could tell")
            return
        self._to(verdict.healed, says=verdict.says)
        told = f"{verdict.healed.replace('-', ' ')}: {verdict.says}"
        await self.keep(lambda one: acted.said(one, told, entry=entry.id, outcome=verdict.healed))
        if self.mesh is not None:
            mesh = self.mesh
            await self.keep(lambda one: acted.looked(one, mesh, judge(mesh)))


class Undoing(Work):
    """Taking an entry of the journal back."""

    def __init__(self, feed: Feed, entry: Entry, folder: Path | None = None) -> None:
        super().__init__(feed, folder)
        self.of = entry
        self.write: Write | None = None
        self.holds: Holds | None = None
        self.before: Object | None = None
        self.after: Object | None = None
        self.exact = False

    async def plan(self) -> None:
        """What takes it back, permitted and tried out."""
        self._to("planning")
        await self._guarded(self._plan)

    async def _plan(self) -> None:
        self.write, self.holds, self.before, self.after = await self.guide.plan_undo(self.of)
        self._to("planned")

    async def apply(self, write: Write) -> None:
        """Take it back. The operator gave leave for this very write."""
        if write is not self.write or self.state != "planned":
            return
        self._to("writing")
        await self._guarded(lambda: self._apply(write))

    async def _apply(self, write: Write) -> None:
        assert self.holds is not None
        made, self.exact = await self.guide.undo(self.of, write, self.holds)
        self.entry = made
        self._to("undone")
        says = f"Took back entry {self.of.id}: {self.of.holds.title}: {self.of.holds.target}"
        await self.keep(lambda one: acted.wrote(one, says, entry=made.id, problem=self.of.holds.problem))
