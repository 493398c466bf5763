"""What the flags and details of an access log line mean.

Source: envoyproxy.io, `%RESPONSE_FLAGS%` of the access log and the list of response code details.
"""

from __future__ import annotations

import functools
import re
import tomllib
from importlib.resources import files

import msgspec

from meshdoctor.model.envoy import AccessLogEntry

_POLICY = re.compile(r"ns\[(?P<ns>[^\]]*)\]-policy\[(?P<name>[^\]]*)\]-rule\[(?P<rule>\d+)\]")


class Said(msgspec.Struct, frozen=True):
    """One word of the log: what it means and where to look."""

    word: str
    means: str
    look: str


@functools.cache
def _table() -> dict[str, dict[str, Said]]:
    text = tomllib.loads(files("meshdoctor.istio").joinpath("responses.toml").read_text("utf-8"))
    return {part: {w: Said(w, *said) for w, said in words.items()} for part, words in text.items()}


def flag(word: str) -> Said:
    """A response flag; one that is not known says so."""
    return _table()["flags"].get(word) or Said(word, "a flag this release does not know", "Envoy's access log documentation")


def detail(words: str) -> Said | None:
    """Response code or connection termination details, such as `upstream_reset_before_response_started{overflow}`."""
    head = words.partition("{")[0].partition("[")[0]
    known = _table()["details"].get(head)
    if known is None:
        return None
    if policy := _POLICY.search(words):
        look = f"AuthorizationPolicy {policy['ns']}/{policy['name']}, rule {policy['rule']} (counted from 0)"
        return Said(words, known.means, look)
    if head == "rbac_access_denied_matched_policy":
        return Said(words, "an ALLOW policy is in force, and none of its rules lets this request in", "who-can of the Service")
    return Said(words, known.means, known.look)


def explained(entry: AccessLogEntry) -> tuple[Said, ...]:
    """Every word of a line that means something, in the order it is read."""
    said = [flag(w) for w in entry.flags.split(",") if w]
    said += [s for s in (detail(entry.details), detail(entry.connection_details)) if s is not None]
    if entry.transport_failure:
        look = "certificates and mutual TLS of both sides" if "TLS" in entry.transport_failure.upper() else "is the server there?"
        said.append(Said(entry.transport_failure, "why the connection could not be made", look))
    return tuple(said)


def failed(entry: AccessLogEntry) -> bool:
    """Whether a request or connection failed: by its code, or by a flag other than the client's own leaving."""
    return entry.code >= 500 or bool(set(entry.flags.split(",")) - {"", "DC", "DR", "RFCF", "DI"}) or entry.code in (401, 403, 429)
