"""Which workloads would accept another mutual TLS mode, and on which ports."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from meshdoctor.istio.mtls import Decision, policies_for, server_mode
from meshdoctor.istio.running import Running, workloads
from meshdoctor.istio.selecting import carrying, is_in_mesh
from meshdoctor.istio.workloads import services_selecting
from meshdoctor.model.changes import Effect, MtlsChange
from meshdoctor.model.mesh import Mesh

MEANS = {
    "STRICT": "plain text is refused",
    "PERMISSIVE": "plain text is taken too",
    "DISABLE": "mutual TLS is no longer taken",
}


class _Step(msgspec.Struct, frozen=True):
    """One port's decision before and after."""

    before: Decision
    after: Decision

    @property
    def modes(self) -> tuple[str, str]:
        return self.before.mode, self.after.mode

    @property
    def differs(self) -> bool:
        return self.before.mode != self.after.mode


def mtls_changes(before: Mesh, after: Mesh) -> Iterator[MtlsChange]:
    """Each workload of both snapshots whose mode differs: once for all its ports, and for those that differ from that."""
    former = {w.subject: w for w in workloads(before)}
    for workload in workloads(after):
        old = former.get(workload.subject)
        if old is None:
            continue
        every = _Step(server_mode(before, old), server_mode(after, workload))
        ports = {p: _Step(server_mode(before, old, p), server_mode(after, workload, p)) for p in _ports(before, after, workload)}
        odd = {p: s for p, s in sorted(ports.items()) if s.modes != every.modes}
        kept = tuple(p for p, s in odd.items() if not s.differs) if every.differs else ()
        told = [(p, s) for p, s in ((None, every), *odd.items()) if s.differs]
        if told and _in_mesh(after, workload):
            yield from (_change(workload, port, step, kept) for port, step in told)


def _ports(before: Mesh, after: Mesh, workload: Running) -> set[int]:
    """The workload ports that can differ: those that a policy names, of those that a Service leads to as well."""
    named = {
        p
        for mesh in (before, after)
        for each in policies_for(mesh, workload.namespace, workload.labels)
        for p in each.spec.port_level_mtls
    }
    services = services_selecting(after, workload.namespace, workload.labels) if named else ()
    targets = {p.target for s in services for p in s.spec.ports}
    return {int(p) for p in named if p.isdecimal()} | {t for t in targets if isinstance(t, int)}


def _change(workload: Running, port: int | None, step: _Step, kept: tuple[int, ...]) -> MtlsChange:
    policy = step.after.policy
    who = str(policy.subject) if policy else "Istio's default"
    effect: Effect = "changes" if step.after.mode == "PERMISSIVE" else "loses"
    but = f" but for port {', '.join(map(str, kept))}" if kept else ""
    return MtlsChange(
        effect=effect,
        about=f"{workload.subject}{f' port {port}' if port else but}",
        says=f"{step.before.mode} -> {step.after.mode}: {MEANS[step.after.mode]} ({who})",
        by=(policy.subject,) if policy else (),
        workload=workload.subject,
        port=port,
        before=step.before.mode,
        after=step.after.mode,
    )


def _in_mesh(mesh: Mesh, workload: Running) -> bool:
    """Whether its pods have a proxy, would get one, or are in ambient mode: policies do nothing to others."""
    carriers = carrying(mesh, workload.namespace, workload.labels)
    names = {p.subject for p in workload.pods} | {workload.subject}
    return any(is_in_mesh(mesh, c) for c in carriers if c.thing.subject in names)
