"""PERMISSIVE to STRICT in stages: what a stage would break, by observation and configuration, and the policy that it writes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import msgspec

from meshdoctor.enrolment.blockers import Blocker
from meshdoctor.fixes import paths
from meshdoctor.fixes.patch import Object
from meshdoctor.fixes.step import Step, changing, creating
from meshdoctor.istio.injection import IGNORED_NAMESPACES
from meshdoctor.istio.mtls import scope_of, server_mode
from meshdoctor.istio.mutual.cells import served
from meshdoctor.istio.mutual.forecast import Change, Forecast, forecast
from meshdoctor.istio.mutual.seen import Seen, told_by_prometheus
from meshdoctor.istio.mutual.wish import Wish, parse
from meshdoctor.istio.running import Running, workloads
from meshdoctor.kube.client import ApiClient
from meshdoctor.model.errors import UsageError
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.security import PeerAuthentication
from meshdoctor.model.sources import Unseen
from meshdoctor.model.subject import Subject
from meshdoctor.model.text import some
from meshdoctor.reports.mtls_forecast import manifest


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """One policy that is to say STRICT, and what it would do to the mesh as it is. `affected` are the workloads that it takes out
    of PERMISSIVE."""

    mesh: Mesh
    wish: Wish
    found: Forecast
    affected: tuple[Subject, ...]
    blockers: tuple[Blocker, ...]

    @property
    def title(self) -> str:
        verb = "create" if self.found.is_new else "change"
        return f"{verb} {self.found.policy.subject}: STRICT for {place(self.wish)}"


def place(wish: Wish) -> str:
    """What a wish is about, in words."""
    port = f" port {wish.port}" if wish.port else ""
    what = {"mesh": "the mesh", "namespace": f"namespace {wish.namespace}", "workload": f"{wish.namespace}/{wish.workload}{port}"}
    return what[wish.scope]


class Staging:
    """The way of a workload, a namespace or the mesh to STRICT, on one snapshot. Raises UsageError where there is no such thing."""

    def __init__(self, mesh: Mesh, where: str, *, staged: bool = False, window_s: float = 604_800) -> None:
        self.mesh, self.where, self.window_s = mesh, where, window_s
        self.wish = parse(f"{where}=STRICT")
        if staged and self.wish.scope != "namespace":
            raise UsageError("--staged goes through the workloads of one namespace.", do="E.g. meshdoctor strict bank --staged")
        self.staged = staged

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """What is left to do, in order: with `staged` each workload alone before its namespace."""
        wishes = [*self._of_workloads(), self.wish] if self.staged else [self.wish]
        return tuple(s for s in map(self.stage, wishes) if s.affected or not self._is_there(s))

    def _of_workloads(self) -> Iterator[Wish]:
        """Those that Services lead to: of the others nobody could see that plain text is refused."""
        serving = {owner for owner, _ in served(self.mesh)}
        for running in _inside(self.mesh, self.wish.namespace):
            if running.subject in serving and server_mode(self.mesh, running).mode != "STRICT":
                yield parse(f"{running.namespace}/{running.subject.name}=STRICT")

    def _is_there(self, stage: Stage) -> bool:
        """Whether the policy says so already."""
        live = self.mesh[PeerAuthentication].get(*stage.found.policy.subject.key)
        return live is not None and manifest(live) == manifest(stage.found.policy)

    def stage(self, wish: Wish) -> Stage:
        """One stage, judged on the snapshot."""
        found = forecast(self.mesh, wish)
        after = self.mesh.overlaid([found.policy])
        port = wish.port or None
        affected = tuple(
            w.subject
            for w in _inside(self.mesh, wish.namespace)
            if wish.workload in ("", w.subject.name)
            and server_mode(self.mesh, w, port).mode != server_mode(after, w, port).mode == "STRICT"
        )
        return Stage(mesh=self.mesh, wish=wish, found=found, affected=affected, blockers=tuple(self._blockers(found, affected)))

    def _blockers(self, found: Forecast, affected: tuple[Subject, ...]) -> Iterator[Blocker]:
        wish = found.wish
        yield from (_pair(c) for c in found.breaks if c.calls or not _is_not_told(c))
        for stranger in found.strangers:
            yield _stranger(stranger)
        for outsider in found.outsiders:
            says = f"{outsider.who} -> {_name(outsider.server)}:{outsider.port}: {outsider.why} ({outsider.by} {outsider.path})"
            yield Blocker(outsider.who, "Called from outside the mesh", says, f"Leave port {outsider.port} PERMISSIVE.")
        yield from self._of_history(frozenset(affected))
        unread = [s for s in found.unread if s in affected]
        if unread:
            says = f"no access log of {', '.join(map(_name, unread[:5]))} was read: who calls there in plain text is not known"
            yield Blocker("unread", "Callers are not known", says, "Switch access logs on, or ask with more rights.")
        if wish.scope == "mesh" and (left := self._not_strict()):
            says = f"not STRICT by themselves yet: {some(left, 8)}"
            yield Blocker("stages", "Namespaces come before the mesh", says, f"meshdoctor strict {left[0]}")
        if wish.scope == "mesh" and (names := _outside(found)):
            says = f"{some(names, 6)} would be refused everywhere, though not seen to call"
            yield Blocker("callers-outside", "Workloads are outside the mesh", says, "Enrol them first.")
        if wish.scope != "mesh" and not affected and not found.servers:
            running = [w for w in _inside(self.mesh, wish.namespace) if wish.workload in ("", w.subject.name)]
            if not running:
                says = f"no pod of {place(wish)} has a sidecar: plain text would go on until it is enrolled, and be refused then"
                yield Blocker("outside", "Not in the mesh", says, f"meshdoctor enrol {wish.namespace}")

    def _of_history(self, affected: frozenset[Subject]) -> Iterator[Blocker]:
        """Plain text that Prometheus counted in the window."""
        try:
            counted = told_by_prometheus(self.mesh, self.window_s)
        except Unseen:
            return  # the words on what was seen say so
        for one in counted:
            if one.plaintext and one.server in affected:
                yield _stranger(one)

    def _not_strict(self) -> list[str]:
        """The namespaces with sidecars that would change with the mesh: those without a policy of their own."""
        root = self.mesh.mesh_config.root_namespace
        open_ones = {w.namespace for w in _inside(self.mesh, "") if server_mode(self.mesh, w).mode != "STRICT"}
        own = {p.namespace for p in self.mesh[PeerAuthentication] if scope_of(p, root) == "namespace"}
        return sorted(n for n in open_ones if n != root and n not in own)


def _inside(mesh: Mesh, namespace: str) -> tuple[Running, ...]:
    return tuple(w for w in workloads(mesh) if w.has_sidecar and namespace in ("", w.namespace))


def _outside(found: Forecast) -> list[str]:
    """The workloads without a sidecar that could call; the cluster's own, which can never be in the mesh, are left out."""
    clients = {c.after.client for c in found.may_break}
    return sorted(_name(c) for c in clients if c.namespace not in IGNORED_NAMESPACES)


def _is_not_told(change: Change) -> bool:
    """Whether a Sidecar keeps the server from the client's proxy: not seen to call, it most likely never does."""
    by = change.after.sends.by
    return by is not None and by.kind == "Sidecar"


def _pair(change: Change) -> Blocker:
    cell = change.after
    window = max((s.window_s for s in change.seen), default=0.0)
    seen = f"{change.calls} calls in {window:.0f} s" if change.calls else "not seen to call"
    says = f"{_name(cell.client)} -> {_name(cell.server)}:{cell.port} would break ({seen})"
    do = "Enrol it first." if not cell.client_has_proxy else f"Change {cell.decides} first." if cell.decides else ""
    return Blocker(_name(cell.client), "A caller would break", says, do)


def _stranger(one: Seen) -> Blocker:
    who = _name(one.client) if one.client else one.address
    port = f":{one.port}" if one.port else ""
    says = f"{who} -> {_name(one.server)}{port}: {one.plaintext} calls in plain text in {one.window_s:.0f} s ({one.source})"
    return Blocker(who, "Plain text was seen", says, "Find out who that is, and enrol it or leave its port PERMISSIVE.")


def _name(subject: Subject) -> str:
    return f"{subject.namespace}/{subject.name}"


async def step_of(api: ApiClient, stage: Stage) -> Step | None:
    """The stage's write on the live object; None where it says so already."""
    policy, wish = stage.found.policy, stage.wish
    if stage.found.is_new:
        return await creating(api, policy.subject, stage.title, manifest(policy))

    def edit(thing: Object) -> None:
        at: paths.Steps = ("spec", "portLevelMtls", str(wish.port), "mode") if wish.port else ("spec", "mtls", "mode")
        paths.put(thing, at, wish.mode)

    return await changing(api, policy.subject, stage.title, edit)
