"""The defaults of a schema, which the API server fills in before it judges."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]


def defaulted(value: Any, schema: Schema) -> Any:
    """The value with the schema's defaults; the value itself where there are none."""
    if isinstance(value, dict):
        return _object(value, schema)
    inner = schema.get("items")
    if isinstance(value, list) and isinstance(inner, dict):
        return [defaulted(v, inner) for v in value]
    return value


def _object(value: dict[str, Any], schema: Schema) -> dict[str, Any]:
    fields, others = schema.get("properties", {}), schema.get("additionalProperties")
    whole = {n: f["default"] for n, f in fields.items() if "default" in f and value.get(n) is None} if fields else {}
    for name, inner in value.items():
        if name in whole and not fields[name].get("nullable"):
            continue
        known = fields.get(name) or (others if isinstance(others, dict) else {})
        whole[name] = defaulted(inner, known)
    return whole


def has_defaults(schema: Any) -> bool:
    """Whether there is any default: most schemas have none."""
    if isinstance(schema, dict):
        return "default" in schema or any(has_defaults(v) for v in schema.values())
    return isinstance(schema, list) and any(has_defaults(v) for v in schema)
