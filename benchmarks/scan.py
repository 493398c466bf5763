"""Time and memory of `meshdoctor scan` over 500 namespaces: `uv run python -m benchmarks.scan [NAMESPACES]`.

The recorded healthy mesh with namespaces added, each with 2 Services of 10 pods and their routes, is served over HTTP
by a process of its own; what is timed is the command, start and printing included.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.rules import service, thing
from benchmarks.scale import measured
from meshdoctor.bundle.replay import ReplayServer
from meshdoctor.bundle.scenarios import open_scenario

ROUNDS = 3


def objects(namespaces: int) -> Iterator[dict[str, Any]]:
    """Two thirds are in the mesh; the others are not enrolled, or ask for a revision that is not there."""
    for n in range(namespaces):
        where = f"team-{n:03}"
        labels = ({"istio-injection": "enabled"}, {"istio-injection": "enabled"}, {}, {"istio.io/rev": "gone"})[n % 4]
        namespace = thing("v1", "Namespace", where, "", labels=labels | {"kubernetes.io/metadata.name": where})
        namespace["metadata"].pop("namespace")
        yield namespace
        for s in range(2):
            yield from service(where, f"svc-{s}")


def serve(namespaces: int, told: Connection) -> None:
    """Serve until killed; tells the kubeconfig once it listens."""

    async def main() -> None:
        recording = open_scenario("healthy").with_objects(objects(namespaces))
        async with ReplayServer(recording) as server:
            told.send(server.kubeconfig("bench"))
            await asyncio.Event().wait()

    asyncio.run(main())


def main(namespaces: int) -> None:
    """Print each round."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(namespaces, theirs), daemon=True)
    server.start()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kubeconfig"
        path.write_text(ours.recv())
        command = [sys.executable, "-m", "meshdoctor", "scan", "-o", "json", "--kubeconfig", str(path)]
        first = subprocess.run(command, capture_output=True, check=False)
        states = Counter(n["state"] for n in json.loads(first.stdout)["namespaces"])
        print(", ".join(f"{count} {state}" for state, count in states.most_common()))
        for _ in range(ROUNDS):
            seconds, cpu, memory = measured(command)
            print(f"{namespaces} namespaces added, {namespaces * 20} pods: {seconds:5.2f} s   {cpu:5.2f} s cpu   {memory:4.0f} MB")
    server.terminate()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
