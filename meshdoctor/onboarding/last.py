"""The last scan, kept in the state folder: names, states and how checks ended, nothing else. What is different now."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from meshdoctor.model.findings import Cluster
from meshdoctor.model.onboarding import Change, Scan

log = logging.getLogger("meshdoctor.onboarding")


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of one namespace: its state, and the status of each check by its id."""

    state: str | None
    checks: dict[str, str]


class LastScan(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a scan."""

    observed_at: datetime
    namespaces: dict[str, Kept]


def file_of(folder: Path, cluster: Cluster) -> Path:
    """Where the last scan of a cluster is: told apart by server and context, which the name does not show."""
    name = hashlib.sha256(f"{cluster.server}\n{cluster.context}".encode()).hexdigest()[:16]
    return folder / "scans" / f"{name}.json"


def read(path: Path) -> LastScan | None:
    """The scan in a file; None where there is none that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=LastScan)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as why:
        log.warning("the last scan in %s cannot be read: %s", path, why)
        return None


def write(path: Path, scan: Scan, before: LastScan | None = None) -> None:
    """Keep a scan; `before` keeps what was known of namespaces that it did not look at. Raises OSError."""
    seen = {n.name: Kept(state=n.state, checks={c.id: str(c.status) for c in n.checks}) for n in scan.namespaces}
    kept = LastScan(observed_at=scan.observed_at, namespaces=(before.namespaces if before else {}) | seen)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.encode(kept))
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def compared(scan: Scan, before: LastScan | None, *, everything: bool) -> Scan:
    """The scan with what changed since the one before; with `everything` namespaces that are gone are told, too."""
    if before is None:
        return scan
    changes = tuple(_changes(scan, before, everything=everything))
    return msgspec.structs.replace(scan, since=before.observed_at, changes=changes)


def _changes(scan: Scan, before: LastScan, *, everything: bool) -> Iterator[Change]:
    for namespace in scan.namespaces:
        old = before.namespaces.get(namespace.name)
        if old is None:
            yield Change(namespace=namespace.name, after=namespace.state)
            continue
        if old.state != namespace.state:
            yield Change(namespace=namespace.name, before=old.state, after=namespace.state)
        for check in namespace.checks:
            was = old.checks.get(check.id)
            if was is not None and was != check.status:
                yield Change(namespace=namespace.name, check=check.id, before=was, after=str(check.status))
    names = {n.name for n in scan.namespaces}
    for name, old in before.namespaces.items():
        if everything and name not in names:
            yield Change(namespace=name, before=old.state)
