"""A stranger's rule: one file, and everything else follows. The file is the one that CONTRIBUTING shows."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)
POD = """
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop}
spec:
  containers:
  - {name: app, image: app, ports: [{containerPort: 15001}]}
  - {name: istio-proxy, image: proxyv2}
status: {phase: Running}
"""


def meshdoctor(path: Path, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    code = "import sys; import probes; probes.__path__.append(sys.argv.pop(1)); from meshdoctor.cli import entry; entry()"
    command = [sys.executable, "-c", code, str(path), *arguments]
    env = os.environ | {"XDG_STATE_HOME": str(path / "state")}
    return subprocess.run(command, capture_output=True, text=True, input=text, cwd=ROOT, env=env, check=False)


def test_one_file_is_all_it_takes(tmp_path: Path) -> None:
    (tmp_path / "sidecar_ports.py").write_text(BLOCKS[0])
    found = json.loads(meshdoctor(tmp_path, "check", "-", "-o", "json", text=POD).stdout)
    mine = [f for f in found["findings"] if f["code"] == "MD5900"]
    assert [(f["status"], f["subject"]["name"]) for f in mine] == [("FAIL", "api")]
    assert "15001" in meshdoctor(tmp_path, "explain", "MD5900").stdout
    assert "MD5900" not in meshdoctor(tmp_path / "elsewhere", "check", "-", text=POD).stdout


def test_the_test_that_contributing_shows_passes(tmp_path: Path) -> None:
    (tmp_path / "sidecar_ports.py").write_text(BLOCKS[0])
    (tmp_path / "test_sidecar_ports.py").write_text(f"import probes\nprobes.__path__.append({str(tmp_path)!r})\n" + BLOCKS[1])
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        "0",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(ROOT),
        "-c",
        "pyproject.toml",
    ]
    done = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout


def test_a_rule_of_another_package_comes_in_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "acme.py").write_text(BLOCKS[0])
    (tmp_path / "acme-1.0.dist-info").mkdir()
    (tmp_path / "acme-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (tmp_path / "acme-1.0.dist-info" / "entry_points.txt").write_text("[meshdoctor.probes]\nacme = acme\n")
    env = os.environ | {"PYTHONPATH": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}
    command = [sys.executable, "-m", "meshdoctor", "check", "-", "-o", "json"]
    done = subprocess.run(command, capture_output=True, text=True, input=POD, cwd=ROOT, env=env, check=False)
    assert "MD5900" in {f["code"] for f in json.loads(done.stdout)["findings"]}
