"""The command line against a served recording: every exit code, and JSON whose every key has its type."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from meshdoctor.bundle.scenarios import open_scenario, scenarios
from meshdoctor.cli import main
from meshdoctor.commands.arguments import parser
from meshdoctor.commands.safely import safely
from meshdoctor.model.findings import Cluster, Diagnosis, Finding, Status
from meshdoctor.model.subject import Subject
from meshdoctor.reports.exit_codes import exit_code
from tests.conftest import BOTH_LABELS
from tests.served import serving

ROOT = Path(__file__).parents[1]
SUBJECT = {"group": str, "kind": str, "namespace": str, "name": str}
EVIDENCE = {"says": str, "source": str, "quote": str, "command": str}
CAUSE = {"problem": str, "code": str, "title": str, "confidence": (float, int), "severity": str, "subject": dict, "impact": dict}
FINDING = {"id": str, "code": str, "codes": list, "status": str, "severity": str, "subject": dict, "path": str, "summary": str}
COVERAGE = ("rules", "pass", "fail", "warn", "unknown", "skipped", "error")
NULL = type(None)


@pytest.fixture(autouse=True)
def _own_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    try:
        code = main(arguments)
    except SystemExit as left:
        code = int(left.code or 0)
    said = capsys.readouterr()
    assert "Traceback" not in said.out + said.err
    return code, said.out, said.err


def has(value: dict[str, Any], types: dict[str, Any]) -> None:
    for key, expected in types.items():
        assert isinstance(value[key], expected), (key, value[key])


# --- JSON


@pytest.mark.parametrize("scenario", scenarios())
def test_json_fits_the_schema_that_info_prints(capsys: pytest.CaptureFixture[str], tmp_path: Path, scenario: str) -> None:
    _, printed, _ = run(capsys, "info", "--schema")
    with serving(tmp_path, scenario) as live:
        code, out, err = run(capsys, "diagnose", "-o", "json", "--kubeconfig", live.kubeconfig)
    found = json.loads(out)
    schema = json.loads(printed)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(found, schema)
    assert err == ""
    assert code == (2 if any(f["status"] == "FAIL" for f in found["findings"]) else 0)
    assert_contract(found)


def assert_contract(found: dict[str, Any]) -> None:
    """Every key of the contract, with its type; unknown figures are null, never 0."""
    assert found["schema"] == "meshdoctor.diagnosis/v1"
    has(found, {"cluster": dict, "observed_at": str, "sources": list, "causes": list, "findings": list, "coverage": dict})
    has(found["seconds"], {"collect": float, "rules": float})
    assert all(isinstance(found["coverage"][key], int) for key in COVERAGE)
    assert found["coverage"]["rules"] == sum(found["coverage"][key] for key in COVERAGE[1:])
    for source in found["sources"]:
        has(source, {"name": str, "state": str, "age_s": (float, int, NULL), "reason": (str, NULL), "objects": (int, NULL)})
        assert source["state"] in ("live", "stale", "denied", "absent", "error", "skipped")
        assert source["state"] == "live" or not source["objects"]
    ids = {f["id"] for f in found["findings"]}
    assert len(ids) == len(found["findings"])
    for cause in found["causes"]:
        has(cause, CAUSE)
        has(cause["subject"], SUBJECT)
        has(cause["impact"], {"workloads": list, "requests_failed_per_s": (float, int, NULL)})
        assert cause["impact"]["requests_failed_per_s"] != 0
        assert cause["severity"] in ("critical", "high", "medium", "low")
        assert set(cause["explains"]) <= ids
        for fix in cause["fixes"]:
            has(fix, {"id": str, "title": str, "risk": str, "commands": list})
        assert cause["evidence"]
    for finding in found["findings"]:
        has(
            finding,
            FINDING | dict.fromkeys(("problem", "file", "why"), (str, NULL)) | {"line": (int, NULL), "column": (int, NULL)},
        )
        has(finding["subject"], SUBJECT)
        assert finding["status"] in ("FAIL", "WARN", "UNKNOWN", "ERROR")
    for evidence in (e for x in (*found["causes"], *found["findings"]) for e in x["evidence"]):
        has(evidence, EVIDENCE)
        assert not evidence["command"].startswith(("kubectl", "istioctl")) or "--context prod" in evidence["command"]


def test_check_has_the_same_findings(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with serving(tmp_path, "tls-switched-off") as live:
        one = json.loads(run(capsys, "diagnose", "-o", "json", "--kubeconfig", live.kubeconfig)[1])
        code, out, _ = run(capsys, "check", "--live", "-o", "json", "--kubeconfig", live.kubeconfig)
    other = json.loads(out)
    assert [f["id"] for f in other["findings"]] == [f["id"] for f in one["findings"]]
    assert (code, other["schema"], "causes" in other) == (2, "meshdoctor.findings/v1", False)


@pytest.mark.parametrize(
    ("command", "schema"),
    [
        (["diagnose"], "meshdoctor.diagnosis/v1"),
        (["check", "--live"], "meshdoctor.findings/v1"),
        (["proxies"], "meshdoctor.proxies/v1"),
    ],
)
def test_json_is_printed_when_nothing_answers(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, command: list[str], schema: str
) -> None:
    path = tmp_path / "nobody"
    path.write_text(
        "{current-context: c, contexts: [{name: c, context: {cluster: c}}], clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]}"
    )
    code, out, err = run(capsys, *command, "-o", "json", "--kubeconfig", str(path))
    assert (code, json.loads(out)["schema"], err.count("\n")) == (3, schema, 1)


def test_a_proxy_that_nobody_reaches_is_told_as_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with serving(tmp_path) as live:
        assert run(capsys, "proxy", "shop/cart", "-o", "json", "--kubeconfig", live.kubeconfig)[0] == 0
        live.server.deny("pods/portforward", "pods/exec")
        code, out, err = run(capsys, "proxy", "shop/cart", "clusters", "-o", "json", "--kubeconfig", live.kubeconfig)
    assert (code, err.count("\n"), "pods/portforward" in err) == (3, 1, True)
    assert json.loads(out) == []


# --- exit codes


def test_0_and_2(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with serving(tmp_path) as live:
        code, out, err = run(capsys, "diagnose", "--kubeconfig", live.kubeconfig)
    assert (code, err) == (0, "")
    assert out.startswith("● No fault found")
    with serving(tmp_path, "caller-refused") as live:
        assert run(capsys, "diagnose", "--kubeconfig", live.kubeconfig)[0] == 2


@pytest.mark.parametrize(("strict", "status", "expected"), [
    (False, Status.WARN, 0),
    (True, Status.WARN, 1),
    (True, Status.UNKNOWN, 3),
    (True, Status.FAIL, 2),
])  # fmt: skip
def test_1_is_for_warnings_when_strict(strict: bool, status: Status, expected: int) -> None:
    pod = Subject(kind="Pod", namespace="shop", name="x")
    warning = Finding(id="a", code="MD5001", status=Status.WARN, severity="low", subject=pod)
    other = Finding(id="b", code="MD5002", status=status, severity="low", subject=pod)
    found = Diagnosis(cluster=Cluster(), observed_at=datetime.now(UTC), findings=(warning, other))
    assert exit_code(found, strict=strict) == expected


def test_3_where_something_could_not_be_read(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with serving(tmp_path) as live:
        live.server.deny("sidecars.networking.istio.io")
        code, out, _ = run(capsys, "diagnose", "--kubeconfig", live.kubeconfig)
    assert (code, "list sidecars.networking.istio.io is forbidden in all namespaces" in " ".join(out.split())) == (3, True)
    assert "kubectl auth can-i list sidecars.networking.istio.io" in out


@pytest.mark.parametrize(
    "arguments",
    [
        ["--nope"],
        ["nonsense"],
        ["diagnose", "-o", "yaml"],
        ["diagnose", "--timeout", "soon"],
        ["diagnose", "--timeout", "0", "--demo", "healthy"],
        ["diagnose", "--timeout", "-1", "--demo", "healthy"],
        ["diagnose", "--timeout", "nan", "--demo", "healthy"],
        ["completion", "tcsh"],
        ["explain"],
        ["explain", "nonsense"],
        ["check", "/nowhere/at/all"],
        ["check", "--live", "x.yaml"],
        ["diagnose"],  # no kubeconfig anywhere
        ["proxy", "--demo", "healthy", "no-such-pod"],
        [],  # not a terminal
    ],
)
def test_64_is_one_line_and_no_json(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    code, out, err = run(capsys, *arguments)
    assert (code, out, err.count("\n")) == (64, "", 1), err
    assert err.startswith("meshdoctor: ")


def test_a_crash_is_a_report_not_a_traceback(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    def crashes(_: object) -> int:
        raise RuntimeError("password=hunter22 broke")

    code = safely(crashes, parser().parse_args(["diagnose", "-o", "json"]))
    said = capsys.readouterr()
    reports = list((tmp_path / "state").rglob("crash-*.txt"))
    assert (code, len(reports), "hunter22" in said.err + said.out) == (70, 1, False)
    assert "RuntimeError" in reports[0].read_text()
    assert "hunter22" not in reports[0].read_text()
    assert json.loads(said.out)["coverage"]["pass"] == 0


# --- explain, completion, version, help


@pytest.mark.parametrize(
    ("code", "problems"),
    [
        ("MTL-002", ["MTL-002"]),
        ("md0702", ["MTL-002"]),
        ("IST0101", ["RT-001"]),
        ("KIA0207", ["MTL-002"]),
        ("KIA1402", ["GA-003", "GA-004"]),
    ],
)
def test_explain(capsys: pytest.CaptureFixture[str], code: str, problems: list[str]) -> None:
    ended, out, _ = run(capsys, "explain", code)
    assert ended == 0
    assert all(p in out for p in problems)
    assert all(part in out for part in ("Means", "Detected", "Do", "Verify"))


def test_explain_of_a_rule_without_a_problem(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "explain", "IST0145")
    assert all(part in out for part in ("MD5206", "Means", "Detected", "Do"))


def test_explain_knows_what_is_near(capsys: pytest.CaptureFixture[str]) -> None:
    assert "MTL-00" in run(capsys, "explain", "MTL-0O2")[2]


# --- check of manifests


def test_check_of_a_file_a_folder_and_standard_input(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = tmp_path / "manifests" / "deeper"
    folder.mkdir(parents=True)
    (folder / "mesh.yaml").write_text(BOTH_LABELS)
    (folder / "notes.txt").write_text("not: [a manifest")
    for where in (folder / "mesh.yaml", tmp_path / "manifests"):
        code, out, _ = run(capsys, "check", str(where))
        assert (code, "INJ-004" in out) == (2, True)
    command = [sys.executable, "-m", "meshdoctor", "check", "-", "-o", "json"]
    done = subprocess.run(command, input=BOTH_LABELS, capture_output=True, text=True, cwd=ROOT, check=False)
    failed = [f["problem"] for f in json.loads(done.stdout)["findings"] if f["status"] == "FAIL"]
    assert (done.returncode, failed) == (2, ["INJ-004"])


def test_check_of_files_asks_no_cluster(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n")
    with serving(tmp_path) as live:
        run(capsys, "check", str(tmp_path / "a.yaml"), "--kubeconfig", live.kubeconfig)
        assert live.paths == []


def test_a_file_that_cannot_be_read_is_a_finding_and_the_others_are_checked(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "broken.yaml").write_text("a: [")
    (tmp_path / "mesh.yaml").write_text(BOTH_LABELS)
    code, out, _ = run(capsys, "check", str(tmp_path))
    assert (code, "binary.yaml" in out, "broken.yaml:" in out, "INJ-004" in out) == (2, True, True, True)


# --- flags


def test_a_namespace_limits_what_is_reported_not_what_is_read(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with serving(tmp_path, "caller-refused") as live:
        everywhere = json.loads(run(capsys, "diagnose", "-o", "json", "--kubeconfig", live.kubeconfig)[1])
        asked = len(live.paths)
        there = json.loads(run(capsys, "diagnose", "-o", "json", "-n", "bank", "--kubeconfig", live.kubeconfig)[1])
        assert len(live.paths) == 2 * asked
        code, out, _ = run(capsys, "diagnose", "-o", "json", "-n", "legacy", "--kubeconfig", live.kubeconfig)
    elsewhere = json.loads(out)
    assert [c["problem"] for c in there["causes"]] == [c["problem"] for c in everywhere["causes"]] == ["AZ-001"]
    assert (code, elsewhere["causes"]) == (0, [])
    assert {f["subject"]["namespace"] for f in there["findings"]} <= {"bank", ""}


def test_a_namespace_that_is_not_there_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with serving(tmp_path) as live:
        _, _, err = run(capsys, "diagnose", "-n", "shpo", "--kubeconfig", live.kubeconfig)
        assert (err.count("\n"), "shpo" in err, "shop" in err) == (1, True, True)
        assert run(capsys, "diagnose", "-n", "shop", "--kubeconfig", live.kubeconfig)[2] == ""


def test_verbose_shows_each_request_and_no_token(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    token = "sha256~a-token-that-nobody-may-see"
    with serving(tmp_path, token=token) as live:
        _, out, err = run(capsys, "diagnose", "-v", "-o", "json", "--kubeconfig", live.kubeconfig)
        asked = len([p for p in live.paths if "/portforward" not in p])
    lines = [line for line in err.splitlines() if line.startswith("GET ")]
    assert len(lines) >= asked
    assert any(line.startswith("GET /api/v1/pods?resourceVersion=0 200 ") for line in lines), lines[:5]
    assert any("/debug/syncz" in line for line in lines)
    assert token not in out + err
    log = "".join(p.read_text() for p in (tmp_path / "state").rglob("*.log"))
    assert token not in log


def test_permissions_say_what_a_missing_right_hides(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with serving(tmp_path) as live:
        assert run(capsys, "permissions", "--kubeconfig", live.kubeconfig)[0] == 0
        live.server.deny("gateways.networking.istio.io")
        code, out, _ = run(capsys, "permissions", "--kubeconfig", live.kubeconfig)
    line = next(line for line in out.splitlines() if "gateways.networking.istio.io" in line)
    assert (code, " no " in line, "checks unknown" in line) == (3, True, True)
    code, out, err = run(capsys, "permissions", "--kubeconfig", live.kubeconfig)  # the server is gone
    assert (code, out, err.count("\n")) == (3, "", 1)


def test_proxies_and_one_proxy(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with serving(tmp_path) as live:
        code, out, _ = run(capsys, "proxies", "--kubeconfig", live.kubeconfig)
        assert (code, out.splitlines()[0].split()[:3]) == (0, ["NAMESPACE", "POD", "ISTIOD"])
        _, out, _ = run(capsys, "proxies", "-n", "bank", "-o", "json", "--kubeconfig", live.kubeconfig)
        assert {p["namespace"] for p in json.loads(out)["proxies"]} == {"bank"}
        for part in ("clusters", "listeners", "routes", "endpoints", "certs", "sync"):
            code, out, _ = run(capsys, "proxy", "shop/cart", part, "-o", "json", "--kubeconfig", live.kubeconfig)
            assert (code, len(json.loads(out)) > 0) == (0, True), part
        live.server.deny("pods/portforward", "pods/exec", "pods/proxy")
        code, out, err = run(capsys, "proxies", "--kubeconfig", live.kubeconfig)
        assert (code, "pods/portforward" in err, err.count("\n")) == (3, True, 1)


def test_demo_without_a_terminal_prints_its_diagnosis(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "demo", "istiod-gone")
    assert (code, "CP-001" in out) == (2, True)
    code, out, _ = run(capsys, "demo", "--list")
    assert (code, all(name in out for name in scenarios())) == (0, True)


def test_ten_healthy_looks_agree(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with serving(tmp_path, open_scenario("healthy")) as live:
        for _ in range(10):
            code, out, _ = run(capsys, "diagnose", "-o", "json", "--kubeconfig", live.kubeconfig)
            found = json.loads(out)
            assert (code, found["causes"], found["coverage"]["error"]) == (0, [], 0)
