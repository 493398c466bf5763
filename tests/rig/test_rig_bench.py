"""Every fault of ours and of the rig, one after another: half an hour, by hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rig.conftest import RIG

pytestmark = [pytest.mark.rig, pytest.mark.long]


@pytest.mark.parametrize("folder", [RIG / "faults", Path(__file__).parent / "faults"], ids=["rig", "ours"])
def test_every_fault_is_ranked_first(kubeconfig: str, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "bench.json"
    tool = f"{sys.executable} -m meshdoctor diagnose -o json"
    command = [str(RIG / "bench"), "--faults", str(folder), "--tool", tool, "--out", str(out)]
    subprocess.run(command, env=os.environ | {"KUBECONFIG": kubeconfig}, check=True, timeout=3600)
    found = json.loads(out.read_text())
    assert found["healthy"] == []
    assert [row["fault"] for row in found["faults"] if row["rank"] != 1] == []
