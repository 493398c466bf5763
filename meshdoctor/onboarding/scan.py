"""One scan: every namespace with its state, its checks and its workloads."""

from __future__ import annotations

import time
from collections.abc import Collection

from meshdoctor.model.cluster import Namespace
from meshdoctor.model.findings import Diagnosis, Seconds, Status
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.onboarding import CheckResult, NamespaceResult, Scan, State
from meshdoctor.model.sources import Unseen
from meshdoctor.model.text import plain
from meshdoctor.onboarding.exemption import Exemption, exemption
from meshdoctor.onboarding.owners import owner
from meshdoctor.onboarding.runner import run_checks
from meshdoctor.onboarding.scope import Found, Scope
from meshdoctor.onboarding.state import next_step, state_of
from meshdoctor.onboarding.workloads import workload_result

APPLIES = (Status.PASS, Status.FAIL, Status.WARN, Status.UNKNOWN)


def scan(mesh: Mesh, diagnosis: Diagnosis, names: Collection[str] = ()) -> Scan:
    """The namespaces of these names, or all. Raises Unseen where namespaces were not read."""
    began = time.perf_counter()
    found = Found(diagnosis)
    chosen = [n for n in mesh[Namespace] if not names or n.name in names]
    results = tuple(scan_namespace(Scope(mesh, n, found)) for n in chosen)
    judged = diagnosis.seconds.rules + time.perf_counter() - began
    return Scan(
        cluster=mesh.cluster,
        observed_at=mesh.now,
        namespaces=results,
        sources=mesh.sources,
        seconds=Seconds(diagnosis.seconds.collect, round(judged, 3)),
        notes=mesh.notes,
    )


def scan_namespace(scope: Scope) -> NamespaceResult:
    """One namespace."""
    exempt = None
    try:
        exempt = exemption(scope.mesh, scope.namespace)
        checks = run_checks(scope, _why_not(scope, exempt), exempt=exempt is not None)
        state, reason = _state(scope, exempt, checks)
        workloads = tuple(workload_result(scope.mesh, u) for u in scope.units)
        owned = owner(scope)
    except Unseen as unseen:
        checks = run_checks(scope)
        state, reason = None, str(unseen)
        workloads, owned = (), None
    return NamespaceResult(
        name=scope.name,
        state=state,
        reason=plain(reason, 400),
        owner=owned[0] if owned else None,
        owned_by=owned[1] if owned else "",
        next="" if state is State.EXEMPT else next_step(scope, state, checks),
        passed=sum(c.status is Status.PASS for c in checks),
        applicable=sum(c.status in APPLIES for c in checks),
        checks=checks,
        workloads=workloads,
    )


def _why_not(scope: Scope, exempt: Exemption | None) -> str:
    """Why most checks do not apply; empty where they all do."""
    if exempt is not None and not scope.sidecars:
        return "the namespace is exempt"
    return "" if scope.is_enrolled or scope.sidecars else "the namespace is not enrolled"


def _state(scope: Scope, exempt: Exemption | None, checks: tuple[CheckResult, ...]) -> tuple[State | None, str]:
    if exempt is not None:
        until = f" until {exempt.until}" if exempt.until else ""
        return State.EXEMPT, f"{exempt.reason}{until}"
    state = state_of(scope, checks)
    blind = [c for c in checks if c.status is Status.UNKNOWN and c.weight == "blocking" and c.id in DECIDES]
    if state is State.ONBOARDED and blind:
        return None, f"check {blind[0].id} could not be judged: {blind[0].says}"
    return state, ""


DECIDES = {"1", "2", "3", "4", "12"}
"""Checks without which nobody can say that a namespace is onboarded."""
