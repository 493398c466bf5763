"""Names and values of HTTP headers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from meshdoctor.istio.fields.reading import Field
from meshdoctor.istio.schema.fault import Fault

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~A-Za-z0-9]+", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_CLAIM = re.compile(r"@request\.auth\.claims(?:\..+|\[.+\])", re.IGNORECASE | re.DOTALL)
PSEUDO = {":method", ":scheme", ":authority", ":path", ":status"}
# a literal, `%%`, `%NAME%`, or `%NAME(arguments)%` where arguments are words or a JSON array of texts
_VALUE = re.compile(
    r"""(?: [^%]
          | %%
          | % [^%(]+ %
          | % [^%(]+ \( [ ]* (?: \[ (?:[ ]*"(?:\\.|[^\\"])*"[ ]*,?)* [ ]* \] [ ]* | [^\[\ ](?:\\.|[^\\)])* )? \) [ ]* %
        )*""",
    re.VERBOSE | re.DOTALL,
)


def is_claim(name: str) -> bool:
    """`@request.auth.claims.NAME`, by which gateways route on a claim of a token."""
    return bool(_CLAIM.fullmatch(name))


def is_authority(name: str) -> bool:
    return name.lower() in (":authority", "host")


def not_a_name(name: str) -> str:
    return "" if _TOKEN.fullmatch(name) else f"{name!r} is no name of a header"


def not_to_match(name: str) -> str:
    """Why no match can ask for a header."""
    return "" if is_claim(name) or name in PSEUDO else not_a_name(name)


def _not_to_set(name: str) -> str:
    if not name:
        return "a header has no name"
    return f"{name} cannot be set" if name.startswith(":") and not is_authority(name) else ""


def _not_to_change(name: str) -> str:
    if not name:
        return "a header has no name"
    return f"{name} cannot be changed here" if name.startswith(":") or name.lower() == "host" else ""


def bad_headers(headers: Field) -> Iterator[Fault]:
    """The headers that a route adds, sets and removes, on requests and responses."""
    for side, allowed in (("request", _not_to_set), ("response", _not_to_change)):
        for action in ("add", "set"):
            yield from _bad_values(headers[side][action], allowed)
        for name in headers[side]["remove"].items:
            if reason := _not_to_change(name.text):
                yield name.wrong(f"is refused: {reason}")


def _bad_values(headers: Field, refused: Callable[[str], str]) -> Iterator[Fault]:
    for name, value in headers.entries:
        if reason := refused(name):
            yield value.wrong(f"is refused: {reason}")
        if _CONTROL.search(value.text):
            yield value.wrong("has a control character")
        elif not _VALUE.fullmatch(value.text):
            yield value.wrong("has a % that begins no command of Envoy's (write %% for the sign itself)")


def authority_set(headers: Field) -> list[Field]:
    """Where a route sets the authority."""
    request = headers["request"]
    return [value for action in ("set", "add") for name, value in request[action].entries if is_authority(name)]
