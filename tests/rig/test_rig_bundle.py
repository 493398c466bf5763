"""A bundle of the real mesh: within its limits, and with the same diagnosis as the mesh itself had at that moment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from meshdoctor.bundle.opening import open_bundle
from meshdoctor.bundle.tiers import T0, T1, Tier
from tests.rig.conftest import HOME, RIG, fault, until

pytestmark = pytest.mark.rig

OURS = Path(__file__).parent / "faults"
# One at least of each way to see: objects, istiod, proxies that answer, proxies that do not, logs, certificates.
FAULTS = (
    RIG / "faults/MTL-002-tls-switched-off-to-strict.sh", RIG / "faults/RT-001-route-to-missing-host.sh", RIG / "faults/CP-001-istiod-gone.sh",
    RIG / "faults/XDS-001-rejected-envoyfilter.sh", RIG / "faults/AZ-001-caller-not-allowed.sh", RIG / "faults/JWT-001-jwks-unreachable.sh",
    RIG / "faults/RT-017-wrong-target-port.sh", RIG / "faults/CRT-007-gateway-certificate-for-another-host.sh",
    RIG / "faults/INJ-005-unknown-revision.sh", RIG / "faults/EF-001-envoyfilter-hits-everything.sh", OURS / "XDS-002-frozen-proxy.sh",
    OURS / "PRX-007-left-draining.sh", OURS / "RT-015-all-ejected.sh", OURS / "INJ-008-foreign-ca-bundle.sh",
)  # fmt: skip

SHORT = FAULTS[:2]


def meshdoctor(kubeconfig: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "meshdoctor", *arguments]
    return subprocess.run(
        command, env=os.environ | {"KUBECONFIG": kubeconfig}, capture_output=True, text=True, check=False, timeout=300
    )


def bundled(kubeconfig: str, folder: Path, *more: str) -> Path:
    path = folder / "b.tar.gz"
    made = meshdoctor(kubeconfig, "bundle", "create", "--yes", "-o", str(path), *more)
    assert made.returncode == 0, made.stderr
    return path


def told(found: dict[str, Any]) -> list[tuple[str, str]]:
    return sorted((f["id"], f["status"]) for f in found["findings"])


def assert_same(kubeconfig: str, path: Path) -> list[str]:
    """The diagnosis inside the bundle, which was live, is that of the bundle. Gives the problems of its causes."""
    live = json.loads(open_bundle(path).extras["findings.json"])
    again = json.loads(meshdoctor(kubeconfig, "diagnose", "-o", "json", "--bundle", str(path)).stdout)
    assert told(again) == told(live)
    assert [(c["problem"], c["subject"]) for c in again["causes"]] == [(c["problem"], c["subject"]) for c in live["causes"]]
    return [c["problem"] for c in live["causes"]]


@pytest.mark.parametrize("tier", [T0, T1], ids=["T0", "T1"])
def test_limits_are_kept_and_nothing_is_lost(kubeconfig: str, tmp_path: Path, tier: Tier) -> None:
    path = bundled(kubeconfig, tmp_path, "--tier", tier.name)
    manifest = open_bundle(path).manifest
    assert manifest is not None
    print(f"\nbundle: {tier.name} of {tier.seconds:g} s took {manifest.seconds:.1f} s from the first request on")
    assert path.stat().st_size < tier.bytes
    assert_same(kubeconfig, path)


def test_a_bug_report_opens(kubeconfig: str, tmp_path: Path) -> None:
    command = [str(HOME / "bin/istioctl"), "--kubeconfig", kubeconfig, "-i", "istio-d", "bug-report"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, timeout=300)
    found = json.loads(meshdoctor(kubeconfig, "diagnose", "-o", "json", "--bundle", str(tmp_path / "bug-report.tar.gz")).stdout)
    states = {s["name"]: s["state"] for s in found["sources"]}
    assert states["pods"] == "live"
    assert states["secrets"] == "error"  # it holds none of them: unknown, not absent
    assert any(name.startswith("istiod ") and state == "live" for name, state in states.items())


@pytest.mark.parametrize("path", [pytest.param(p, id=p.stem, marks=() if p in SHORT else pytest.mark.long) for p in FAULTS])
def test_a_fault_is_in_its_bundle(kubeconfig: str, tmp_path: Path, path: Path) -> None:
    seconds = next((int(line.split()[-1]) for line in path.read_text().splitlines() if line.startswith("# settle:")), 10)
    try:
        fault(path, "inject", kubeconfig)
        time.sleep(seconds)
        causes = until(lambda: assert_same(kubeconfig, bundled(kubeconfig, tmp_path, "--tier", "T0")), bool, seconds=60)
        assert causes  # which cause it is, the bench judges
    finally:
        fault(path, "heal", kubeconfig)
