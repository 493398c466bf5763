"""Time and peak memory of opening hostile archives and a full bundle: `uv run python -m benchmarks.bundles`.

Each is opened by `meshdoctor bundle inspect` in a process of its own; start-up is included (the first line is that alone).
Memory has to stay bounded whatever an archive claims.
"""

from __future__ import annotations

import gzip
import json
import random
import sys
import tarfile
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.scale import measured
from meshdoctor.bundle import creating
from meshdoctor.bundle.creating import Content
from meshdoctor.bundle.recording import Recorder
from meshdoctor.bundle.redaction.redactor import Redactor
from meshdoctor.bundle.tiers import T1

OPEN = [sys.executable, "-m", "meshdoctor", "bundle", "inspect"]


def header(name: str, size: int = 0) -> bytes:
    """The header of a file in a tar."""
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf()


def entries(path: Path) -> None:
    """Ten million empty files: 5 GB of headers, 22 MB packed."""
    block = gzip.compress(b"".join(header(f"{n:07}") for n in range(10_000)), 1)
    with path.open("wb") as file:
        for _ in range(1000):
            file.write(block)


def bomb(path: Path) -> None:
    """One file of 10 GB of zeros, in 10 MB."""
    block = gzip.compress(bytes(10_000_000), 9)
    with path.open("wb") as file:
        file.write(gzip.compress(header("cluster-resources/pods/shop.json", 10_000_000_000)))
        for _ in range(1000):
            file.write(block)


def nested(path: Path) -> None:
    """JSON a million levels deep."""
    body = b"[" * 1_000_000
    path.write_bytes(gzip.compress(header("cluster-resources/pods/shop.json", len(body)) + body))


def claim(path: Path) -> None:
    """A header of extensions that claims 8 GB, and nothing behind it."""
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 8_000_000_000
    path.write_bytes(gzip.compress(info.tobuf() + bytes(10_000)))


def full(path: Path) -> None:
    """A bundle of our own near its limit: 20,000 pods, and logs that hardly compress."""
    kept = Recorder()
    spec = {"containers": [{"name": "app", "image": "registry.example/app:1", "env": [{"name": "A", "value": "b"}] * 20}]}
    pods = [{"metadata": {"name": f"app-{n}", "namespace": f"team-{n % 50}"}, "spec": spec} for n in range(20_000)]
    body = {"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": pods}
    kept.record("api GET /api/v1/pods?resourceVersion=0", 200, "application/json", json.dumps(body).encode())
    chance = random.Random(1)
    for n in range(60):
        lines = [f"2026-03-01T12:00:00.0Z {chance.getrandbits(240):x} of request {chance.getrandbits(64):x}\n" for _ in range(9000)]
        target = f"/api/v1/namespaces/team-0/pods/app-{n}/log?container=app"
        kept.record(f"api GET {target}", 200, "text/plain", "".join(lines).encode())
    redactor = Redactor()
    answers = creating.redacted(kept.answers, redactor, None)
    made = Content(
        answers=answers, redactor=redactor, pseudonyms=None, extras={"README.md": b"x"}, ranks=(), scope=(), tier=T1,
        context="bench", recorded_at=datetime(2026, 3, 1, 12, tzinfo=UTC), seconds=0.0, sources=(), notes=(),
    )  # fmt: skip
    creating.write(path, made, None)


ARCHIVES: tuple[Callable[[Path], None], ...] = (entries, bomb, nested, claim, full)


def main() -> None:
    """Print a line for each."""
    with tempfile.TemporaryDirectory() as folder:
        print(f"{'archive':10} {'packed MB':>10} {'seconds':>8} {'peak MB':>8}")
        seconds, _, peak = measured([*OPEN, "--help"])
        print(f"{'(start)':10} {'':>10} {seconds:8.2f} {peak:8.0f}")
        for make in ARCHIVES:
            path = Path(folder) / f"{make.__name__}.tar.gz"
            make(path)
            seconds, _, peak = measured([*OPEN, str(path)])
            print(f"{make.__name__:10} {path.stat().st_size / 1e6:10.1f} {seconds:8.2f} {peak:8.0f}")
            path.unlink()


if __name__ == "__main__":
    main()
