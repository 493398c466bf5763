"""Diagnoses as JSON: the published form that stays stable."""

from __future__ import annotations

from typing import Any

import msgspec

from meshdoctor.model.findings import Cause, Diagnosis, Finding

DIAGNOSIS = "meshdoctor.diagnosis/v1"
FINDINGS = "meshdoctor.findings/v1"


def diagnosis(found: Diagnosis) -> dict[str, Any]:
    """`meshdoctor.diagnosis/v1`; unknown figures are null, never 0."""
    plain = msgspec.to_builtins(found)
    return {
        "schema": DIAGNOSIS,
        "cluster": plain["cluster"],
        "observed_at": plain["observed_at"],
        "sources": plain["sources"],
        "causes": [cause(c) for c in found.causes],
        "findings": [finding(f) for f in found.findings],
        "checks": plain["checks"],
        "coverage": plain["coverage"],
        "seconds": plain["seconds"],
        "notes": plain["notes"],
    }


def cause(found: Cause) -> dict[str, Any]:
    """One cause."""
    made: dict[str, Any] = msgspec.to_builtins(found)
    return made


def finding(found: Finding) -> dict[str, Any]:
    """One finding."""
    made: dict[str, Any] = msgspec.to_builtins(found)
    return made


def findings(found: Diagnosis) -> dict[str, Any]:
    """`check -o json`: the findings of a diagnosis without its causes."""
    whole = diagnosis(found)
    return {"schema": FINDINGS} | {k: v for k, v in whole.items() if k not in {"schema", "causes"}}


def encode(value: Any) -> str:
    """JSON text, indented, keys in the order of the schema."""
    return msgspec.json.format(msgspec.json.encode(value), indent=1).decode()


def published() -> dict[str, Any]:
    """The JSON schema of `diagnose -o json`, made from the types."""
    text = msgspec.json.schema(Diagnosis)
    made: dict[str, Any] = msgspec.to_builtins(text)
    made["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    made["title"] = DIAGNOSIS
    definition = made["$defs"]["Diagnosis"]
    definition["properties"] = {"schema": {"const": DIAGNOSIS}} | definition["properties"]
    definition["required"] = ["schema", "cluster", "observed_at", "sources", "causes", "findings", "coverage", "seconds"]
    return made
