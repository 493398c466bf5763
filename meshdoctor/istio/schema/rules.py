"""The CEL rules of a schema, asked of a value."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from meshdoctor.istio.schema.cel import CelFault, SyntaxFault, compiled
from meshdoctor.istio.schema.cel_functions import Optional
from meshdoctor.istio.schema.fault import Fault

_REASONS = {"FieldValueRequired": "Required value", "FieldValueDuplicate": "Duplicate value", "FieldValueForbidden": "Forbidden"}
_TYPES = ((dict, "object"), (list, "array"), (str, "string"), (bool, "boolean"), (int, "integer"), (float, "number"))


def broken_rules(value: Any, rules: list[dict[str, Any]], path: str) -> Iterator[Fault]:
    """The rules that say no, or that have no answer. Rules that this program cannot read are left to the API server."""
    for rule in rules:
        scope = _scope(value, rule)
        if scope is None:
            continue
        try:
            holds, answer = compiled(rule["rule"])(scope), ""
        except CelFault as why:
            holds, answer = False, f"{why} evaluating rule: "
        except (SyntaxFault, RecursionError, TypeError, AttributeError, KeyError, ValueError, IndexError):
            continue
        if holds is False:
            yield _broken(value, rule, path, scope, answer)


def _scope(value: Any, rule: dict[str, Any]) -> dict[str, Any] | None:
    """The variables of a rule; None for one that only compares an update with what was there before."""
    if "oldSelf" not in rule["rule"]:
        return {"self": value}
    return {"self": value, "oldSelf": Optional()} if rule.get("optionalOldSelf") else None


def _broken(value: Any, rule: dict[str, Any], path: str, scope: dict[str, Any], answer: str) -> Fault:
    message = str(rule.get("message") or f"failed rule: {rule['rule'].strip()}").strip()
    if rule.get("messageExpression"):
        with contextlib.suppress(CelFault, SyntaxFault, TypeError):
            message = str(compiled(rule["messageExpression"])(scope)) or message
    at = path + str(rule.get("fieldPath") or "")
    kind = _REASONS.get(str(rule.get("reason")), "Invalid value")
    name = next((n for t, n in _TYPES if isinstance(value, t)), "null")
    shown = f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool | int | float) else f'"{name}"'
    given = f" ({shown})" if isinstance(value, str | bool | int | float) else ""
    return Fault(at, f"{at}{given}: {message}", f"{at}: {kind}: {shown}: {answer}{message}")
