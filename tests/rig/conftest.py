"""The rig, where one runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml

from meshdoctor.cli import main

T = TypeVar("T")
LONG = 180.0  # seconds after which something will not come any more, on a slow machine under load as well
HOME = Path(os.environ.get("RIG_HOME", Path.home() / ".cache/meshdoctor-rig"))
RIG = Path(__file__).resolve().parents[3] / "shared/rig"


@pytest.fixture(scope="session")
def kubeconfig() -> Iterator[str]:
    """The rig's kubeconfig; skips where no rig answers. In the end the rig is given time to recover, for what comes after."""
    path = HOME / "admin.kubeconfig"
    kubectl = HOME / "bin/kubectl"
    if not path.exists() or not kubectl.exists():
        pytest.skip("no rig on this machine")
    answer = subprocess.run(
        [kubectl, "--kubeconfig", path, "get", "--raw", "/readyz"], capture_output=True, timeout=60, check=False
    )
    if answer.returncode:
        pytest.skip("the rig does not answer")
    yield str(path)
    look = [sys.executable, "-m", "meshdoctor", "diagnose", "-o", "json", "--kubeconfig", str(path)]
    until(lambda: subprocess.run(look, capture_output=True, check=False).returncode, lambda code: code == 0)


def kubectl(kubeconfig: str, *arguments: str, stdin: str | None = None) -> str:
    """The output of the rig's own kubectl."""
    command = [str(HOME / "bin/kubectl"), "--kubeconfig", kubeconfig, *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=True, timeout=2 * LONG).stdout


def fault(path: Path, function: str, kubeconfig: str) -> None:
    """Run `inject` or `heal` of a fault file. What could not be injected is no fault that anybody could find."""
    environment = os.environ | {
        "RIG": str(RIG),
        "RIG_HOME": str(HOME),
        "KUBECONFIG": kubeconfig,
        "PATH": f"{HOME}/bin:{os.environ['PATH']}",
    }
    injects = function == "inject"
    script = f"{'set -e; ' if injects else ''}. {path}; {function}"
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, timeout=2 * LONG, check=False)
    assert not (injects and done.returncode), f"{path.stem} could not be injected: {done.stderr}"


def until(look: Callable[[], T], is_right: Callable[[T], object], seconds: float = LONG, every: float = 2.0) -> T:
    """What a look shows once it is right; where it never is so, the last look, for the test to judge."""
    end = time.monotonic() + seconds
    while not is_right(shown := look()) and time.monotonic() < end:
        time.sleep(every)
    return shown


def diagnose(kubeconfig: str, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, dict[str, Any]]:
    """The exit code of `diagnose`, and what it told."""
    capsys.readouterr()
    code = main(["diagnose", "-o", "json", "--kubeconfig", kubeconfig, *more])
    return code, json.loads(capsys.readouterr().out)


def ills(found: dict[str, Any]) -> list[str]:
    """What a diagnosis of a sound mesh does not have: causes, findings that are worth a word, rules that could not see."""
    worth = [f for f in found["findings"] if f["severity"] != "info" or f["status"] in ("UNKNOWN", "ERROR")]
    told = [(one["code"], "/".join(one["subject"].values()), one["summary"]) for one in (*found["causes"], *worth)]
    return [" ".join(words) for words in told]


def until_sound(kubeconfig: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Wait until a fault that is healed is over, in the log of the last minute as well; the last diagnosis."""
    return until(lambda: diagnose(kubeconfig, capsys)[1], lambda found: not ills(found))


@pytest.fixture
def sound(kubeconfig: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A test begins on a sound mesh, whatever the one before it left."""
    assert ills(until_sound(kubeconfig, capsys)) == [], "the rig is ill before the test"


def applied_with_namespaces(kubeconfig: str, text: str) -> None:
    """Namespaces first: a Pod is refused until its namespace has its ServiceAccount `default`, which a controller makes."""
    things = [t for t in yaml.safe_load_all(text) if t]
    namespaces = [t for t in things if t["kind"] == "Namespace"]
    kubectl(kubeconfig, "apply", "-f", "-", stdin=yaml.safe_dump_all(namespaces))
    for name in (n["metadata"]["name"] for n in namespaces):
        accounts = partial(kubectl, kubeconfig, "-n", name, "get", "serviceaccounts", "-o", "name")
        until(accounts, lambda names: "/default" in names, every=0.2)
    kubectl(kubeconfig, "apply", "-f", "-", stdin=yaml.safe_dump_all(things))
