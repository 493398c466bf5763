"""Carries an enrolment out, wave by wave: try out, write, wait for the rollout, look at the proxies and at all others.

It knows nothing of people: a command and a screen both go through it, and ask for consent before each wave.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from datetime import UTC, datetime

import msgspec

from meshdoctor.enrolment.others import Compared, compared
from meshdoctor.enrolment.plan import Enrolment
from meshdoctor.enrolment.waves import Wave
from meshdoctor.fixes.engine import Refused
from meshdoctor.fixes.journal import Entry, Journal
from meshdoctor.fixes.patch import Object
from meshdoctor.fixes.place import place_of
from meshdoctor.fixes.refusals import Refusal
from meshdoctor.fixes.rollout import Tell, rolled_out
from meshdoctor.fixes.step import Part, Step, changing, taken, tried
from meshdoctor.fixes.verify import Healed, Look
from meshdoctor.istio.injection import called, namespace_labels
from meshdoctor.istio.sync import proxy_rows
from meshdoctor.istio.workloads import is_live, revision_of
from meshdoctor.kube.client import ApiClient
from meshdoctor.kube.deny import Refused as NotAllowed
from meshdoctor.model.errors import MeshdoctorError
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Unseen
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Pod

EVERY = 2.0
ROLLOUT = 300.0  # seconds for one workload, unless told otherwise
CONNECTED = 60.0  # seconds for new proxies to be connected and in sync
NOTICED = 10.0  # seconds for the API server to choose webhooks by a new label


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a wave came to. `compared` is the proof that others are as they were before the first wave."""

    wave: Wave
    entry: Entry | None
    ended: Healed
    says: str
    compared: Compared | None = None

    @property
    def stops(self) -> bool:
        """Whether nothing more is to be written before somebody has looked."""
        return self.ended != "verified"


class Walk:
    """One run through an enrolment. `before` is the mesh that everything is compared with."""

    def __init__(
        self,
        api: ApiClient,
        journal: Journal,
        look: Look,
        enrolment: Enrolment,
        *,
        wait: float = ROLLOUT,
        tell: Tell = lambda _: None,
    ) -> None:
        self.api, self.journal, self.look, self.enrolment = api, journal, look, enrolment
        self.wait, self.tell = wait, tell
        self.before = enrolment.mesh
        about = enrolment.about
        name = _open_plan(journal, about, api.credentials.server) or f"enrol-{about.name}-{secrets.token_hex(2)}"
        self.part = Part(name=name, fix="enrol", about=about, again=enrolment.again)

    async def step(self, wave: Wave) -> Step | None:
        """The wave's write on the live object, permitted and tried out; None where it is so already. Raises Refused."""
        made = await changing(self.api, wave.target, wave.title, wave.edit(datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")))
        if made is not None and wave.restarts and (why := _held(made.before or {})):
            raise Refused(Refusal("blocked", f"{wave.target} would not be restarted: {why}.", "Change that first."))
        return await tried(self.api, made) if made is not None else None

    async def take(self, wave: Wave) -> Result:
        """Write a wave and see what becomes of it. Raises Refused, Unclear."""
        step = await self.step(wave)
        entry = await taken(self.api, self.journal, step, self.part) if step is not None else None
        ended, says, proof = await self._seen(wave)
        if entry is not None:
            self.journal.note(entry, ended, says=says)
        return Result(wave=wave, entry=entry, ended=ended, says=says, compared=proof)

    async def _seen(self, wave: Wave) -> tuple[Healed, str, Compared | None]:
        try:
            if wave.restarts:
                ended, says, mesh = await self._restarted(wave)
            else:
                ended, says, mesh = await self._labelled(wave)
        except (MeshdoctorError, Unseen) as why:
            return "unverified", str(why), None
        proof = await asyncio.to_thread(compared, self.before, mesh, self.enrolment.own)
        if proof.differences and ended == "verified":
            return "not-healed", f"others are not as they were: {proof.differences[0]}", proof
        return ended, says, proof

    async def _labelled(self, wave: Wave) -> tuple[Healed, str, Mesh]:
        """The labels are there, the webhook takes the next pods, and no pod was touched."""
        namespace, revision = wave.target.name, self.enrolment.way.revision
        tested = await self._tested(namespace)
        mesh = await self.look()
        injectors = called(mesh, namespace_labels(mesh, namespace), {})
        if [i.revision for i in injectors] != [revision]:
            return "not-healed", f"its new pods are injected by {', '.join(i.revision for i in injectors) or 'nobody'}", mesh
        if tested:
            return "not-healed", tested, mesh
        return "verified", f"new pods are injected by revision {revision}; those that run are untouched", mesh

    async def _tested(self, namespace: str) -> str:
        """What is wrong with a test pod (dry run); empty where it gets its sidecar, or may not be asked for."""
        end = time.monotonic() + NOTICED
        while True:
            try:
                answer = await self.api.dry_run_pod(namespace)
            except NotAllowed:
                return ""
            if answer.admitted and answer.injected:
                return ""
            if time.monotonic() > end:
                return "a test pod gets no sidecar" if answer.admitted else f"a test pod is refused: {answer.error}"
            await asyncio.sleep(EVERY / 2)

    async def _restarted(self, wave: Wave) -> tuple[Healed, str, Mesh]:
        """Its pods are replaced, and each new one has a ready proxy of the revision that is in sync."""
        path = place_of(await self.api.discover(), wave.target).path
        missing = await rolled_out(self.api, path, self.wait, lambda says: self.tell(f"{wave.target}: {says}"))
        if missing:
            return "not-healed", f"the rollout does not end: {missing}", await self.look()
        self.tell(f"{wave.target}: waiting for its proxies to be in sync")
        end = time.monotonic() + CONNECTED
        while True:
            mesh = await self.look()
            ended, says = arrived(mesh, wave.target, self.enrolment.way.revision)
            is_final = ended == "verified" or bool(wrong(mesh, wave.target, self.enrolment.way.revision))
            if is_final or time.monotonic() > end:
                return ended, says, mesh
            await asyncio.sleep(EVERY)


def _held(workload: Object) -> str:
    """Why a workload's controller would not replace its pods."""
    spec = workload.get("spec") or {}
    if spec.get("paused"):
        return "its rollouts are paused"
    return "its update strategy is OnDelete" if (spec.get("updateStrategy") or {}).get("type") == "OnDelete" else ""


def wrong(mesh: Mesh, workload: Subject, revision: str) -> str:
    """What no waiting mends after a rollout: a pod without a sidecar, or with one of another revision."""
    for pod in _pods(mesh, workload):
        if pod.proxy is None:
            return f"{pod.name} came up without a sidecar"
        if revision_of(pod) != revision:
            return f"{pod.name} was injected by revision {revision_of(pod)}"
    return ""


def _pods(mesh: Mesh, workload: Subject) -> list[Pod]:
    return [p for p in mesh[Pod].within(workload.namespace) if is_live(p) and mesh.owner(p) == workload]


def arrived(mesh: Mesh, workload: Subject, revision: str) -> tuple[Healed, str]:
    """Whether all live pods of a workload have a ready proxy of a revision that is in sync."""
    if fault := wrong(mesh, workload, revision):
        return "not-healed", fault
    pods = _pods(mesh, workload)
    if not pods:
        return "unverified", "no pod of it runs: whether the next ones get a sidecar was not seen"
    waiting = next((p for p in pods if not p.is_ready), None)
    if waiting is not None:
        return "not-healed", f"{waiting.name} is not ready"
    rows = {(r.namespace, r.name): r for r in proxy_rows(mesh)}
    states = {p.name: rows[p.namespace, p.name].state for p in pods}
    blind = next((n for n, s in states.items() if s == "UNKNOWN"), None)
    late = next((n for n, s in states.items() if s not in ("SYNCED", "UNKNOWN")), None)
    if late is not None:
        return "not-healed", f"the proxy of {late} is {states[late]}"
    if blind is not None:
        return "unverified", f"whether the proxy of {blind} is in sync could not be asked of every istiod"
    return "verified", f"{len(pods)} {'pod' if len(pods) == 1 else 'pods'}, each with a ready proxy in sync"


def _open_plan(journal: Journal, about: Subject, server: str) -> str:
    """The name of an enrolment that was begun there and not taken back: what is written now is part of it."""
    for entry in reversed(journal.entries()):
        holds = entry.holds
        is_ours = holds.fix == "enrol" and holds.subject == about and holds.server == server and not holds.undoes
        if is_ours and holds.plan and entry.is_applied and not entry.undone_by:
            return holds.plan
    return ""
