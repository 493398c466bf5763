"""The way from a finding to a verified change, step by step: what a command and a screen both go through."""

from __future__ import annotations

import asyncio

import msgspec

from meshdoctor.fixes.choose import finding_of, plan_for
from meshdoctor.fixes.engine import Refused, execute, permit, try_out
from meshdoctor.fixes.journal import Entry, Holds, Journal
from meshdoctor.fixes.kept import cluster_of, holds_of
from meshdoctor.fixes.patch import Object, digest
from meshdoctor.fixes.plan import Plan
from meshdoctor.fixes.reach import reach
from meshdoctor.fixes.refusals import Refusal
from meshdoctor.fixes.undo import undo_of
from meshdoctor.fixes.verify import Look, Verdict, verify
from meshdoctor.kube.client import ApiClient
from meshdoctor.kube.writing import Write
from meshdoctor.model.findings import Finding
from probes.runner import run


class Tried(msgspec.Struct, kw_only=True):
    """A plan, and the object as the API server would store it (before the trial: as we think that it would)."""

    plan: Plan
    stored: Object | None
    findings: tuple[Finding, ...]


class Guide:
    """One operator's way through one fix."""

    def __init__(self, api: ApiClient, journal: Journal, look: Look) -> None:
        self.api, self.journal, self._look = api, journal, look

    async def plan(self, problem: str, kind: str, namespace: str, name: str, wanted: str = "") -> Tried:
        """Look, find the finding, choose the remedy, and see what else it reaches. Raises Refused."""
        mesh = await self._look()
        findings, _ = await asyncio.to_thread(run, mesh)  # a screen goes on meanwhile
        finding = finding_of(findings, problem, kind, namespace, name)
        plan = await plan_for(self.api, mesh, finding, wanted)
        plan.reach = await asyncio.to_thread(reach, mesh, plan)
        return Tried(plan=plan, stored=plan.after, findings=findings)

    async def try_out(self, tried: Tried) -> Tried:
        """Permission, then the server-side dry run. Raises Refused."""
        plan = tried.plan
        await permit(self.api, plan.write, plan.target, plan.place.resource)
        answered = await try_out(self.api, plan.write)
        stored = None if plan.write.verb == "delete" else answered
        return msgspec.structs.replace(tried, stored=stored)

    async def apply(self, tried: Tried) -> Entry:
        """Write it, once. Raises Refused, Unclear."""
        entry, _ = await execute(self.api, self.journal, tried.plan.write, await self._holds(tried))
        return entry

    async def verify(self, tried: Tried, entry: Entry, wait: float) -> Verdict:
        """Look until the symptom is gone, at most `wait` seconds, and put the verdict into the journal."""
        verdict = await verify(self._look, tried.plan.finding, tried.findings, wait)
        self.journal.note(entry, verdict.healed, says=verdict.says)
        return verdict

    async def plan_undo(self, entry: Entry) -> tuple[Write, Holds, Object | None, Object | None]:
        """What takes an entry back, permitted and tried out. Raises Refused."""
        if entry.holds.cluster and entry.holds.cluster != await cluster_of(self.api):
            raise Refused(
                Refusal(
                    "not-undoable",
                    f"Entry {entry.id} was written to another cluster ({entry.holds.context}).",
                    f"Name it with --context {entry.holds.context}.",
                )
            )
        write, holds, before, after = await undo_of(self.api, entry)
        await permit(self.api, write, holds.target, holds.collection.rpartition("/")[2])
        answered = await try_out(self.api, write)
        return write, holds, before, None if write.verb == "delete" else answered or after

    async def undo(self, entry: Entry, write: Write, holds: Holds) -> tuple[Entry, bool]:
        """Take it back; also whether the object is now exactly what it was before the entry."""
        made, stored = await execute(self.api, self.journal, write, holds)
        exact = write.verb == "delete" or digest(stored) == entry.holds.digest_before
        return made, exact

    async def _holds(self, tried: Tried) -> Holds:
        plan, about = tried.plan, tried.plan.finding
        return await holds_of(
            self.api,
            plan.place,
            plan.write,
            plan.before,
            plan.after,
            tried.stored,
            problem=about.problem or "",
            fix=plan.remedy.id,
            title=plan.title,
            finding=about.id,
            subject=about.subject,
        )
