"""A cluster that can be written to, and the command as an operator runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from meshdoctor.cli import main
from tests.fixes.cluster import Cluster, running


def environment(folder: Path) -> dict[str, str]:
    """Where the state is kept, and which cluster is meant."""
    return {"XDG_STATE_HOME": str(folder / "state"), "KUBECONFIG": str(folder / "kubeconfig"), "COLUMNS": "100"}


Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """The recording in which TLS is switched off towards a STRICT server, writable."""
    with running(tmp_path) as (made, _):
        yield made


@pytest.fixture
def start(tmp_path: Path, cluster: Cluster) -> Callable[..., subprocess.Popen[str]]:
    """Start `meshdoctor ...` as a process of its own; its state is kept in tmp_path/state."""

    def begin(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "meshdoctor", *arguments]
        return subprocess.Popen(
            command,
            env=os.environ | environment(tmp_path),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return begin


@pytest.fixture
def meshdoctor(tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run it to its end, in this process; its state is the same."""
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        capsys.readouterr()
        code = main(arguments)
        out, err = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, code, out, err)

    return run


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "state/meshdoctor/journal.jsonl"
