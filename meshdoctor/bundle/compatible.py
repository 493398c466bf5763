"""Files that other tools look for in a support bundle: versions and discovery, as troubleshoot.sh writes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from meshdoctor.bundle.discovery import discovery
from meshdoctor.bundle.layout import ROOT
from meshdoctor.bundle.store import Store
from meshdoctor.bundle.writer import Piece


def pieces(store: Store) -> Iterator[Piece]:
    """`cluster_version.json`, `groups.json` and `resources.json`."""
    version = store.recorded("/version", ())
    info = msgspec.json.decode(version.body) if version is not None and version.status == 200 else {}
    yield _extra("cluster-info/cluster_version.json", {"info": info, "string": info.get("gitVersion", "")})
    groups = _told(store, "/apis").get("groups", [])
    yield _extra(f"{ROOT}/groups.json", groups)
    lists = [_told(store, "/api/v1")]
    lists += [_told(store, f"/apis/{version['groupVersion']}") for group in groups for version in group["versions"]]
    yield _extra(f"{ROOT}/resources.json", [each for each in lists if each])


def _told(store: Store, path: str) -> dict[str, Any]:
    answer = discovery(store, path, "application/json")
    told: dict[str, Any] = msgspec.json.decode(answer.body) if answer is not None and answer.status == 200 else {}
    return told


def _extra(path: str, body: Any) -> Piece:
    return Piece(path=path, body=msgspec.json.encode(body), part="extra")
