"""The rig, where one runs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

HOME = Path(os.environ.get("RIG_HOME", Path.home() / ".cache/meshdoctor-rig"))
RIG = Path(__file__).resolve().parents[3] / "shared/rig"


@pytest.fixture(scope="session")
def kubeconfig() -> str:
    """The rig's kubeconfig; skips where no rig answers."""
    path = HOME / "admin.kubeconfig"
    kubectl = HOME / "bin/kubectl"
    if not path.exists() or not kubectl.exists():
        pytest.skip("no rig on this machine")
    answer = subprocess.run(
        [kubectl, "--kubeconfig", path, "get", "--raw", "/readyz"], capture_output=True, timeout=10, check=False
    )
    if answer.returncode:
        pytest.skip("the rig does not answer")
    return str(path)


def kubectl(kubeconfig: str, *arguments: str, stdin: str | None = None) -> str:
    """The output of the rig's own kubectl."""
    command = [str(HOME / "bin/kubectl"), "--kubeconfig", kubeconfig, *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=True, timeout=120).stdout


def fault(path: Path, function: str, kubeconfig: str) -> None:
    """Run `inject` or `heal` of a fault file."""
    environment = os.environ | {
        "RIG": str(RIG),
        "RIG_HOME": str(HOME),
        "KUBECONFIG": kubeconfig,
        "PATH": f"{HOME}/bin:{os.environ['PATH']}",
    }
    subprocess.run(["bash", "-c", f". {path}; {function}"], env=environment, capture_output=True, timeout=180, check=False)
