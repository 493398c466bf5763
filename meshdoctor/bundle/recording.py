"""A recorded mesh: the answers that an API server and its pods gave, by what was asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from meshdoctor.bundle import archive, scrub
from meshdoctor.bundle.archive import Answer, Manifest, read_manifest
from meshdoctor.bundle.edit import edited
from meshdoctor.bundle.paths import split
from meshdoctor.collect.files import documents
from meshdoctor.model.errors import UsageError

__all__ = ["Answer", "Manifest", "Recorder", "Recording", "read_manifest"]

OLDEST = datetime(2026, 1, 1, tzinfo=UTC)


class Recording(msgspec.Struct, frozen=True):
    """What was recorded. Changing it gives another one; `name` is the scenario's, where it is one."""

    title: str = ""
    about: str = ""
    recorded_at: datetime = OLDEST
    answers: Mapping[str, Answer] = {}
    context: str = ""
    name: str = ""
    unseen: Mapping[str, str] = {}  # lists that are not in it (`/api/v1/pods`), and why: neither empty nor unknown to the server

    @classmethod
    def read(cls, path: Path) -> Recording:
        """The recording in a file. Raises UsageError where it is none, or hostile."""
        told, answers = archive.read(path)
        return cls(told.title, told.about, told.recorded_at, answers, told.context, archive.name_of(path))

    def write(self, path: Path) -> None:
        """Write the file in one step; an unfinished one never has its name. Nothing secret is written."""
        if self.recorded_at.tzinfo is None:
            raise UsageError(f"{path} was not written: the time of the recording has no zone.")
        answers = {scrub.text(key): scrub.scrubbed(key, answer) for key, answer in self.answers.items()}
        words = (scrub.text(self.title), scrub.text(self.about))
        archive.write(path, Manifest(*words, self.recorded_at, context=scrub.text(self.context)), answers)

    def get(self, key: str) -> Answer | None:
        """The answer for a key, whatever the order of its parameters."""
        asked = split(key)
        return self.answers.get(key) or next((a for k, a in self.answers.items() if split(k) == asked), None)

    def overlay(self, yaml_text: str) -> Recording:
        """The recording with the manifests' objects added, or in the place of those with the same name."""
        return self.with_objects(documents(yaml_text))

    def with_objects(self, objects: Iterable[dict[str, Any]]) -> Recording:
        """The recording with objects added, or in the place of those with the same name."""
        return msgspec.structs.replace(self, answers=edited(self.answers, put=objects))

    def without(self, *paths: str) -> Recording:
        """The recording without some objects, by their paths (`/api/v1/namespaces/shop/pods/cart-1`)."""
        return msgspec.structs.replace(self, answers=edited(self.answers, drop=paths))

    def with_answer(self, key: str, body: bytes | str, status: int = 200, content_type: str = "application/json") -> Recording:
        """The recording with another answer for one key."""
        raw = body.encode() if isinstance(body, str) else body
        return msgspec.structs.replace(self, answers={**self.answers, key: Answer(status, content_type, raw)})


class Recorder:
    """Keeps what a client was answered; the last answer for a key wins."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}

    def record(self, key: str, status: int, content_type: str, body: bytes) -> None:
        """Keep one answer. Keys are `api GET /path?query` and `pod NAMESPACE/POD:PORT GET /path?query`."""
        self.answers[key] = Answer(status, content_type, body)

    def recording(self, title: str = "", about: str = "", recorded_at: datetime = OLDEST, context: str = "") -> Recording:
        """What was kept."""
        return Recording(title, about, recorded_at, dict(self.answers), context)

    def write(self, path: Path, title: str, about: str, recorded_at: datetime, context: str = "") -> None:
        """Write what was kept, scrubbed. Raises UsageError where the body of a Secret is among it."""
        self.recording(title, about, recorded_at, context).write(path)
