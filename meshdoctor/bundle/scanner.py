"""Looks through a finished bundle for secrets, in other ways than those that removed them: what it finds stops the bundle.

It decodes instead of comparing shapes: tokens whose parts are JSON, base64 whose inside is a key, header values, the values
that were removed elsewhere. Nothing of the redaction is used here but the marks that it leaves.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import msgspec

from meshdoctor.bundle.unpack import Limits, members

MARK = "<redacted"
_WORDS = re.compile(r"[^\s\"'<>,;(){}\[\]\\]+")
_RUN = 40  # characters of base64 without a break, from which on they are decoded
_BREAKS = bytes(c if (chr(c).isalnum() and c < 128) or chr(c) in "+/_=-" else ord(" ") for c in range(256))
_APPLIED = re.compile(r"last-applied-configuration[^\w{<]{1,60}\{(?!\s*\})")  # however often it is escaped
_ISSUERS = (
    "ghp_", "gho_", "ghs_", "ghu_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "xoxa-", "sk_live_", "rk_live_", "AKIA", "ASIA",
    "AIza", "ya29.", "hvs.", "dckr_pat_", "npm_", "AGE-SECRET-KEY-", "SG.",
)  # fmt: skip
_ARMOUR = ("PRIVATE KEY-----", "PRIVATE KEY BLOCK-----", "PuTTY-User-Key-File")
_SECRET_FIELDS = ("data", "stringData")
_JWK = ("d", "k", "p", "q")


class Leak(msgspec.Struct, frozen=True):
    """A secret that survived: the file and what it looks like, never the secret."""

    path: str
    what: str


def scan(archive: BinaryIO, removed: Iterable[str], limits: Limits) -> list[Leak]:
    """What is left in a finished archive; at most one leak of a kind for each file."""
    values = [v for v in removed if len(v) >= 8]
    found: dict[tuple[str, str], Leak] = {}
    for path, body in members(archive, limits):
        text = body.decode("utf-8", "replace")
        for what in (
            *_plain(text),
            *_structured(text),
            *(["a value that was removed elsewhere"] if any(v in text for v in values) else ()),
        ):
            found[path, what] = Leak(path, what)
    return list(found.values())


def _plain(text: str) -> Iterator[str]:
    if any(a in text for a in _ARMOUR):
        yield "a private key"
    for issuer in _ISSUERS:
        start = text.find(issuer)
        while start >= 0:
            word = _WORDS.match(text, start)
            if (
                word is not None
                and len(word[0]) >= 20
                and (start == 0 or not text[start - 1].isalnum())
                and any(c.isdigit() for c in word[0])
            ):
                yield f"a key that begins with {issuer}"
                break
            start = text.find(issuer, start + 1)
    yield from _encoded(text)
    yield from _spoken(text)


def _encoded(text: str) -> Iterator[str]:
    """Base64 in which a key, a token or a password stands."""
    start = text.find("eyJ")
    while start >= 0:
        word = _WORDS.match(text, start)
        if word is not None and _is_token(word[0]):
            yield "a JSON web token"
            break
        start = text.find("eyJ", start + 3)
    for run in _runs(text):
        inside = _inside(run)
        if any(a in inside for a in _ARMOUR) or '"password"' in inside or "client-key-data" in inside:
            yield "a secret in base64"
            return


def _runs(text: str) -> Iterator[str]:
    """The long runs of base64: a window as long as the shortest of them that has a break in it is left behind at one go."""
    marked = text.encode("ascii", "replace").translate(_BREAKS)  # a byte a character
    at = 0
    while at + _RUN <= len(marked):
        last = marked.rfind(b" ", at, at + _RUN)
        if last < 0:
            last = marked.find(b" ", at + _RUN)
            last = len(marked) if last < 0 else last
            yield text[at:last]
        at = last + 1


def _spoken(text: str) -> Iterator[str]:
    """Credentials in headers and addresses."""
    lower = text.lower()
    for scheme in ("bearer ", "basic "):
        start = lower.find(scheme)
        while start >= 0:
            word = _WORDS.match(text, start + len(scheme))
            if word is not None and _is_credential(scheme, word[0]):
                yield f"a {scheme.strip()} credential"
                break
            start = lower.find(scheme, start + len(scheme))
    start = text.find("://")
    while start >= 0:
        authority = re.split(r"[/\s\"'<>\\?#]", text[start + 3 : start + 300], maxsplit=1)[0]
        user, at, _ = authority.rpartition("@")
        if at and ":" in user and MARK not in text[start : start + 30]:
            yield "an address with a password"
            return
        start = text.find("://", start + 3)


def _is_credential(scheme: str, word: str) -> bool:
    if scheme == "basic ":
        return ":" in _inside(word)
    return len(word) >= 24 and any(c.isdigit() for c in word) and any(c.isalpha() for c in word)


def _is_token(word: str) -> bool:
    parts = word.split(".")
    try:
        return len(parts) >= 2 and isinstance(json.loads(_inside(parts[0])), dict) and len(parts[1]) >= 4
    except ValueError:
        return False


def _inside(run: str) -> str:
    bare = run.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4)).decode("utf-8")
    except ValueError:
        return ""


def _structured(text: str) -> Iterator[str]:
    """What only the structure shows: data of Secrets, private members of keys, copies of objects."""
    if _APPLIED.search(text):
        yield "a copy of an object as it was applied"
    stack = _decoded(text) if _may_hold(text) else []
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(node)
        elif isinstance(node, dict):
            if node.get("kind") == "Secret" and any(node.get(f) for f in _SECRET_FIELDS):
                yield "the data of a Secret"
            if "kty" in node and any(isinstance(node.get(m), str) and not node[m].startswith(MARK) for m in _JWK):
                yield "the private part of a web key"
            stack.extend(node.values())
        elif isinstance(node, str) and (inside := _object(node)) is not None:
            stack.append(inside)


def _decoded(text: str) -> list[Any]:
    """The file as JSON; of a log the objects in the lines that speak of a Secret or of a web key."""
    if text[:1] in ("{", "["):
        with contextlib.suppress(msgspec.DecodeError, RecursionError):
            return [msgspec.json.decode(text)]
    return [told for line in text.splitlines() if (told := _object(line)) is not None] if _speaks(text) else []


def _object(line: str) -> Any:
    """The JSON object that a text holds, if it speaks of a Secret or of a web key; None else."""
    start = line.find("{") if _speaks(line) else -1
    if start >= 0:
        with contextlib.suppress(ValueError, RecursionError):
            return json.JSONDecoder().raw_decode(line, start)[0]
    return None


def _may_hold(text: str) -> bool:
    """Whether JSON in a text can have a string that begins with Secret or kty, or one whose letters are escaped."""
    return '"Secret' in text or '"kty' in text or "\\u00" in text


def _speaks(text: str) -> bool:
    return "Secret" in text or "kty" in text
