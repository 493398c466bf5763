"""A recorded log as it is asked for: the last lines, since a time, with or without the API server's time stamps."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

_STAMP = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d) ")
_TIME = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?Z")
_STARTED = re.compile(rb'"start_time":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)')


def asked(body: bytes, given: Mapping[str, str], now: datetime) -> bytes:
    """The part of a log that the parameters of a request choose."""
    lines = body.splitlines(keepends=True)
    seconds, tail = given.get("sinceSeconds", ""), given.get("tailLines", "")
    if seconds.isdecimal():
        lines = _since(lines, now - timedelta(seconds=int(seconds)))
    if tail.isdecimal():
        lines = lines[-int(tail) :] if int(tail) else []
    if given.get("timestamps") != "true":
        lines = [_STAMP.sub(b"", line, count=1) if _STAMP.match(line) else line for line in lines]
    whole = b"".join(lines)
    limit = given.get("limitBytes", "")
    return whole[: int(limit)] if limit.isdecimal() else whole


def _since(lines: list[bytes], start: datetime) -> list[bytes]:
    """The lines from a time on; a line without a time belongs to the one before it, and a log without any is kept."""
    times = [_moment(line) for line in lines]
    kept: list[bytes] = []
    late = not any(times)
    for line, at in zip(lines, times, strict=True):
        late = late if at is None else at >= start
        if late:
            kept.append(line)
    return kept


def _moment(line: bytes) -> datetime | None:
    match = _STARTED.search(line) or _TIME.search(line[:60])
    try:
        return datetime.fromisoformat(match[1].decode()).replace(tzinfo=UTC) if match else None
    except ValueError:
        return None
