"""A value held to an OpenAPI schema as the API server does: types, required and unknown fields, ranges, patterns, CEL rules.

What the API server does: k8s.io/apiextensions-apiserver, pkg/apiserver/validation and pkg/apiserver/schema.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator
from typing import Any

from meshdoctor.istio.schema.fault import Fault, joined
from meshdoctor.istio.schema.formats import FORMATS
from meshdoctor.istio.schema.re2 import NotRE2, searches
from meshdoctor.istio.schema.rules import broken_rules

Schema = dict[str, Any]
MAX_DEPTH = 100
_CHOICES = frozenset({"oneOf", "anyOf", "allOf", "not"})
FRAME = {"apiVersion", "kind", "metadata", "status"}  # the API server's own fields of every object


def faults(value: Any, schema: Schema, path: str = "", depth: int = 0) -> list[Fault]:
    """Everything that the schema refuses. CEL rules are asked where the value below them has its types."""
    if depth > MAX_DEPTH:
        return []
    if value is None and (schema.get("nullable") or _takes_anything(schema)):
        return []
    mistyped = _mistyped(value, schema, path)
    if mistyped:
        return [mistyped]
    found = list(_plain_faults(value, schema, path))
    if isinstance(value, dict):
        found += _fields(value, schema, path, depth)
    elif isinstance(value, list):
        found += _items(value, schema, path, depth)
    if not _CHOICES.isdisjoint(schema):
        found += _choices(value, schema, path)
    if "x-kubernetes-validations" in schema and not any(f.broken for f in found):
        found += broken_rules(value, schema["x-kubernetes-validations"], path)
    return found


def _takes_anything(schema: Schema) -> bool:
    return "type" not in schema and not schema.get("x-kubernetes-int-or-string")


_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool),
    "number": lambda v: isinstance(v, int | float) and not isinstance(v, bool),
    "integer": lambda v: not isinstance(v, bool) and (isinstance(v, int) or (isinstance(v, float) and v.is_integer())),
}
_WORDS = {"object": "a mapping", "array": "a list", "string": "text", "boolean": "true or false", "number": "a number"}


def type_of(value: Any) -> str:
    """The name the API server gives a value's type."""
    return next((name for name in ("boolean", "integer", *_TYPES) if _TYPES[name](value)), "null")


def _mistyped(value: Any, schema: Schema, path: str) -> Fault | None:
    check = _TYPES.get(schema.get("type", ""))
    if check and check(value):
        return None
    wanted = ["integer", "string"] if schema.get("x-kubernetes-int-or-string") else [t for t in [schema.get("type")] if t in _TYPES]
    if not wanted or any(_TYPES[w](value) for w in wanted):
        return None
    actual = type_of(value)
    words = " or ".join(_WORDS.get(w, "a whole number") for w in wanted)
    is_text = actual == "string" and wanted[0] in ("integer", "number", "boolean")
    hint = " (without quotes)" if is_text and _unquoted(value, wanted[0]) else " (in quotes)" if wanted == ["string"] else ""
    has = f"{_WORDS.get(actual, 'a whole number')} ({_short(value)})" if value is not None else "empty"
    quote = f'Invalid value: "{actual}": {path} in body must be of type {",".join(wanted)}: "{actual}"'
    return Fault(path, f"{path or 'it'} is {has}, it must be {words}{hint}", f"{path}: {quote}", broken=True)


def _unquoted(value: str, wanted: str) -> bool:
    return value in ("true", "false") if wanted == "boolean" else value.lstrip("-").replace(".", "", 1).isdigit()


def _short(value: Any) -> str:
    said = json.dumps(value, default=str, ensure_ascii=False)
    return said if len(said) <= 60 else f"{said[:57]}..."


def _plain_faults(value: Any, schema: Schema, path: str) -> Iterator[Fault]:
    """Enum, and the limits of text, numbers, lists and mappings."""
    if "enum" in schema and value not in schema["enum"]:
        yield _unsupported(value, [e for e in schema["enum"] if e not in (None, "")], path)
    if isinstance(value, str):
        yield from _of_text(value, schema, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _of_number(value, schema, path)
    elif isinstance(value, list):
        yield from _of_size(len(value), schema, path, "Items", "items", "entries")
    elif isinstance(value, dict):
        yield from _of_size(len(value), schema, path, "Properties", "properties", "entries")


def _unsupported(value: Any, known: list[Any], path: str) -> Fault:
    near = difflib.get_close_matches(str(value).upper(), [str(k) for k in known], n=1)
    meant = f"; did you mean {near[0]}?" if near else ""
    names = ", ".join(str(k) for k in known)
    quoted = ", ".join(json.dumps(k) for k in known)
    return Fault(
        path,
        f"{path} is {_short(value)}, it must be one of {names}{meant}",
        f"{path}: Unsupported value: {json.dumps(value, default=str)}: supported values: {quoted}",
        broken=True,
    )


def _refused(path: str, value: Any, says: str, quote: str, kind: str = "Invalid value") -> Fault:
    return Fault(path, f"{path} {says}", f"{path}: {kind}: {_short(value)}: {path} in body {quote}")


def _of_text(value: str, schema: Schema, path: str) -> Iterator[Fault]:
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    if len(value) < least:
        says = "is empty" if not value else f"is shorter than {least} characters"
        yield _refused(path, value, says, f"should be at least {least} chars long")
    if most is not None and len(value) > most:
        yield _refused(path, value, f"is longer than {most} characters", f"should be at most {most} chars long", "Too long")
    pattern, form = schema.get("pattern"), schema.get("format")
    if pattern is not None and not _fits(pattern, value):
        yield _refused(path, value, f"is {_short(value)}, which does not fit {pattern}", f"should match '{pattern}'")
    if form in FORMATS and not FORMATS[form](value):
        quote = f'must be of type {form}: "{value}"'
        yield _refused(path, value, f"is {_short(value)}, which is no {form}", quote)


def _fits(pattern: str, value: str) -> bool:
    try:
        return searches(pattern, value)
    except NotRE2:
        return True


def _of_number(value: float, schema: Schema, path: str) -> Iterator[Fault]:
    least, most = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum") is True, schema.get("exclusiveMaximum") is True
    if least is not None and (value < least or (above and value == least)):
        words = "greater than" if above else "greater than or equal to"
        yield _refused(path, value, f"is {value:g}, the least is {least:g}", f"should be {words} {least:g}")
    if most is not None and (value > most or (below and value == most)):
        words = "less than" if below else "less than or equal to"
        yield _refused(path, value, f"is {value:g}, the most is {most:g}", f"should be {words} {most:g}")
    step = schema.get("multipleOf")
    if step and value % step:
        yield _refused(path, value, f"is {value:g}, no multiple of {step:g}", f"should be a multiple of {step:g}")


def _of_size(size: int, schema: Schema, path: str, name: str, quoted: str, words: str) -> Iterator[Fault]:
    least, most = schema.get(f"min{name}", 0), schema.get(f"max{name}")
    if size < least:
        says = f"{path} has {size} {words}, it needs at least {least}"
        yield Fault(path, says, f"{path}: Invalid value: {size}: {path} in body should have at least {least} {quoted}")
    if most is not None and size > most:
        says = f"{path} has {size} {words}, more than {most}"
        yield Fault(path, says, f"{path}: Too many: {size}: must have at most {most} {quoted}")


def _fields(value: dict[str, Any], schema: Schema, path: str, depth: int) -> list[Fault]:
    known, others = schema.get("properties", {}), schema.get("additionalProperties")
    found: list[Fault] = [
        Fault(joined(path, n), f"{joined(path, n)} is required", f"{joined(path, n)}: Required value", broken=True)
        for n in schema.get("required", ())
        if n not in value
    ]
    keeps = schema.get("x-kubernetes-preserve-unknown-fields") or schema.get("x-kubernetes-embedded-resource")
    for name, inner in value.items():
        at = joined(path, str(name))
        if name in known:
            found += faults(inner, known[name], at, depth + 1)
        elif isinstance(others, dict):
            found += faults(inner, others, at, depth + 1)
        elif not others and not keeps and ("properties" in schema or "type" in schema) and (path or name not in FRAME):
            found.append(_unknown(str(name), known, path))
    return found


def _unknown(name: str, known: dict[str, Any], path: str) -> Fault:
    near = difflib.get_close_matches(name.replace("_", "").lower(), {k.lower(): k for k in known}, n=1, cutoff=0.65)
    right = next((k for k in known if near and k.lower() == near[0]), "")
    says = f"{path or 'it'} has no field {name}"
    at = joined(path, name)
    return Fault(at, says + (f"; did you mean {right}?" if right else ""), f'unknown field "{at}"', "unknown field")


def _items(value: list[Any], schema: Schema, path: str, depth: int) -> list[Fault]:
    inner = schema.get("items")
    found: list[Fault] = []
    if isinstance(inner, dict):
        for i, each in enumerate(value):
            found += faults(each, inner, f"{path}[{i}]", depth + 1)
    kind = schema.get("x-kubernetes-list-type")
    if kind in ("set", "map"):
        found += _repeated(value, schema.get("x-kubernetes-list-map-keys", ()) if kind == "map" else (), path, inner or {})
    return found


def _repeated(value: list[Any], keys: tuple[str, ...], path: str, inner: Schema) -> Iterator[Fault]:
    """Entries of a set, or of a list with keys, that stand there twice."""
    seen: set[str] = set()
    for i, each in enumerate(value):
        if keys and not isinstance(each, dict):
            continue
        chosen = {k: each.get(k, inner.get("properties", {}).get(k, {}).get("default")) for k in keys} if keys else each
        word = json.dumps(chosen, sort_keys=True, default=str)
        if word in seen:
            words = ", ".join(f"{k} {_short(v)}" for k, v in chosen.items()) if keys else _short(each)
            yield Fault(f"{path}[{i}]", f"{path} has {words} twice", f"{path}[{i}]: Duplicate value: {word}")
        seen.add(word)


def _choices(value: Any, schema: Schema, path: str) -> Iterator[Fault]:
    """oneOf, anyOf, allOf and not."""
    for word, branches in ((w, schema.get(w)) for w in ("oneOf", "anyOf", "allOf")):
        if not branches:
            continue
        fitting = sum(_accepts(value, b) for b in branches)
        if fitting != {"oneOf": 1, "anyOf": max(fitting, 1), "allOf": len(branches)}[word]:
            yield _undecided(value, branches, path, word, fitting)
    if "not" in schema and _accepts(value, schema["not"]):
        quote = f'{path}: Invalid value: "{type_of(value)}": {path} must not validate the schema (not)'
        yield Fault(path, f"{path or 'it'} has a combination of fields that is not allowed", quote, broken=True)


def _accepts(value: Any, branch: Schema) -> bool:
    """Whether a branch accepts a value; unknown fields are no matter here."""
    return all(f.level == "unknown field" for f in faults(value, branch, "x"))


def _undecided(value: Any, branches: list[Schema], path: str, word: str, fitting: int) -> Fault:
    names = sorted(set(_named(branches)))
    given = [n for n in names if isinstance(value, dict) and value.get(n) is not None]
    if len(given) > 1:
        says = f"{path} has {' and '.join(given)}: only one of {', '.join(names)} may be set"
    elif names:
        says = f"{path} needs one of {', '.join(names)}"
    else:
        says = f"{path or 'it'} fits none of the forms it may have"
    found = f"Found {fitting} valid alternatives" if fitting else "Found none valid"
    what = {"oneOf": f"one and only one schema (oneOf). {found}", "anyOf": "at least one schema (anyOf)"}
    how = what.get(word, "all the schemas (allOf)")
    return Fault(path, says, f'{path}: Invalid value: "{type_of(value)}": "{path}" must validate {how}', broken=True)


def _named(branches: list[Schema]) -> Iterator[str]:
    """The fields that the branches of a choice are about."""
    for branch in branches:
        yield from branch.get("required", ())
        for word in ("anyOf", "oneOf", "allOf"):
            yield from _named(branch.get(word, []))
        if isinstance(branch.get("not"), dict):
            yield from _named([branch["not"]])
