"""How long the mesh's root and istiod's signing certificate still last."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from meshdoctor.model.istiod import Istiod, Sample
from meshdoctor.model.mesh import Mesh
from probes.registry import all_probes
from probes.runner import run
from tests.conftest import NOW, build, judge, subjects
from tests.probes.test_running import ALL, SOUND
from tests.probes.test_written_certificates import pem

DAY = 86_400.0
SECRET = "\n---\napiVersion: v1\nkind: Secret\nmetadata: {{name: {}, namespace: istio-d}}\n"


def telling(**days: float) -> Istiod:
    """A replica whose metrics say how many days are left of the root and of the chain."""
    samples = tuple(Sample(f"citadel_server_{name}_expiry_seconds", {}, value * DAY) for name, value in days.items())
    return msgspec.structs.replace(ALL, parts=ALL.parts | {"metrics": samples})


def mesh(istiod: Istiod, extra: str = "") -> Mesh:
    return build(SOUND + SECRET.format("istio-ca-secret") + extra, istiods=[istiod])


LEFT = [
    (400.0, None, ""),
    (29.0, "high", "ends in 29.0 days"),
    (3.0, "critical", "ends in 3.0 days"),
    (-2.0, "critical", "ended 2.0 days ago"),
]


@pytest.mark.parametrize(("days", "severity", "says"), LEFT)
def test_the_root_ends(days: float, severity: str | None, says: str) -> None:
    found = judge(mesh(telling(root_cert=days)), "CRT-001")
    assert [(str(f.subject), f.severity) for f in found] == [("Secret istio-d/istio-ca-secret", severity)] * (severity is not None)
    assert all(f.summary == f"the mesh's root certificate {says}" for f in found)


def test_where_istiod_does_not_say_it_the_root_that_all_namespaces_get_does() -> None:
    body = pem(NOW, NOW + timedelta(days=9))
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    root = f"\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: istio-ca-root-cert, namespace: istio-d}}\ndata:\n  root-cert.pem: |\n{lines}"
    found = judge(mesh(telling(), root), "CRT-001")
    assert [(f.severity, f.summary) for f in found] == [("high", "the mesh's root certificate ends in 9.0 days")]
    assert found[0].evidence[0].source == "ConfigMap istio-d/istio-ca-root-cert"


@pytest.mark.parametrize(("days", "severity", "says"), LEFT)
def test_the_signing_certificate_of_a_plugged_in_authority_ends(days: float, severity: str | None, says: str) -> None:
    found = judge(mesh(telling(cert_chain=days), SECRET.format("cacerts")), "CRT-002")
    assert [(str(f.subject), f.severity) for f in found] == [("Secret istio-d/cacerts", severity)] * (severity is not None)
    assert all(f.summary == f"istiod's signing certificate {says}" for f in found)


def test_an_authority_that_signs_by_itself_has_no_chain() -> None:
    findings, checks = run(mesh(telling(root_cert=400)), [p for p in all_probes() if p.problem == "CRT-002"])
    assert [(c.status, c.reason) for c in checks] == [("SKIPPED", "signing chain: the CA is self-signed: there is no chain")]
    assert subjects(findings) == []
