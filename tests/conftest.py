"""Meshes for tests, built from inline YAML."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import settings

from meshdoctor.collect.files import mesh_of
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.findings import Finding
from meshdoctor.model.istiod import Istiod
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.prometheus import Prometheus
from tests import wire

# A hundred tests start the program as a process of its own: without bytecode each compiles it anew, for a second.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A shell starts what runs behind it with ctrl-c ignored, and children inherit that: those that are interrupted here would not hear it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

NOW = datetime(2026, 8, 1, 12, 0, tzinfo=UTC)
BOTH_LABELS = """
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled, istio.io/rev: canary}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: injector, labels: {app: sidecar-injector, istio.io/rev: default}}
"""  # INJ-004

settings.register_profile("untimed", deadline=None)  # a busy machine is no fault
settings.load_profile("untimed")


@pytest.fixture
def mesh() -> Callable[..., Mesh]:
    """`mesh(yaml, unseen=[Pod], istiods=[...], envoys=[...])`: every kind was read, but those in `unseen` were denied."""
    return build


@pytest.fixture(autouse=True)
def witness(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Iterator[None]:
    """Nothing that changes a cluster leaves in a test that gives no leave."""
    gives_leave = request.node.get_closest_marker("writes") is not None
    with wire.Witness() as seen:
        yield
    if seen.counts:
        record_property("wire", (dict(seen.counts), gives_leave))
    assert gives_leave or not seen.written, f"written without leave: {seen.written}"


def build(
    text: str = "",
    *,
    unseen: Iterable[type[KubernetesObject]] = (),
    istiods: Iterable[Istiod] = (),
    envoys: Iterable[Envoy] = (),
    prometheus: Prometheus | None = None,
    now: datetime = NOW,
) -> Mesh:
    return mesh_of(text, now=now, denied=unseen, istiods=istiods, envoys=envoys, prometheus=prometheus)


def judge(mesh: Mesh, problem: str) -> list[Finding]:
    """The findings of one rule, by its problem or code."""
    from probes.registry import all_probes
    from probes.runner import run

    chosen = [p for p in all_probes() if problem in (p.problem, p.code)]
    assert chosen, f"no rule {problem}"
    findings, _ = run(mesh, chosen)
    return list(findings)


def subjects(findings: Iterable[Finding], status: str | None = None) -> list[str]:
    """`Kind namespace/name` of each finding, in order."""
    return [str(f.subject) for f in findings if status in (None, f.status) and f.status not in ("UNKNOWN", "ERROR")]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for each set of other tools' cases, and the deliberate differences with their reasons."""
    told = _properties(terminalreporter, "vectors")
    if asked := _properties(terminalreporter, "wire", outcomes=("",)):  # told when a test is torn down
        terminalreporter.write_line(wire.summary([counts for counts, _ in asked], sum(leave for _, leave in asked)))
    for kind in sorted({v[0] for v in told}):
        those = [v for v in told if v[0] == kind]
        terminalreporter.write_line(f"{kind}: {sum(v[1] for v in those)} of {len(those)}")
    for kind, same, case, reason in sorted(told):
        if not same and reason:
            terminalreporter.write_line(f"  {kind} {case} differs: {reason}")


def _properties(
    terminalreporter: pytest.TerminalReporter, wanted: str, outcomes: Iterable[str] = ("passed", "failed")
) -> list[Any]:
    return [
        value
        for outcome in outcomes
        for report in terminalreporter.getreports(outcome)
        for name, value in report.user_properties
        if name == wanted
    ]
