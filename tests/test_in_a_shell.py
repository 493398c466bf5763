"""The command as a shell starts it: signals, pipes, completion, colour, terminals that know only ASCII."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from meshdoctor.cli import main
from tests.served import Served, serving, within

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _own_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)


def child(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "meshdoctor", *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=os.environ | environment, encoding="utf-8"
    )


def finished(*arguments: str, **environment: str) -> tuple[int, str, str]:
    process = child(*arguments, **environment)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_130_on_ctrl_c(tmp_path: Path) -> None:
    with serving(tmp_path) as live:
        live.server.delay("/apis", 30)
        process = child("diagnose", "-o", "json", "--kubeconfig", live.kubeconfig)
        wait_for(live, "/apis")
        with within(15):  # not the half minute that the answer takes
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in err) == (130, False)
    assert json.loads(out)["coverage"]["pass"] == 0


def wait_for(live: Served, part: str) -> None:
    end = time.monotonic() + 60
    while not any(part in p for p in live.paths) and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(0.1)


def test_the_completion_for_bash_parses_and_completes(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    script = tmp_path / "completion"
    assert main(["completion", "bash"]) == 0
    script.write_text(capsys.readouterr().out)
    bash = "/bin/bash"
    if not Path(bash).exists():
        pytest.skip("no bash")
    assert subprocess.run([bash, "-n", script], capture_output=True, check=False).stderr == b""

    def completes(*words: str) -> list[str]:
        line = " ".join(f"'{w}'" for w in words)
        ask = f'. {script}; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _meshdoctor; echo "${{COMPREPLY[@]}}"'
        return subprocess.run([bash, "-c", ask], capture_output=True, text=True, check=True).stdout.split()

    assert completes("meshdoctor", "dia") == ["diagnose"]
    assert "--strict" in completes("meshdoctor", "diagnose", "--")
    assert "--strict" not in completes("meshdoctor", "proxies", "--")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_completion_for_other_shells(capsys: pytest.CaptureFixture[str], tmp_path: Path, shell: str) -> None:
    import shutil

    code, out = main(["completion", shell]), capsys.readouterr().out
    assert (code, "diagnose" in out, "strict" in out) == (0, True, True)
    program = shutil.which(shell)
    if program is not None:
        script = tmp_path / "completion"
        script.write_text(out)
        assert subprocess.run([program, "-n", script], capture_output=True, check=False).stderr == b""


def test_version_and_help_as_a_program() -> None:
    code, out, err = finished("--version")
    assert (code, out.split()[0], out.count("."), err) == (0, "meshdoctor", 2, "")
    code, out, err = finished("--help")
    assert (code, err) == (0, "")
    for word in ("diagnose", "check", "explain", "proxies", "proxy", "permissions", "demo", "info", "completion", "exit codes"):
        assert word in out
    assert "--timeout" in finished("diagnose", "--help")[1]


@pytest.mark.parametrize(("flags", "environment", "coloured"), [
    ([], {}, True),
    (["--no-color"], {}, False),
    ([], {"NO_COLOR": "1"}, False),
])  # fmt: skip
def test_colour_is_for_terminals_that_want_it(flags: list[str], environment: dict[str, str], coloured: bool) -> None:
    import pty

    leader, follower = pty.openpty()
    env = {k: v for k, v in os.environ.items() if k != "NO_COLOR"} | {"TERM": "xterm-256color"} | environment
    command = [sys.executable, "-m", "meshdoctor", "diagnose", "--demo", "healthy", *flags]
    process = subprocess.Popen(command, stdout=follower, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, env=env, cwd=ROOT)
    os.close(follower)
    out = b""
    with os.fdopen(leader, "rb", buffering=0) as terminal:
        try:
            while data := terminal.read(65536):
                out += data
        except OSError:  # Linux says EIO when the other end is closed
            pass
    assert process.wait(20) == 0
    assert (b"\x1b[" in out, b"No fault found" in out) == (coloured, True)


@pytest.mark.parametrize("arguments", [["info"], ["diagnose", "--demo", "tls-switched-off"], ["info", "--schema"]])
def test_a_closed_pipe_is_no_error(arguments: list[str]) -> None:
    process = child(*arguments)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert (process.wait(30) in (0, 2), err) == (True, "")


def test_a_terminal_that_knows_only_ascii_gets_an_answer() -> None:
    process = subprocess.run(
        [sys.executable, "-m", "meshdoctor", "diagnose", "--demo", "healthy"],
        capture_output=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        check=False,
    )
    assert (process.returncode, b"No fault found" in process.stdout, process.stderr) == (0, True, b"")
