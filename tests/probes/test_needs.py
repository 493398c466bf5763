"""Every rule says what it reads, and every problem of the scope has a rule."""

from __future__ import annotations

import json

import pytest

from meshdoctor.bundle.replay import ReplayServer
from meshdoctor.bundle.scenarios import open_scenario, scenarios
from meshdoctor.collect.live import Options, collect
from meshdoctor.kube.client import ApiClient
from meshdoctor.kube.credentials import Credentials
from meshdoctor.model import kinds
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.mesh import Mesh, NotYet
from probes.registry import Probe, all_probes
from probes.runner import AWAITED, run
from tests.conftest import build

SCOPE = """
CP-001 CP-002 CP-003 CP-008 WH-001 WH-002 INJ-001 INJ-002 INJ-003 INJ-004 INJ-005 INJ-006 INJ-008 INJ-010 INJ-011 INJ-012 INJ-016
INJ-017 INJ-018 XDS-001 XDS-002 XDS-003 XDS-006 PRX-001 PRX-002 PRX-004 PRX-007 CRT-001 CRT-002 CRT-004 CRT-005 CRT-006 CRT-007
MTL-001 MTL-002 MTL-003 MTL-004 MTL-005 AZ-001 AZ-002 AZ-004 AZ-005 AZ-007 JWT-001 GW-001 GW-002 GW-003 GW-004 GW-010 GW-012
GW-015 RT-001 RT-002 RT-003 RT-004 RT-005 RT-010 RT-014 RT-015 RT-017 RT-019 RT-022 EG-007 EF-001 DNS-001 OB-001 OB-005 PS-003
GA-001 GA-002 GA-003 GA-004 OP-001
"""


def test_every_problem_of_the_scope_has_a_rule() -> None:
    assert set(SCOPE.split()) <= {p.problem for p in all_probes()}


def test_who_sees_nothing_passes_nothing() -> None:
    _, checks = run(build(unseen=kinds.ALL))
    assert not {c.code for c in checks if c.status in ("PASS", "ERROR")}


@pytest.mark.parametrize("scenario", scenarios())
async def test_rules_read_what_they_say(scenario: str) -> None:
    async with ReplayServer(open_scenario(scenario)) as server:
        credentials = Credentials(context="demo", cluster="demo", server=server.url, user="demo", namespace="default")
        async with ApiClient(credentials) as api:
            mesh = await collect(api, Options())
    assert [p.code for p in all_probes() if AWAITED.isdisjoint(p.needs) and _reads_too_early(mesh, p)] == []
    told = {p.code: missing for p in all_probes() if (missing := _unsaid(mesh, p.code))}
    assert json.dumps(told) == "{}"


def _reads_too_early(mesh: Mesh, one: Probe) -> bool:
    """Whether a rule reads what proxies or Prometheus say, without saying so."""
    try:
        run(mesh.awaiting(), [one])
    except NotYet:
        return True
    return False


def _unsaid(mesh: Mesh, code: str) -> list[str]:
    """The kinds that a rule read without saying so."""
    chosen = next(p for p in all_probes() if p.code == code)
    mesh.memo.clear()
    mesh.__dict__.pop("slices", None)
    mesh.__dict__.pop("pods_by_ip", None)
    mesh.reads = set()
    run(mesh, [chosen])
    said = {n for n in chosen.needs if issubclass(n, KubernetesObject)}
    return sorted(k.KIND for k in mesh.reads - said)
