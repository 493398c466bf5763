"""The first file of a bundle: what is in it, where it comes from, what is not in it and why."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from meshdoctor.model.sources import Source

SCHEMA = "meshdoctor.bundle/v1"
MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"

Part = Literal["answer", "items", "extra"]


class ListHead(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What a list says of itself, apart from its items."""

    kind: str = ""
    api_version: str = ""
    resource_version: str = ""


class File(msgspec.Struct, frozen=True, omit_defaults=True):
    """One file of the archive.

    `part` is `answer` (the body of an answer), `items` (some objects of the list `key`; the files with one key make the
    whole list) or `extra` (for people and for other tools). `key` is what was asked: `api GET /path?query` or
    `pod NAMESPACE/POD:PORT GET /path?query`; `status` 0 means that nothing answered, and the body says why.
    """

    path: str
    bytes: int
    sha256: str
    part: Part = "answer"
    key: str = ""
    status: int = 200
    content_type: str = ""
    head: ListHead = ListHead()


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle's description; `seconds` is how long collecting took, `left_out` what the budget or the scope kept out,
    `code_kept` whether Lua and the configuration of plug-ins were left in."""

    schema: str = SCHEMA
    tool: str
    tier: str
    context: str = ""
    recorded_at: datetime
    seconds: float = 0.0
    title: str = ""
    namespaces: tuple[str, ...] = ()  # -n; none is all of them
    pseudonyms: bool = False
    code_kept: bool = False
    budget_bytes: int = 0
    budget_seconds: float = 0.0
    sources: tuple[Source, ...] = ()
    partial: dict[str, tuple[str, ...]] = {}  # path of a list to the namespaces of it that are here
    left_out: tuple[str, ...] = ()
    redactions: dict[str, int] = {}
    files: tuple[File, ...] = ()
