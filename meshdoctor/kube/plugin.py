"""Runs a kubeconfig's plugins in a child process that cannot reach our terminal or outlive its limit."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from datetime import datetime
from pathlib import Path

import msgspec

from meshdoctor.kube.kubeconfig import Chosen, Node, text
from meshdoctor.model.errors import CredentialsError

PLUGIN_SECONDS = 20.0


class PluginAnswer(msgspec.Struct, frozen=True):
    """What the child printed: a token or a certificate with its key, or why there is none."""

    token: str = ""
    cert: str = ""
    key: str = ""
    expires: datetime | None = None
    error: str = ""


async def run_plugin(paths: list[str], chosen: Chosen, limit_s: float) -> PluginAnswer:
    """The exec plugin's or auth provider's credentials. Raises CredentialsError naming the command and what it said."""
    user = chosen.user.value if chosen.user else {}
    name = _command(user)
    do = "Log in again with its own tool." if "auth-provider" in user else f"Try it by hand: {name}"
    with tempfile.TemporaryDirectory(prefix="meshdoctor-") as folder:
        said = Path(folder) / "stderr"
        said.touch(mode=0o600)
        stdout, finished = await _run(paths, chosen.name, said, limit_s)
        stderr = _last_words(said.read_bytes())
    if not finished:
        words = f" It said: {stderr}" if stderr else ""
        raise CredentialsError(
            f"{name} gave no credentials within {limit_s:g} s and was stopped.{words}", do=f"Try it by hand: {name}"
        )
    try:
        answer = msgspec.json.decode(stdout, type=PluginAnswer)
    except msgspec.DecodeError as why:
        raise CredentialsError(f"{name} could not be run. {stderr}".strip(), do=do) from why
    if answer.error or not (answer.token or answer.cert):
        words = answer.error or "it gave neither a token nor a certificate"
        raise CredentialsError(f"{name} failed: {words}{f' It said: {stderr}' if stderr else ''}", do=do)
    return answer


def _command(user: Node) -> str:
    """What an operator would call it: the plugin's command line, or the auth provider's name."""
    plugin, provider = user.get("exec"), user.get("auth-provider")
    if isinstance(provider, dict):
        return f"auth provider {text(provider, 'name')!r}"
    if not isinstance(plugin, dict):
        return "exec plugin"
    args = plugin.get("args") or []
    words = [text(plugin, "command"), *(str(a) for a in args)] if isinstance(args, list) else [text(plugin, "command")]
    return " ".join(words)


def _last_words(stderr: bytes) -> str:
    """The end of what was said, on one line."""
    lines = [line.strip() for line in stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    return " | ".join(lines[-4:])[-600:]


async def _run(paths: list[str], context: str, said: Path, limit_s: float) -> tuple[bytes, bool]:
    with said.open("ab") as stderr:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # nothing of the folder that we happen to run in is imported
            "-m",
            "meshdoctor.kube.credentials_child",
            context,
            str(said),
            *paths,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
        )
    try:
        stdout, _ = await asyncio.wait_for(child.communicate(), limit_s)
    except TimeoutError:
        return b"", False
    finally:
        await _end(child)
    return stdout, True


async def _end(child: asyncio.subprocess.Process) -> None:
    """Kill the child's whole group: the plugin, and whatever it started and left behind."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    if child.returncode is None:
        await child.communicate()
