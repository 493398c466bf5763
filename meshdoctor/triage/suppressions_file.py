"""The file of suppressions, `.meshdoctor.toml`:

[[ignore]]
code = "MTL-002"                     # or a list; MD, IST and KIA codes, problems, IST*, *
subject = "DestinationRule shop/*"   # kind, namespace and name, or namespace/name; default: every object
reason = "the legacy client ends in June"
until = 2027-06-30                   # the last day; without it, for good
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Collection
from datetime import date

import msgspec

from meshdoctor.model.errors import UsageError
from meshdoctor.triage.suppress import Suppression

DEFAULT = ".meshdoctor.toml"
_ELSEWHERE = re.compile(r"(?:IST|KIA)(?:\d{4}|\*)", re.ASCII)
_DO = "Mend the file: each [[ignore]] has code, reason, and where wanted subject and until."


class _Ignore(msgspec.Struct, forbid_unknown_fields=True):
    code: str | list[str]
    reason: str
    subject: str = "*"
    until: date | None = None


class _File(msgspec.Struct, forbid_unknown_fields=True):
    ignore: list[_Ignore] = []


def read(raw: bytes, name: str, known: Collection[str]) -> tuple[Suppression, ...]:
    """The suppressions of a file. Raises UsageError where it does not fit, or names a code that does not exist."""
    try:
        file = msgspec.convert(tomllib.loads(raw.decode("utf-8")), _File)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError, RecursionError) as why:
        raise UsageError(f"The suppressions in {name} cannot be used: {why}.", do=_DO) from why
    return tuple(_checked(each, name, known) for each in file.ignore)


def _checked(ignore: _Ignore, name: str, known: Collection[str]) -> Suppression:
    codes = (ignore.code,) if isinstance(ignore.code, str) else tuple(ignore.code)
    if not ignore.reason.strip() or not codes:
        raise UsageError(f"A suppression in {name} has no {'code' if not codes else 'reason'}.", do=_DO)
    for code in codes:
        if code != "*" and code.upper() not in known and not _ELSEWHERE.fullmatch(code.upper()):
            near = difflib.get_close_matches(code.upper(), known, 3)
            raise UsageError(f"{name} names {code!r}, which is no code.", do=f"Near: {', '.join(near)}." if near else _DO)
    return Suppression(codes=codes, reason=ignore.reason.strip(), by=name, subject=ignore.subject, until=ignore.until)
