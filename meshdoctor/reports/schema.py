"""Diagnoses as JSON: the published form that stays stable."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from meshdoctor.model.findings import Diagnosis

DIAGNOSIS = "meshdoctor.diagnosis/v1"
FINDINGS = "meshdoctor.findings/v1"
READ = 5_000_000  # bytes: nobody reads more of them, and indenting makes a quarter more
SLICE = 250  # causes or findings: half a megabyte
REQUIRED = ["schema", "cluster", "observed_at", "sources", "causes", "findings", "coverage", "seconds"]


def diagnosis(found: Diagnosis) -> dict[str, Any]:
    """`meshdoctor.diagnosis/v1`, ready for `encode`; unknown figures are null, never 0."""
    return {"schema": DIAGNOSIS} | {name: getattr(found, name) for name in found.__struct_fields__}


def findings(found: Diagnosis) -> dict[str, Any]:
    """`check -o json`: the findings of a diagnosis without its causes."""
    return {k: v for k, v in diagnosis(found).items() if k != "causes"} | {"schema": FINDINGS}


def encode(value: Any) -> str:
    """JSON text, keys in the order of the schema, straight from the structs; indented where it is short enough to be read."""
    raw = msgspec.json.encode(value)
    return (msgspec.json.format(raw, indent=1) if len(raw) <= READ else raw).decode()


def pieces(value: dict[str, Any]) -> Iterator[bytes]:
    """The same in UTF-8, piece by piece: tens of megabytes need neither become text nor be there at once."""
    begun, rest = bytearray(), _compact(value)
    for piece in rest:
        begun += piece
        if len(begun) > READ:
            yield bytes(begun)
            yield from rest
            return
    yield msgspec.json.format(bytes(begun), indent=1)


def _compact(value: dict[str, Any]) -> Iterator[bytes]:
    """An object as JSON on one line, what is long in it by slices."""
    before = b"{"
    for name, field in value.items():
        yield before + msgspec.json.encode(name) + b":"
        before = b","
        if isinstance(field, tuple) and len(field) > SLICE:
            for start in range(0, len(field), SLICE):
                yield (b"," if start else b"[") + msgspec.json.encode(field[start : start + SLICE])[1:-1]
            yield b"]"
        else:
            yield msgspec.json.encode(field)
    yield b"}"


def published() -> dict[str, Any]:
    """The JSON schema of `diagnose -o json`, made from the types."""
    made: dict[str, Any] = msgspec.json.schema(Diagnosis)
    made["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    made["title"] = DIAGNOSIS
    definition = made["$defs"]["Diagnosis"]
    definition["properties"] = {"schema": {"const": DIAGNOSIS}} | definition["properties"]
    definition["required"] = REQUIRED
    return made
