"""What an operator pastes: a line of an access log, the head of a request, a curl command, or Envoy's words alone.

All of it is hostile: cut, without escapes, and with the tokens in it read for their claims and never kept.
"""

from __future__ import annotations

import base64
import binascii
import re
import shlex
from typing import Any
from urllib.parse import urlsplit

import msgspec

from meshdoctor.istio.access_line import access_entry
from meshdoctor.istio.authorization.logged import AUTHORIZER, SILENCE, TOKEN, named
from meshdoctor.model.envoy import AccessLogEntry
from meshdoctor.model.text import plain

LONGEST = 1_000_000  # bytes that are looked at
LONGEST_LINE = 20_000
_START = re.compile(r"^([A-Z]{3,10}) (\S+)(?: HTTP/\d(?:\.\d)?)?$")
_HEADER = re.compile(r"^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}):[ \t]*(.*)$")
_BEARER = re.compile(r"(?i)^bearer\s+(\S+)$")
_ENTRY = re.compile(r"\{.*\}|\[\d{4}-\d\d-\d\dT.*")


class Pasted(msgspec.Struct, frozen=True, kw_only=True):
    """What could be read: an entry of an access log, or a request. `details` are Envoy's words in the text."""

    entry: AccessLogEntry | None = None
    details: str = ""
    method: str = ""
    path: str = ""
    host: str = ""
    port: int | None = None
    headers: dict[str, tuple[str, ...]] = {}  # names in small letters
    claims: dict[str, Any] | None = None
    is_cut: bool = False

    @property
    def is_request(self) -> bool:
        return self.method != ""


def read(raw: bytes) -> Pasted | None:
    """What a text holds, of several lines of a log the last that was refused; None where it is nothing of the kind."""
    is_cut = len(raw) > LONGEST
    text = raw[:LONGEST].decode("utf-8", "replace")
    lines = [plain(line, LONGEST_LINE) for line in text.splitlines()]
    entries = [e for line in lines if (e := _entry(line)) is not None]
    if entries:
        refused = [e for e in entries if e.code in (401, 403) or "access_denied" in e.details + e.connection_details]
        entry = (refused or entries)[-1]
        return Pasted(entry=entry, details=f"{entry.details} {entry.connection_details}".strip(), is_cut=is_cut)
    found = _curl(" ".join(line.rstrip("\\") for line in lines)) or _head(lines)
    if found is not None:
        return msgspec.structs.replace(found, is_cut=is_cut)
    words = next((line for line in lines if named(line) or SILENCE in line or TOKEN.search(line) or AUTHORIZER.search(line)), "")
    return Pasted(details=words, is_cut=is_cut) if words else None


def _entry(line: str) -> AccessLogEntry | None:
    """A line of an access log, whatever a log reader wrote before it."""
    found = _ENTRY.search(line)
    return access_entry(found[0]) if found else None


def _head(lines: list[str]) -> Pasted | None:
    """`GET /path HTTP/1.1` with the headers that follow."""
    for number, line in enumerate(lines):
        start = _START.match(line.strip())
        if start and start[2].startswith(("/", "http://", "https://", "*")):
            headers: list[tuple[str, str]] = []
            for more in lines[number + 1 :]:
                header = _HEADER.match(more.strip())
                if header is None:
                    break
                headers.append((header[1].lower(), header[2]))
            return _request(start[1], start[2], headers)
    return None


_VALUED = ("-o", "-u", "-A", "-w", "-m", "-F", "-d", "-b", "--max-time", "--resolve", "--connect-to", "--form", "--cookie")
_BODIES = ("-d", "-F", "--data", "--form", "--json")


def _curl(text: str) -> Pasted | None:
    """`curl -X POST -H 'a: b' http://host:port/path`."""
    if not re.match(r"^\W{0,3}curl\s", text):
        return None
    try:
        words = shlex.split(text[text.index("curl") :])[1:]
    except ValueError:
        return None
    method, url, usual, headers = "", "", "GET", list[tuple[str, str]]()
    while words:
        word = words.pop(0)
        takes = word in _VALUED or (word.startswith("--data") and "=" not in word) or word in ("-X", "--request", "-H", "--header")
        value = words.pop(0) if takes and words else ""
        if word in ("-X", "--request"):
            method = value
        elif word in ("-H", "--header") and (header := _HEADER.match(value)):
            headers.append((header[1].lower(), header[2]))
        elif word.startswith(_BODIES) or word in ("-I", "--head"):
            usual = "POST" if word.startswith(_BODIES) else "HEAD"
        elif not word.startswith("-"):
            url = word
    return _request(method or usual, url if "://" in url else f"http://{url}", headers) if url else None


def _request(method: str, target: str, said: list[tuple[str, str]]) -> Pasted:
    headers: dict[str, tuple[str, ...]] = {}
    for name, value in said:
        headers[name] = (*headers.get(name, ()), value)
    (host, *_), port, path = headers.pop("host", ("",)), None, target
    if not target.startswith(("/", "*")):
        try:
            parts = urlsplit(target)
            port = parts.port
        except ValueError:
            return Pasted(method=method, path="/", host=host, headers=headers)
        path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        host = host or parts.netloc.rpartition("@")[2]
    bearer = _BEARER.match(headers.pop("authorization", ("",))[0])
    claims = claims_of(bearer[1]) if bearer else {}
    return Pasted(method=method, path=path, host=host, port=port, headers=headers, claims=claims)


def claims_of(token: str) -> dict[str, Any] | None:
    """The claims of a JSON web token; None where it is none. Its signature is not verified, and it is not kept."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        said = msgspec.json.decode(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, msgspec.DecodeError):
        return None
    return said if isinstance(said, dict) else None
