"""A bundle is there whole, or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from meshdoctor.bundle import contents
from meshdoctor.bundle.inspection import inspect
from meshdoctor.bundle.manifest import ListHead
from meshdoctor.bundle.opening import open_bundle
from meshdoctor.bundle.unpack import Limits, Notes, members
from meshdoctor.bundle.writer import Piece, Writer
from meshdoctor.model.errors import UsageError
from tests.bundle.recorded import AT, recorder
from tests.bundle.test_bundle_hostile import bundle

DEMO = "healthy"


def create(
    *more: str, env: dict[str, str] | None = None, preexec_fn: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "meshdoctor", "bundle", "create", "--demo", DEMO, "--tier", "T0", "--yes", *more]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=env, preexec_fn=preexec_fn)


def test_what_was_answered_comes_back(tmp_path: Path) -> None:
    opened = open_bundle(bundle(tmp_path))
    assert opened.notes == ()
    kept = recorder().answers
    again = opened.recording.answers
    assert {k.partition("?")[0] for k in kept} == {k.partition("?")[0] for k in again}
    assert {a.status for a in again.values()} == {a.status for a in kept.values()}
    pods = json.loads(next(a.body for k, a in again.items() if k.startswith("api GET /api/v1/pods")))
    assert {p["metadata"]["name"] for p in pods["items"]} == {"cart-1", "pay-1", "istiod-1"}
    assert opened.recording.recorded_at == AT


def test_the_sums_are_those_of_the_files(tmp_path: Path) -> None:
    with bundle(tmp_path).open("rb") as file:
        files = dict(members(file, Limits(), notes=Notes()))
    lines = files.pop("SHA256SUMS").decode().splitlines()
    assert {line.partition("  ")[2]: line.partition("  ")[0] for line in lines} == {
        n: hashlib.sha256(b).hexdigest() for n, b in files.items()
    }


@pytest.mark.parametrize("kept", [True, False])
def test_whether_code_was_left_in_is_told(tmp_path: Path, kept: bool) -> None:
    assert inspect(open_bundle(bundle(tmp_path, keep_code=kept))).code_kept is kept


def test_troubleshoot_finds_its_files(tmp_path: Path) -> None:
    with bundle(tmp_path).open("rb") as file:
        files = dict(members(file, Limits()))
    assert json.loads(files["cluster-resources/pods/shop.json"])["kind"] == "PodList"
    assert isinstance(json.loads(files["cluster-resources/resources.json"]), list)
    assert json.loads(files["cluster-info/cluster_version.json"])["string"] == "v1.34.2"
    assert files["cluster-resources/pods/logs/shop/cart-1/istio-proxy.log"] == b"a line\n"


def test_the_budget_is_kept_and_what_it_kept_out_is_said(tmp_path: Path) -> None:
    with (tmp_path / "draft").open("w+b") as draft:
        writer = Writer(draft, 2000)
        partial, left = contents.fill(writer, recorder().answers, ["istio-system", "shop"], ())
        assert writer.size <= 2000
    assert partial or left


def test_two_files_never_have_one_name(tmp_path: Path) -> None:
    with (tmp_path / "draft").open("w+b") as draft:
        writer = Writer(draft, 100_000)
        for _ in range(2):
            writer.add(Piece(path="a/B.json", body=b"1", head=ListHead()))
        writer.add(Piece(path="a/b.json", body=b"1"))
    assert [f.path for f in writer.files] == ["a/B.json", "a/B-2.json", "a/b-3.json"]


def test_no_file_stands_where_a_folder_has_to_be(tmp_path: Path) -> None:
    path = tmp_path / "b.tar.gz"
    assert create("-o", str(path)).returncode == 0
    with tarfile.open(path) as archive:
        names = {name.rstrip("/") for name in archive.getnames()}
    assert not {str(folder) for name in names for folder in Path(name).parents} & names


def test_a_full_disk_leaves_nothing_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "b.tar.gz"
    # no bytecode either: Python would cut it off at the limit, and keep it for all that start after it
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    full = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (20_000, 20_000))
    done = create("-o", str(path), preexec_fn=full, env=environment)
    assert done.returncode == 3, done.stderr
    assert "was not written: File too large" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_told_before_anything_is_read(tmp_path: Path) -> None:
    began = time.monotonic()
    done = create("-o", str(tmp_path / "no" / "b.tar.gz"))
    assert done.returncode == 3
    assert "no folder" in done.stderr
    assert time.monotonic() - began < 20


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="only Linux has a folder that even root cannot write to")
def test_a_disk_that_is_read_only_is_told() -> None:
    done = create("-o", "/proc/self/b.tar.gz")
    assert done.returncode == 3
    assert "was not written" in done.stderr


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_ended_leaves_nothing(tmp_path: Path, sent: signal.Signals) -> None:
    command = [
        sys.executable,
        "-m",
        "meshdoctor",
        "bundle",
        "create",
        "--demo",
        DEMO,
        "-v",
        "--yes",
        "-o",
        str(tmp_path / "b.tar.gz"),
    ]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert running.stderr is not None
    running.stderr.readline()  # the first request was made
    time.sleep(0.5)
    running.send_signal(sent)
    running.communicate(timeout=30)
    assert running.returncode == (130 if sent == signal.SIGINT else -signal.SIGKILL)
    assert list(tmp_path.iterdir()) == []


def test_the_diagnosis_of_a_bundle_is_that_of_the_moment(tmp_path: Path) -> None:
    path = tmp_path / "b.tar.gz"
    assert create("-o", str(path)).returncode == 0
    assert path.stat().st_size < 2_000_000
    assert path.stat().st_mode & 0o777 == 0o600
    command = [sys.executable, "-m", "meshdoctor", "diagnose", "-o", "json"]
    ours, theirs = (
        json.loads(subprocess.run([*command, *given], capture_output=True, text=True, check=False, timeout=120).stdout)
        for given in (["--bundle", str(path)], ["--demo", DEMO])
    )
    assert [f["id"] for f in ours["findings"]] == [f["id"] for f in theirs["findings"]]
    assert ours["coverage"] == theirs["coverage"]


def test_a_bundle_of_one_namespace_knows_nothing_of_the_others(tmp_path: Path) -> None:
    path = tmp_path / "b.tar.gz"
    assert create("-o", str(path), "-n", "shop").returncode == 0
    pods = next(a for k, a in open_bundle(path).recording.answers.items() if k.startswith("api GET /api/v1/pods?resource"))
    assert set(pods.headers["Meshdoctor-Namespaces"].split(",")) == {"istio-d", "shop", "sm-gateways"}
    command = [sys.executable, "-m", "meshdoctor", "diagnose", "-o", "json", "--bundle", str(path)]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=False, timeout=120).stdout)
    assert (
        next(s for s in told["sources"] if s["name"] == "pods")["reason"]
        == "only 3 namespaces are in the bundle: istio-d, shop, sm-gateways"
    )
    assert told["coverage"]["unknown"] > 0


@pytest.mark.skipif(shutil.which("gpg") is None, reason="gpg is not installed")
def test_an_encrypted_bundle_is_the_bundle(tmp_path: Path) -> None:
    home = tmp_path / "keys"
    home.mkdir(mode=0o700)
    environment = os.environ | {"GNUPGHOME": str(home)}
    gpg = ["gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""]
    # ed25519: the default of older releases is RSA, of which a key takes seconds
    subprocess.run([*gpg, "--quick-gen-key", "ops@example.org", "future-default"], env=environment, check=True, capture_output=True)
    folder = tmp_path / "out"
    folder.mkdir()
    done = create("-o", str(folder / "b.tar.gz.gpg"), "--encrypt", "gpg:ops@example.org", env=environment)
    assert done.returncode == 0, done.stderr
    with pytest.raises(UsageError, match="gpg -d -o"):
        open_bundle(folder / "b.tar.gz.gpg")
    plain = subprocess.run([*gpg, "-d", str(folder / "b.tar.gz.gpg")], env=environment, check=True, capture_output=True).stdout
    (tmp_path / "b.tar.gz").write_bytes(plain)
    assert open_bundle(tmp_path / "b.tar.gz").manifest is not None
    failed = create("-o", str(folder / "c.tar.gz.gpg"), "--encrypt", "gpg:nobody@example.org", env=environment)
    assert failed.returncode == 3
    assert "gpg could not encrypt it" in failed.stderr
    assert [p.name for p in folder.iterdir()] == ["b.tar.gz.gpg"]
    subprocess.run(["gpgconf", "--kill", "gpg-agent"], env=environment, check=False)


def test_a_tool_that_is_missing_is_told_before_anything_is_read(tmp_path: Path) -> None:
    done = create("-o", str(tmp_path / "b"), "--encrypt", "age:age1xyz", env=os.environ | {"PATH": "/nowhere"})
    assert done.returncode == 64
    assert "needs age, which is not installed" in done.stderr


def test_what_has_no_room_is_left_out_before_it_costs_time() -> None:
    kept, partial = contents.trimmed(recorder().answers, ["shop"], (), 300)
    pods = json.loads(kept["api GET /api/v1/pods?resourceVersion=0"].body)
    assert {p["metadata"]["namespace"] for p in pods["items"]} == {"shop"}
    assert partial["/api/v1/pods"] == ("shop",)
    assert contents.trimmed(recorder().answers, ["shop"], (), 1_000_000) == (recorder().answers, {})


@pytest.mark.parametrize("when", ["filling", "checking", "sealing"])
def test_a_kill_in_the_middle_of_writing_leaves_nothing_and_keeps_what_was_there(tmp_path: Path, when: str) -> None:
    path = tmp_path / "b.tar.gz"
    path.write_bytes(b"the bundle of yesterday")
    code = f"""
import os, signal, sys
from pathlib import Path
from meshdoctor.bundle import writer
from tests.bundle.recorded import AT
from meshdoctor.bundle.manifest import Manifest

def die(*given):
    os.kill(os.getpid(), signal.SIGKILL)

def fill(into):
    for n in range(20):
        into.add(writer.Piece(path=f"f{{n}}", body=os.urandom(100_000)))
    if {when!r} == "filling":
        die()
    return Manifest(tool="x", tier="T0", recorded_at=AT)

writer.write(Path({str(path)!r}), 50_000_000, fill, die if {when!r} == "checking" else lambda archive: None, die)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["b.tar.gz"]
    assert path.read_bytes() == b"the bundle of yesterday"
