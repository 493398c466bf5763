"""What CEL expressions may call: the standard functions and those that Kubernetes adds (url, ip, cidr, quantity, ...)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from datetime import datetime
from fractions import Fraction
from itertools import pairwise
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

from meshdoctor.istio.schema import re2


class CelFault(Exception):
    """An expression had no value: the API server then refuses the object."""


class Optional:
    """A value that may be absent."""

    def __init__(self, *value: Any) -> None:
        self.has = bool(value)
        self.value = value[0] if value else None


class Duration(int):
    """Nanoseconds."""


_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_DURATION = re.compile(r"[-+]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|ms|s|m|h))+)", re.ASCII)
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)", re.ASCII)
_QUANTITY = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+))((?:[eE][-+]?\d+)|[KMGTPE]i|[numkMGTPE])?", re.ASCII)
_SUFFIX = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_KINDS = ((bool, "bool"), (int, "int"), (float, "double"), (str, "string"), (list, "list"), (dict, "map"))
_INT = (-(2**63), 2**63 - 1)


def duration(text: Any) -> Duration:
    """A duration as Go writes them: 1h30m, 1.5s, -2ms. Raises CelFault."""
    if isinstance(text, Duration):
        return text
    if not isinstance(text, str) or not _DURATION.fullmatch(text):
        raise CelFault(f'time: invalid duration "{text}"')
    total = sum(Fraction(n) * _UNITS[unit] for n, unit in _PART.findall(text))
    nanoseconds = int(-total if text.startswith("-") else total)
    if not _INT[0] <= nanoseconds <= _INT[1]:
        raise CelFault(f'time: invalid duration "{text}"')
    return Duration(nanoseconds)


def spelled(name: str) -> str:
    """The key of an escaped name: CEL's own words and signs cannot stand in an expression."""
    if "__" not in name:
        return name
    if name.startswith("__") and name.endswith("__") and name[2:-2].isalpha():
        return name[2:-2]
    for sign, said in (("-", "__dash__"), (".", "__dot__"), ("/", "__slash__"), ("__", "__underscores__")):
        name = name.replace(said, sign)
    return name


def kind_of(value: Any) -> str:
    return next((name for kind, name in _KINDS if isinstance(value, kind)), "null" if value is None else type(value).__name__)


def equal(one: Any, other: Any) -> bool:
    """CEL's equality: numbers of all kinds compare, a bool is no number."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(equal(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(v, other[k]) for k, v in one.items())
    return bool(one == other)


def compare(sign: Callable[[Any, Any], Any]) -> Callable[[Any, Any], bool]:
    def run(one: Any, other: Any) -> bool:
        same = type(one) is type(other) and not isinstance(one, list | dict | None.__class__)
        if same or (_is_number(one) and _is_number(other)):
            return bool(sign(one, other))
        raise CelFault("no such overload")

    return run


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool | Duration)


def _checked(value: Any, like: Any) -> Any:
    if isinstance(value, int) and not _INT[0] <= value <= _INT[1]:
        raise CelFault("integer overflow")
    return Duration(value) if isinstance(like, Duration) else value


def add(one: Any, other: Any) -> Any:
    if type(one) is type(other) and isinstance(one, str | list | Duration):
        return _checked(one + other, one)
    return _arithmetic(one, other, lambda a, b: a + b)


def _arithmetic(one: Any, other: Any, sign: Callable[[Any, Any], Any]) -> Any:
    if not (_is_number(one) and _is_number(other)):
        raise CelFault("no such overload")
    return _checked(sign(one, other), one)


def _minus(one: Any, other: Any) -> Any:
    if isinstance(one, Duration) and isinstance(other, Duration):
        return Duration(int(one) - int(other))
    return _arithmetic(one, other, lambda a, b: a - b)


def _divided(one: Any, other: Any) -> Any:
    if other == 0 and isinstance(one, int):
        raise CelFault("division by zero")
    if isinstance(one, float) or isinstance(other, float):
        return _arithmetic(one, other, lambda a, b: a / b if b else float("nan"))
    return _arithmetic(one, other, lambda a, b: abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1))


def _modulo(one: Any, other: Any) -> Any:
    if other == 0:
        raise CelFault("modulus by zero")
    return _arithmetic(one, other, lambda a, b: abs(a) % abs(b) * (-1 if a < 0 else 1))


def _negated(value: Any) -> Any:
    return Duration(-value) if isinstance(value, Duration) else _arithmetic(0, value, lambda a, b: a - b)


def index_of(value: Any, key: Any) -> Any:
    if isinstance(value, Optional):
        return Optional(index_of(value.value, key)) if value.has else value
    if isinstance(value, dict):
        if key not in value:
            raise CelFault(f"no such key: {key}")
        return value[key]
    if isinstance(value, list) and _is_number(key):
        if not 0 <= key < len(value):
            raise CelFault(f"index out of bounds: {key}")
        return value[int(key)]
    raise CelFault("no such overload")


def _to_int(value: Any) -> int:
    if isinstance(value, str) and not re.fullmatch(r"[-+]?\d+", value, re.ASCII):
        raise CelFault("type conversion error from 'string' to 'int'")
    if not isinstance(value, str | int | float):
        raise CelFault("no such overload")
    return int(_checked(int(value), 0))


def _to_double(value: Any) -> float:
    try:
        return float(value)
    except ValueError as why:
        raise CelFault("type conversion error from 'string' to 'double'") from why


def _to_bool(value: Any) -> bool:
    words = {"1": True, "t": True, "true": True, "0": False, "f": False, "false": False}
    said = words.get(str(value).lower())
    if said is None:
        raise CelFault("type conversion error from 'string' to 'bool'")
    return said


def _to_string(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{int(value) / 10**9:g}s" if isinstance(value, Duration) else f"{value:g}" if isinstance(value, float) else str(value)


def _timestamp(text: Any) -> datetime:
    try:
        return datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError as why:
        raise CelFault(f'invalid timestamp "{text}"') from why


def _matches(text: Any, pattern: Any) -> bool:
    if not isinstance(text, str) or not isinstance(pattern, str):
        raise CelFault("no such overload")
    try:
        return re2.searches(pattern, text)
    except re2.NotRE2 as why:
        raise CelFault(f"error parsing regexp: {why}") from why


def _string(text: Any) -> str:
    if not isinstance(text, str):
        raise CelFault("no such overload")
    return text


def _size(value: Any) -> int:
    if isinstance(value, str | list | dict):
        return len(value)
    raise CelFault("no such overload")


def _contains(text: Any, part: Any) -> bool:
    if isinstance(text, _Network):
        return text.contains(part)
    return _string(part) in _string(text)


def _substring(text: Any, start: int, end: int | None = None) -> str:
    size, last = len(_string(text)), len(text) if end is None else end
    if not 0 <= start <= last <= size:
        raise CelFault("index out of range")
    return str(text[start:last])


def _replace(text: Any, old: str, new: str, count: int = -1) -> str:
    return _string(text).replace(old, new, count)


def _split(text: Any, by: str, count: int = -1) -> list[str]:
    if by == "":
        return list(_string(text))
    return [] if count == 0 else _string(text).split(by, count - 1 if count > 0 else -1)


def _url(text: Any) -> SplitResult:
    """A URL as Go's url.ParseRequestURI takes it: an absolute URI or an absolute path."""
    said = _string(text)
    scheme = re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:", said)
    if not said or re.search(r"[\x00-\x1f\x7f]", said) or re.search(r"%(?![0-9a-fA-F]{2})", said):
        raise CelFault(f"URL parse error during conversion from string: {said}")
    rest = said[scheme.end() :] if scheme else said
    host = rest[2:].split("/")[0].split("?")[0] if rest.startswith("//") else ""
    if (not rest.startswith("/") and not scheme) or re.search(r'[\s\\<>^`{|}"]', host):
        raise CelFault(f"URL parse error during conversion from string: {said}")
    try:
        split = urlsplit(said)
        _ = split.port
    except ValueError as why:
        raise CelFault(f"URL parse error during conversion from string: {said}") from why
    return split


def _host(url: SplitResult) -> str:
    return url.netloc.rpartition("@")[2]


class _Network:
    def __init__(self, text: Any) -> None:
        try:
            self.network = ipaddress.ip_network(_string(text), strict=False)
        except ValueError as why:
            raise CelFault(f"network address parse error during conversion from string: {why}") from why
        if "/" not in text:
            raise CelFault("network address parse error during conversion from string")

    def contains(self, address: Any) -> bool:
        wanted = _ip(address) if isinstance(address, str) else address
        return wanted in self.network


def _ip(text: Any) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(_string(text))
    except ValueError as why:
        raise CelFault(f"IP Address '{text}' parse error during conversion from string") from why


def _quantity(text: Any) -> Fraction:
    match = _QUANTITY.fullmatch(_string(text))
    if not match:
        raise CelFault("quantity parse error")
    number, suffix = Fraction(match.group(1)), match.group(2) or ""
    if suffix.endswith("i"):
        return number * int(1024 ** ("KMGTPE".index(suffix[0]) + 1))
    return number * Fraction(10) ** (int(suffix[1:]) if suffix[:1] in "eE" and len(suffix) > 1 else _SUFFIX[suffix])


def _is(parse: Callable[[Any], Any]) -> Callable[[Any], bool]:
    def run(text: Any) -> bool:
        try:
            parse(text)
        except CelFault:
            return False
        return True

    return run


def _or_value(value: Any, other: Any) -> Any:
    return value.value if value.has else other


def _distinct(values: Any) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if not any(equal(value, f) for f in found):
            found.append(value)
    return found


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "-": _minus,
    "*": lambda a, b: _arithmetic(a, b, lambda x, y: x * y),
    "/": _divided,
    "%": _modulo,
    "-_": _negated,
    "size": _size,
    "int": _to_int,
    "uint": _to_int,
    "double": _to_double,
    "string": _to_string,
    "bool": _to_bool,
    "dyn": lambda v: v,
    "type": kind_of,
    "duration": duration,
    "timestamp": _timestamp,
    "matches": _matches,
    "contains": _contains,
    "startsWith": lambda s, p: _string(s).startswith(p),
    "endsWith": lambda s, p: _string(s).endswith(p),
    "lowerAscii": lambda s: _string(s).lower(),
    "upperAscii": lambda s: _string(s).upper(),
    "trim": lambda s: _string(s).strip(),
    "charAt": lambda s, i: _substring(s, i, min(i + 1, len(s))),
    "indexOf": lambda s, x, *at: s.find(x, *at) if isinstance(s, str) else next((i for i, v in enumerate(s) if equal(v, x)), -1),
    "lastIndexOf": lambda s, x, *at: _string(s).rfind(x, *at),
    "substring": _substring,
    "replace": _replace,
    "split": _split,
    "join": lambda items, by="": by.join(items),
    "find": lambda s, p: m.group() if (m := re2.compiled(p).search(_string(s))) else "",
    "findAll": lambda s, p, n=-1: [m.group() for m in re2.compiled(p).finditer(_string(s))][: n if n >= 0 else None],
    "url": _url,
    "isURL": _is(_url),
    "getScheme": lambda u: u.scheme,
    "getHost": _host,
    "getHostname": lambda u: u.hostname or "",
    "getPort": lambda u: str(u.port or ""),
    "getEscapedPath": lambda u: u.path,
    "getQuery": lambda u: parse_qs(u.query, keep_blank_values=True),
    "ip": _ip,
    "isIP": _is(_ip),
    "family": lambda a: a.version,
    "cidr": _Network,
    "isCIDR": _is(_Network),
    "containsIP": lambda n, a: n.contains(a),
    "quantity": _quantity,
    "isQuantity": _is(_quantity),
    "isLessThan": lambda a, b: a < b,
    "isGreaterThan": lambda a, b: a > b,
    "compareTo": lambda a, b: (a > b) - (a < b),
    "sum": sum,
    "min": min,
    "max": max,
    "isSorted": lambda items: all(a <= b for a, b in pairwise(items)),
    "distinct": _distinct,
    "flatten": lambda items: [x for i in items for x in (i if isinstance(i, list) else [i])],
    "optional.of": Optional,
    "optional.none": Optional,
    "optional.ofNonZeroValue": lambda v: Optional(v) if v else Optional(),
    "hasValue": lambda o: o.has,
    "value": lambda o: o.value if o.has else index_of([], 0),
    "orValue": _or_value,
    "or": lambda o, other: o if o.has else other,
}
