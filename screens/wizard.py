"""A wizard's work, step by step: it is no screen, so that it goes on when its screen is left."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Literal, TypeVar
from weakref import WeakKeyDictionary

from meshdoctor.collect.handshakes import with_handshakes
from meshdoctor.enrolment.blockers import Blocker
from meshdoctor.enrolment.plan import Enrolment
from meshdoctor.enrolment.stages import Reached, Stages
from meshdoctor.enrolment.strict import Stage, Staging
from meshdoctor.enrolment.walk import Result, Walk
from meshdoctor.fixes.back import Back, take_back
from meshdoctor.fixes.engine import Refused, Unclear
from meshdoctor.fixes.guide import Guide
from meshdoctor.fixes.journal import Journal, own_journal
from meshdoctor.fixes.step import Step
from meshdoctor.model.errors import MeshdoctorError
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Unseen
from screens.threads import aside

if TYPE_CHECKING:
    from screens.feed import Feed

log = logging.getLogger("meshdoctor.screens")
State = Literal["planning", "planned", "refused", "writing", "stopped", "done", "taking back", "taken back", "unknown"]
BUSY: tuple[State, ...] = ("planning", "writing", "taking back")
OWNED = Blocker("owned", "Kept by a tool", "", "Change it in Git, or accept that it is written over.")
ROLLOUT = 300.0
WINDOW = "7d"  # of which Prometheus is asked who sent plain text
W = TypeVar("W", bound="Wizard")


_begun: WeakKeyDictionary[Feed, dict[str, Wizard]] = WeakKeyDictionary()


def found_again(feed: Feed, work: W) -> W:
    """The same wizard where it was begun before and has not ended: its screen was left, the work was not."""
    known = _begun.setdefault(feed, {})
    old = known.get(work.key)
    is_under_way = old is not None and (old.is_busy or (old.plan_name and old.state not in ("done", "taken back")))
    if is_under_way and isinstance(old, type(work)):
        return old
    known[work.key] = work
    return work


class Wizard:
    """What an enrolment and the stages of STRICT have in common. `tell` is called at every news."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self.context = feed.context
        self.state: State = "planning"
        self.says = ""  # what goes on, or went wrong
        self.trial = ""  # why the next step could not be tried out
        self.step: Step | None = None  # the next one, as it was tried out
        self.accepted: set[str] = set()
        self.plan_name = ""  # of what was written, in the journal
        self.back: list[Back] = []
        self.tell: Callable[[], None] = lambda: None
        self.is_begun = False

    @property
    def key(self) -> str:
        """What it is about, and where."""
        return self.context

    @property
    def is_busy(self) -> bool:
        return self.state in BUSY

    @property
    def blockers(self) -> tuple[Blocker, ...]:
        """What stands in the way and was not accepted."""
        owner = self.step.owner if self.step else None
        kept = (Blocker("owned", OWNED.title, f"{self.step.target} is kept by {owner}", OWNED.do),) if self.step and owner else ()
        return tuple(b for b in (*self.found, *kept) if b.id not in self.accepted)

    @property
    def found(self) -> tuple[Blocker, ...]:
        """What the plan found in the way."""
        return ()

    @property
    def steps(self) -> tuple[int, int]:
        """How many steps were taken, of how many."""
        return 0, 0

    @property
    def may_write(self) -> bool:
        return self.state == "planned" and self.step is not None and not self.trial and not self.blockers

    def to(self, state: State, says: str = "") -> None:
        """The next state."""
        self.state, self.says = state, says
        self.tell()

    def writes(self, says: str) -> None:
        """What a step waits for."""
        self.to("writing", says)

    def journal(self) -> Journal:
        """The user's own."""
        return own_journal()

    async def look(self) -> Mesh:
        """A snapshot read now. Raises MeshdoctorError where another cluster is open meanwhile."""
        if self._feed.context != self.context:
            raise MeshdoctorError(f"This was planned on {self.context}; {self._feed.context} is open now.")
        return await self._feed.look()

    async def plan(self) -> None:
        """Look, plan, and try the next step out: nothing is stored."""
        self.step, self.trial, self.is_begun = None, "", True
        self.to("planning")
        await self._guarded(self._plan)

    async def take(self) -> None:
        """Write the next step and see what becomes of it. The operator gave leave for this very step."""
        if self.may_write:
            self.to("writing")
            await self._guarded(self._take)

    async def take_back(self) -> None:
        """Take all back that was written."""
        if self.is_busy or not self.plan_name:
            return
        self.to("taking back")
        await self._guarded(self._back)

    async def _plan(self) -> None: ...

    async def _take(self) -> None: ...

    async def _back(self) -> None:
        guide = Guide(self._feed.client(), self.journal(), self.look)
        self.back = []
        entries = self.journal().of_plan(self.plan_name)
        async for one in take_back(guide, entries, ROLLOUT, lambda says: self.to("taking back", says)):
            self.back.append(one)
            self.to("taking back", one.says)
        whole = len(self.back) == len(entries) and all(b.exact for b in self.back)
        self.to("taken back" if whole else "stopped", self.back[-1].says if self.back else "there is nothing to take back")

    async def _trying(self, make: Callable[[], Awaitable[Step | None]]) -> None:
        """The next step's trial; where it is not possible the plan is shown all the same."""
        try:
            self.step = await make()
        except Refused as why:
            self.trial = f"{why.refusal.says} {why.refusal.do}".strip()
        except MeshdoctorError as why:
            self.trial = str(why)

    async def _guarded(self, step: Callable[[], Awaitable[None]]) -> None:
        """Each way of failing ends in a state of its own."""
        was_writing = self.state != "planning"
        try:
            await step()
        except Refused as why:
            self.to("stopped" if was_writing else "refused", f"{why.refusal.says} {why.refusal.do}".strip())
        except Unclear as why:
            self.to("unknown", f"{why.says} The journal says whether it was written.")
        except Unseen as unseen:
            says = f"{unseen.source.name} could not be read: {unseen.source.reason or unseen.source.state}"
            self.to("stopped" if was_writing else "refused", says)
        except MeshdoctorError as why:
            self.to("stopped" if was_writing else "refused", str(why))
        except Exception as crash:  # a bug of ours: told where the operator looks; what was sent is in the journal
            log.exception("a wizard failed")
            says = f"this is a fault of meshdoctor: {type(crash).__name__}: {crash}"
            self.to("unknown" if was_writing else "refused", says)


class Enrolling(Wizard):
    """An enrolment of a namespace or one workload."""

    def __init__(self, feed: Feed, namespace: str, workload: str = "") -> None:
        super().__init__(feed)
        self.namespace, self.workload = namespace, workload
        self.enrolment: Enrolment | None = None
        self.results: list[Result] = []
        self._walk: Walk | None = None

    @property
    def key(self) -> str:
        return f"{self.context} enrol {self.namespace}/{self.workload}"

    @property
    def found(self) -> tuple[Blocker, ...]:
        return self.enrolment.blockers if self.enrolment else ()

    @property
    def steps(self) -> tuple[int, int]:
        return len(self.results), len(self.enrolment.waves) if self.enrolment else 0

    async def _plan(self) -> None:
        mesh = await self.look()
        self.results = []

        def planned() -> Enrolment:
            made = Enrolment(mesh, self.namespace, self.workload)
            _ = made.blockers, made.others, made.known, made.turned  # worked out here, beside the screens
            return made

        self.enrolment = await aside(planned)
        self._walk = None
        await self._try()

    async def _try(self) -> None:
        enrolment = self.enrolment
        assert enrolment is not None
        left = enrolment.waves[len(self.results) :]
        if not left:
            self.step = None
            self.to("done")
            return
        await self._trying(lambda: self.walk(enrolment).step(left[0]))
        self.to("planned")

    def walk(self, enrolment: Enrolment) -> Walk:
        """The one run through the plan. Raises MeshdoctorError where there is no connection."""
        if self._walk is None:
            self._walk = Walk(self._feed.client(), self.journal(), self.look, enrolment, tell=self.writes)
            if self.journal().of_plan(self._walk.part.name):
                self.plan_name = self._walk.part.name  # begun in another session
        return self._walk

    async def _take(self) -> None:
        assert self.enrolment is not None
        walk = self.walk(self.enrolment)
        result = await walk.take(self.enrolment.waves[len(self.results)])
        self.results.append(result)
        self.plan_name = walk.part.name
        if result.stops:
            self.to("stopped", result.says)
        else:
            await self._try()


class Tightening(Wizard):
    """The stages of STRICT for a workload, a namespace or the mesh."""

    def __init__(self, feed: Feed, where: str) -> None:
        super().__init__(feed)
        self.where = where
        self.stages: tuple[Stage, ...] = ()
        self.reached: list[Reached] = []
        self._run: Stages | None = None

    @property
    def key(self) -> str:
        return f"{self.context} strict {self.where}"

    @property
    def found(self) -> tuple[Blocker, ...]:
        return tuple(b for s in self.stages for b in s.blockers)

    @property
    def steps(self) -> tuple[int, int]:
        return len(self.reached), len(self.stages)

    async def look(self) -> Mesh:
        """With what the proxies and Prometheus say of plain text; of a picture what it has."""
        mesh = await super().look()
        try:
            api = self._feed.client()
        except MeshdoctorError:
            return mesh
        return (await with_handshakes(api, mesh, WINDOW, first=self.where.partition("/")[0]))[0]

    async def _plan(self) -> None:
        mesh = await self.look()
        self.reached, self._run = [], None
        self.stages = await aside(lambda: Staging(mesh, self.where).stages)
        await self._try()

    async def _try(self) -> None:
        left = self.stages[len(self.reached) :]
        if not left:
            self.step = None
            self.to("done", "" if self.reached else f"{self.where} is STRICT already")
            return
        await self._trying(lambda: self.run().step(left[0]))
        self.to("planned")

    def run(self) -> Stages:
        """The one run through the stages. Raises MeshdoctorError where there is no connection."""
        if self._run is None:
            self._run = Stages(self._feed.client(), self.journal(), self.look, self.where, tell=self.writes)
        return self._run

    async def _take(self) -> None:
        run = self.run()
        reached = await run.take(self.stages[len(self.reached)])
        self.reached.append(reached)
        self.plan_name = run.part.name
        if reached.ended == "verified":
            await self._try()
        else:
            self.to("stopped", reached.says)
