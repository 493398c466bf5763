"""Carries the stages of STRICT out: try out, knock in plain text, write, knock until it is refused, look who else is refused."""

from __future__ import annotations

import asyncio
import secrets
import time

import msgspec

from meshdoctor.enrolment.plaintext import Door, Plain, doors, knock
from meshdoctor.enrolment.strict import Stage, step_of
from meshdoctor.fixes.journal import Entry, Journal
from meshdoctor.fixes.rollout import Tell
from meshdoctor.fixes.step import Part, Step, deleting, taken, tried
from meshdoctor.fixes.verify import Healed, Look
from meshdoctor.istio.mutual.seen import seen
from meshdoctor.kube.client import ApiClient
from meshdoctor.model.errors import MeshdoctorError
from meshdoctor.model.sources import Unseen
from meshdoctor.model.subject import Subject
from meshdoctor.model.text import counted, some

REFUSED_WITHIN = 60.0  # seconds: the push, and the drain of connections that are kept
EVERY = 2.0
WATCHED = 6.0  # seconds of calls that are looked at afterwards, unless told otherwise


class Reached(msgspec.Struct, frozen=True, kw_only=True):
    """What a stage came to: the plain-text requests before and after, and who was refused that nobody meant to."""

    title: str
    entry: Entry | None
    ended: Healed
    says: str
    before: tuple[Plain, ...] = ()
    after: tuple[Plain, ...] = ()


class Stages:
    """One run. `part` is what its entries in the journal have in common."""

    def __init__(
        self, api: ApiClient, journal: Journal, look: Look, where: str, *, watched: float = WATCHED, tell: Tell = lambda _: None
    ) -> None:
        self.api, self.journal, self.look, self.tell, self.watched = api, journal, look, tell, watched
        about = Subject(kind="Namespace", name=where.partition("/")[0]) if where != "mesh" else Subject(kind="Mesh", name="mesh")
        name = f"strict-{where.replace('/', '-').replace(':', '-')}-{secrets.token_hex(2)}"
        self._proven: set[Door] = set()  # whose plain text an earlier stage was seen to end
        self.part = Part(name=name, fix="strict", about=about, again=f"meshdoctor strict {where} --write")

    async def step(self, stage: Stage) -> Step | None:
        """The stage's write, permitted and tried out. Raises Refused."""
        made = await step_of(self.api, stage)
        return await tried(self.api, made) if made is not None else None

    async def take(self, stage: Stage) -> Reached:
        """Knock, write the stage, and see that plain text is really refused. Raises Refused, Unclear."""
        step = await self.step(stage)
        before = tuple([await knock(self.api, d) for d in doors_of(stage)])
        entry = await taken(self.api, self.journal, step, self.part) if step is not None else None
        after = await self._until_refused(tuple(p.door for p in before))
        ended, says = _judged(before, after, self._proven)
        self._proven |= {a.door for a in after if ended == "verified" and a.outcome == "refused"}
        if ended != "not-healed" and (hit := await self._hit(stage)):
            ended, says = "not-healed", hit
        if entry is not None:
            self.journal.note(entry, ended, says=says)
        return Reached(title=stage.title, entry=entry, ended=ended, says=says, before=before, after=after)

    async def _until_refused(self, chosen: tuple[Door, ...]) -> tuple[Plain, ...]:
        end = time.monotonic() + REFUSED_WITHIN
        while True:
            found = tuple([await knock(self.api, d) for d in chosen])
            open_ones = [p for p in found if p.outcome == "answered"]
            if not open_ones or time.monotonic() > end:
                return found
            self.tell(f"{counted(len(open_ones), 'port')} still answer plain text")
            await asyncio.sleep(EVERY)

    async def _hit(self, stage: Stage) -> str:
        """A workload whose plain text is refused since then, though the plan did not say so."""
        self.tell("looking who is refused")
        await asyncio.sleep(self.watched)
        try:
            calls = seen(await self.look())
        except (MeshdoctorError, Unseen):
            return ""  # the knocks have told what they could
        meant = {(c.after.client, c.after.server) for c in (*stage.found.breaks, *stage.found.may_break)}
        for one in calls:
            if one.refused and one.client and one.server in stage.affected and (one.client, one.server) not in meant:
                return f"{one.client} is refused at {one.server}:{one.port}, {counted(one.refused, 'call')} in {one.window_s:.0f} s"
        return ""

    async def tidy(self, policies: tuple[Subject, ...]) -> tuple[Entry, ...]:
        """Delete the policies of single workloads that the namespace's says as well now. Raises Refused, Unclear."""
        done = []
        for policy in policies:
            step = await deleting(self.api, policy, f"delete {policy}: its namespace says STRICT")
            if step is not None:
                done.append(await taken(self.api, self.journal, await tried(self.api, step), self.part))
        return tuple(done)


def doors_of(stage: Stage) -> tuple[Door, ...]:
    """Where plain text is tried: one port of each workload that a stage takes out of PERMISSIVE, or its port."""
    found = doors(stage.mesh, frozenset(stage.affected))
    port = stage.wish.port
    return tuple(msgspec.structs.replace(d, port=port) if port else d for d in found)


def proof_of(stage: Stage) -> str:
    """How a stage will be proven, in words."""
    chosen = doors_of(stage)
    if not chosen:
        return "not possible: no ready pod with a sidecar has a port to knock at"
    return f"plain text by the API server's proxy, before and after: {some(chosen, 4)}"


def _judged(before: tuple[Plain, ...], after: tuple[Plain, ...], known: set[Door]) -> tuple[Healed, str]:
    """Verified only where plain text that was answered before, or until an earlier stage, is refused now."""
    if not after:
        return "unverified", "no ready pod with a sidecar has a port to knock at"
    still = next((p for p in after if p.outcome == "answered"), None)
    if still is not None:
        return "not-healed", f"plain text to {still.door} is still answered"
    blind = next((a for a in after if a.outcome == "unknown"), None)
    if blind is not None:
        return "unverified", f"plain text to {blind.door}: {blind.says}"
    proven = [b.door for b in before if b.outcome == "answered" or b.door in known]
    if not proven:
        return "unverified", f"plain text to {after[0].door} is refused, as it was before"
    return "verified", f"plain text was answered before and is refused now: {some(proven, 4)}"
