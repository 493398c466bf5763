"""Diagnoses as JSON: the published form that stays stable."""

from __future__ import annotations

from typing import Any

import msgspec

from meshdoctor.model.findings import Diagnosis

DIAGNOSIS = "meshdoctor.diagnosis/v1"
FINDINGS = "meshdoctor.findings/v1"
READ = 5_000_000  # bytes: nobody reads more of them, and indenting makes a quarter more
REQUIRED = ["schema", "cluster", "observed_at", "sources", "causes", "findings", "coverage", "seconds"]


def diagnosis(found: Diagnosis) -> dict[str, Any]:
    """`meshdoctor.diagnosis/v1`, ready for `encode`; unknown figures are null, never 0."""
    return {"schema": DIAGNOSIS} | {name: getattr(found, name) for name in found.__struct_fields__}


def findings(found: Diagnosis) -> dict[str, Any]:
    """`check -o json`: the findings of a diagnosis without its causes."""
    return {k: v for k, v in diagnosis(found).items() if k != "causes"} | {"schema": FINDINGS}


def encode(value: Any) -> str:
    """JSON text, keys in the order of the schema, straight from the structs; indented where it is short enough to be read."""
    return encoded(value).decode()


def encoded(value: Any) -> bytes:
    """The same in UTF-8: tens of megabytes need not become text first."""
    raw = msgspec.json.encode(value)
    return msgspec.json.format(raw, indent=1) if len(raw) <= READ else raw


def published() -> dict[str, Any]:
    """The JSON schema of `diagnose -o json`, made from the types."""
    made: dict[str, Any] = msgspec.json.schema(Diagnosis)
    made["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    made["title"] = DIAGNOSIS
    definition = made["$defs"]["Diagnosis"]
    definition["properties"] = {"schema": {"const": DIAGNOSIS}} | definition["properties"]
    definition["required"] = REQUIRED
    return made
