"""Runs `pilot-agent request GET` in a pod: the way to its admin port where port-forward is forbidden."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from meshdoctor.kube.answers import ApiStatus
from meshdoctor.kube.deny import refuse_exec
from meshdoctor.kube.failures import PodRefused
from meshdoctor.kube.session import Session
from meshdoctor.kube.websocket import connect
from meshdoctor.model.errors import ClusterError

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
STDOUT, STDERR, STATUS = 1, 2, 3
UNSUCCESSFUL = re.compile(rb"unsuccessful status code:? (\d{3})")


class ExecAnswer(msgspec.Struct, frozen=True):
    """What the command printed; `error` is the API server's sentence where it failed."""

    stdout: bytes
    stderr: bytes
    error: str = ""


async def run(
    session: Session, namespace: str, pod: str, container: str, command: Sequence[str], *, limit: int, timeout: float
) -> ExecAnswer:
    """Run a command that only reads. Raises ClusterError above `limit` bytes; `timeout` seconds between two messages."""
    refuse_exec(command)
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/exec"
    params = {"container": container, "stdout": "true", "stderr": "true", "command": list(command)}
    socket = await connect(session, path, params, PROTOCOLS)
    out: dict[int, bytearray] = {STDOUT: bytearray(), STDERR: bytearray(), STATUS: bytearray()}
    try:
        while (message := await socket.receive(timeout)) is not None:
            channel, data = message
            if channel in out:
                out[channel] += data
            if len(out[STDOUT]) > limit:
                raise ClusterError(f"{namespace}/{pod} answers more than {limit} bytes.")
            if channel == STATUS:  # the last word
                break
    finally:
        await socket.close()
    return ExecAnswer(bytes(out[STDOUT]), bytes(out[STDERR]), _error(bytes(out[STATUS])))


def _error(status: bytes) -> str:
    try:
        told = msgspec.json.decode(status, type=dict[str, msgspec.Raw])
        if msgspec.json.decode(told.get("status", b'""'), type=str) == "Success":
            return ""
        return msgspec.json.decode(status, type=ApiStatus).message or "it failed"
    except msgspec.DecodeError:
        return "its end was not seen"


def request_command(container: str, port: int, path: str) -> list[str]:
    """The command that asks a port from inside: istiod's container has pilot-discovery, a proxy's pilot-agent."""
    program = "pilot-discovery" if container == "discovery" else "pilot-agent"
    default = 15014 if container == "discovery" else 15000
    return [program, "request", *([] if port == default else ["--debug-port", str(port)]), "GET", path]


def http_answer(where: str, answer: ExecAnswer) -> tuple[int, bytes]:
    """The status and body that the command saw. Raises PodRefused where nothing answered it."""
    if not answer.error:  # the command tells a 404 by Envoy's words only
        return 404 if answer.stdout.startswith(b"invalid path. admin commands are") else 200, answer.stdout
    said = answer.stderr or answer.stdout
    match = UNSUCCESSFUL.search(said)
    if match:
        return int(match[1]), said
    words = " ".join(said.decode("utf-8", "replace").split())[-200:]
    raise PodRefused(f"{where} does not answer: {words or answer.error}")
