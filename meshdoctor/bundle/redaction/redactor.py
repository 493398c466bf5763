"""One answer in, the same answer without secrets out."""

from __future__ import annotations

from typing import Any

import msgspec

from meshdoctor.bundle.archive import Answer
from meshdoctor.bundle.paths import place_of, split
from meshdoctor.bundle.redaction import texts
from meshdoctor.bundle.redaction.marks import Marks
from meshdoctor.bundle.redaction.values import Cleaner
from meshdoctor.bundle.scrub import refuse_secret_bodies


class _List(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """A list of the API and nothing else. Its objects are redacted one by one: decoded all at once they take a gigabyte."""

    items: list[msgspec.Raw]
    kind: str = ""
    api_version: str = ""
    metadata: dict[str, Any] = {}


class Redactor:
    """Redacts the answers of one bundle; what it removed is counted in `marks`."""

    def __init__(self, *, keep_code: bool = False) -> None:
        self.marks, self.keeps_code = Marks(), keep_code
        self._cleaner = Cleaner(self.marks, keep_code=keep_code)

    def answer(self, key: str, answer: Answer) -> Answer:
        """The answer without secrets. Raises UsageError where it is the body of a Secret."""
        refuse_secret_bodies(key, answer)
        self.marks.file = shown(key)
        is_schema = key.startswith("api GET /openapi/")
        body = self._log(answer.body) if _is_log(key) else self.body(answer.body, is_schema=is_schema)
        return msgspec.structs.replace(answer, body=body)

    def body(self, body: bytes, *, is_schema: bool = False) -> bytes:
        """JSON by its structure, anything else as text."""
        if body[:1] not in (b"{", b"["):
            return self._text(body)
        try:
            if not is_schema and (told := _list(body)) is not None:
                return self._known(self._list(told))
            told = msgspec.json.decode(body)
            return self._known(msgspec.json.encode(self._cleaner.schema(told) if is_schema else self._cleaner.value(told)))
        except (msgspec.DecodeError, RecursionError):
            return self._text(body)

    def _list(self, told: _List) -> bytes:
        head = {"kind": told.kind, "apiVersion": told.api_version, "metadata": told.metadata}
        clean = self._cleaner.value
        items = b",".join([msgspec.json.encode(clean(msgspec.json.decode(item), "items")) for item in told.items])
        return msgspec.json.encode(clean(head))[:-1] + b',"items":[' + items + b"]}"

    def again(self, key: str, body: bytes) -> bytes:
        """A redacted body once more: for what was found to be secret after it was read."""
        self.marks.file = shown(key)
        return self._known(body)

    def _text(self, body: bytes) -> bytes:
        return self._known(texts.clean_argument(body.decode("utf-8", "replace"), self.marks).encode())

    def _log(self, body: bytes) -> bytes:
        return self._known(texts.clean_log(body.decode("utf-8", "replace"), self.marks).encode())

    def _known(self, body: bytes) -> bytes:
        text = body.decode()
        cleaned = self.marks.known_in(text)
        return body if cleaned is text else cleaned.encode()


def _list(body: bytes) -> _List | None:
    """The list of objects that a body is; None for anything else."""
    try:
        told = msgspec.json.decode(body, type=_List)
    except msgspec.ValidationError:
        return None
    return told if told.kind.endswith("List") else None


def _is_log(key: str) -> bool:
    place = place_of(split(key.removeprefix("api GET "))[0]) if key.startswith("api ") else None
    return place is not None and place.sub == "log"


def shown(key: str) -> str:
    """A key as a report names it: without parameters."""
    return key.removeprefix("api GET ").partition("?")[0]
