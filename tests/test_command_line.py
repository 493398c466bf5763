"""The command line as scripts meet it: exit codes, one clear line, JSON that fits its schema, and what is not imported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from meshdoctor.bundle.replay import ReplayServer
from meshdoctor.bundle.scenarios import open_scenario
from meshdoctor.cli import main
from meshdoctor.collect.live import Options, collect
from meshdoctor.diagnosis import judge
from meshdoctor.kube.client import ApiClient
from meshdoctor.kube.credentials import Credentials
from meshdoctor.model.findings import Diagnosis
from meshdoctor.reports import schema

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: prod
clusters: [{name: c, cluster: {server: "%s"}}]
users: [{name: u, user: {}}]
contexts: [{name: prod, context: {cluster: c, user: u}}]
"""


def kubeconfig(folder: Path, server: str = "http://127.0.0.1:1", text: str = KUBECONFIG) -> str:
    path = folder / "kubeconfig"
    path.write_text(text % server if "%s" in text else text)
    return str(path)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(arguments)
    said = capsys.readouterr()
    return code, said.out, said.err


def test_a_missing_kubeconfig(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, says = run(capsys, "diagnose", "--kubeconfig", "/nowhere/at/all")
    assert (code, says.count("\n"), "/nowhere/at/all" in says) == (64, 1, True)


def test_a_broken_kubeconfig(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, _, says = run(capsys, "diagnose", "--kubeconfig", kubeconfig(tmp_path, text="a: ["))
    assert (code, "not valid YAML" in says) == (64, True)


def test_an_unknown_context_names_near_ones(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, _, says = run(capsys, "diagnose", "--kubeconfig", kubeconfig(tmp_path), "--context", "prd")
    assert (code, "prod" in says) == (64, True)


def test_a_bad_flag_is_64() -> None:
    with pytest.raises(SystemExit) as left:
        main(["diagnose", "--nope"])
    assert left.value.code == 64


def test_an_unreachable_cluster_is_3_and_json_all_the_same(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, says = run(capsys, "diagnose", "-o", "json", "--kubeconfig", kubeconfig(tmp_path))
    found = json.loads(out)
    assert (code, "127.0.0.1:1" in says) == (3, True)
    assert found["coverage"]["pass"] == found["coverage"]["fail"] == 0
    assert found["coverage"]["unknown"] == found["coverage"]["rules"] > 0
    jsonschema.validate(found, schema.published())


@pytest.mark.parametrize("scenario", ["healthy", "tls-switched-off"])
def test_json_fits_the_published_schema(capsys: pytest.CaptureFixture[str], scenario: str) -> None:
    _, out, _ = run(capsys, "diagnose", "--demo", scenario, "-o", "json")
    jsonschema.validate(json.loads(out), schema.published())


def test_an_unknown_recording_and_an_unknown_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "diagnose", "--demo", "helthy")[0] == 64
    assert run(capsys, "explain", "MTL-999")[0] == 64
    assert run(capsys, "explain", "IST0101")[0] == 0


@pytest.mark.parametrize("command", [["diagnose", "--demo", "tls-switched-off"], ["check", "--demo", "tls-switched-off"]])
def test_a_fault_is_2_in_text(capsys: pytest.CaptureFixture[str], command: list[str]) -> None:
    code, out, _ = run(capsys, *command)
    assert (code, "MTL-002" in out, "\x1b" in out) == (2, True, False)


async def seen(server: ReplayServer) -> Diagnosis:
    credentials = Credentials(context="demo", cluster="demo", server=server.url, user="demo", namespace="default")
    async with ApiClient(credentials, timeout=2) as api:
        return judge(await collect(api, Options()))


async def test_a_denied_kind_is_unknown_with_verb_and_resource() -> None:
    async with ReplayServer(open_scenario("healthy")) as server:
        server.deny("mutatingwebhookconfigurations", "secrets")
        found = await seen(server)
    blind = [f for f in found.findings if f.status == "UNKNOWN"]
    assert blind
    own_namespace_unlabelled = "MD5273"  # true of the recorded mesh, denied or not
    assert {f.status for f in found.findings if f.code != own_namespace_unlabelled} == {"UNKNOWN"}
    assert any("list mutatingwebhookconfigurations" in f.summary for f in blind)


async def test_a_diagnosis_only_reads_and_asks_for_no_secret_body() -> None:
    async with ReplayServer(open_scenario("healthy")) as server:
        await seen(server)
        asked = list(server.requests)
    assert {r[0] for r in asked} <= {"GET", "HEAD"}
    assert asked


HEAVY = {"textual", "rich", "httpx", "kubernetes", "cryptography", "msgspec", "yaml"}


def imported(*arguments: str) -> set[str]:
    code = f"import sys\nfrom meshdoctor.cli import main\ntry:\n    main({list(arguments)!r})\nexcept SystemExit:\n    pass\nprint('|'.join(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stderr.strip().splitlines()[-1].split("|"))


def test_help_imports_nothing_heavy() -> None:
    assert imported("--help") & HEAVY == set()


def test_a_diagnosis_imports_neither_textual_nor_kubernetes() -> None:
    assert imported("diagnose", "--demo", "healthy", "-o", "json") & {"textual", "kubernetes"} == set()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full on this system")
@pytest.mark.parametrize("arguments", [("explain", "RT-001"), ("info",)])
def test_an_answer_that_finds_no_room_is_no_crash(arguments: tuple[str, ...]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "meshdoctor", *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (74, "meshdoctor: the answer could not be written: No space left on device.\n")
