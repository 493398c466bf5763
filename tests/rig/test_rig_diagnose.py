"""A real mesh: sound, broken, and seen with few rights."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from meshdoctor.cli import main
from tests.rig.conftest import HOME, RIG, diagnose, fault, ills, kubectl, until, until_sound

pytestmark = pytest.mark.rig
OWN = Path(__file__).parent / "faults"


def test_a_sound_mesh_has_no_cause(kubeconfig: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = until_sound(kubeconfig, capsys)
    assert ills(found) == []
    assert found["coverage"]["unknown"] == 0
    assert found["cluster"]["root_namespace"] == "istio-d"


@pytest.mark.parametrize(
    ("folder", "name", "settle", "problem"),
    [
        (RIG / "faults", "MTL-002-tls-switched-off-to-strict", 8, "MTL-002"),
        (RIG / "faults", "AZ-001-caller-not-allowed", 12, "AZ-001"),
        (RIG / "faults", "XDS-001-rejected-envoyfilter", 12, "XDS-001"),
        (OWN, "WH-001-stale-validator", 4, "WH-001"),
        (OWN, "INJ-010-fails-open", 4, "INJ-010"),
    ],
)
def test_a_fault_is_the_first_cause(
    kubeconfig: str, capsys: pytest.CaptureFixture[str], folder: Path, name: str, settle: float, problem: str
) -> None:
    path = folder / f"{name}.sh"
    if not path.exists():
        pytest.skip(f"{path.name} is not here")

    def first() -> list[str]:
        return [c["problem"] for c in diagnose(kubeconfig, capsys)[1]["causes"]][:1]

    try:
        fault(path, "inject", kubeconfig)
        time.sleep(settle)
        named = until(first, lambda named: named == [problem], seconds=60)
    finally:
        fault(path, "heal", kubeconfig)
    assert named == [problem]
    assert ills(until_sound(kubeconfig, capsys)) == [], "healed, and the rig is ill"


ACCOUNT = """
apiVersion: v1
kind: ServiceAccount
metadata: {name: onlooker, namespace: default}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: %s
metadata: {name: meshdoctor-onlooker%s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{kind: ServiceAccount, name: onlooker, namespace: default}]
"""


@pytest.fixture(params=["everywhere", "shop"])
def onlooker(request: pytest.FixtureRequest, kubeconfig: str, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A kubeconfig of an account with `view`, in all namespaces or in one."""
    where: str = request.param
    everywhere = where == "everywhere"
    manifests = ACCOUNT % ("ClusterRoleBinding" if everywhere else "RoleBinding", "" if everywhere else f", namespace: {where}")
    try:
        kubectl(kubeconfig, "apply", "-f", "-", stdin=manifests)
        token = kubectl(kubeconfig, "create", "token", "onlooker", "-n", "default").strip()
        config = yaml.safe_load((HOME / "admin.kubeconfig").read_text())
        config["users"] = [{"name": "admin", "user": {"token": token}}]
        path = tmp_path / "kubeconfig"
        path.write_text(yaml.safe_dump(config))
        assert until(lambda: _may_list(str(path), "shop"), bool, every=0.2), "the binding has no effect"
        yield where, str(path)
    finally:
        kubectl(kubeconfig, "delete", "--ignore-not-found", "-f", "-", stdin=manifests)


def _may_list(kubeconfig: str, namespace: str) -> bool:
    command = [str(HOME / "bin/kubectl"), "--kubeconfig", kubeconfig, "auth", "can-i", "list", "pods", "-n", namespace]
    return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0


@pytest.mark.usefixtures("sound")
def test_few_rights_make_unknown_never_pass_or_fail(onlooker: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    where, kubeconfig = onlooker
    more = [] if where == "everywhere" else ["-n", where]
    code, found = diagnose(kubeconfig, capsys, *more)
    blind = [f for f in found["findings"] if f["status"] == "UNKNOWN"]
    assert code == 3
    assert [f for f in found["findings"] if f["status"] in ("FAIL", "WARN", "ERROR") and f["severity"] != "info"] == []
    assert blind
    assert all(f["summary"] and f["evidence"] for f in blind)
    assert any("mutatingwebhookconfigurations" in f["summary"] for f in blind)
    assert any("kubectl" in e["command"] and "can-i list" in e["command"] for f in blind for e in f["evidence"])


def test_proxies_agree_with_istioctl(kubeconfig: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = [str(HOME / "bin/istioctl"), "--kubeconfig", kubeconfig, "-i", "istio-d", "proxy-status"]

    def both() -> tuple[set[str], set[str]]:
        """Two looks, between which a pod may come or go."""
        told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
        capsys.readouterr()
        main(["proxies", "-o", "json", "--kubeconfig", kubeconfig])
        ours = {f"{p['name']}.{p['namespace']}" for p in json.loads(capsys.readouterr().out)["proxies"]}
        return ours, {line.split()[0] for line in told.splitlines()[1:] if line.strip()}

    ours, theirs = until(both, lambda seen: seen[0] == seen[1], seconds=30)
    assert ours
    assert ours == theirs
