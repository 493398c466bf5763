"""Everything that the files hold: objects, manifests, what is wrong with them, and their lines."""

from __future__ import annotations

import re
from collections.abc import Iterable

from meshdoctor.collect.reading.builder import Refused
from meshdoctor.collect.reading.documents import documents
from meshdoctor.collect.reading.inputs import STDIN, Input, Skipped, Text, inputs
from meshdoctor.collect.reading.objects import Found, objects_of
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.errors import UsageError
from meshdoctor.model.manifest import Complaint, Manifest, file_subject
from meshdoctor.model.redact import redact
from meshdoctor.model.subject import Subject

_SECRET = re.compile(r"""\bkind["']?\s*:\s*["']?Secret(?:List)?\b""")


class Given:
    """What was read. All manifests, but of objects that the files have twice the last one, as `kubectl apply` leaves it."""

    def __init__(self) -> None:
        self.complaints: list[Complaint] = []
        self.notes: list[str] = []
        self._manifests: list[Manifest] = []
        self._last: dict[Subject, Manifest] = {}
        self._things: dict[Subject | int, KubernetesObject] = {}  # those without a name by a number
        self._texts: dict[str, list[str]] = {}

    @property
    def manifests(self) -> tuple[Manifest, ...]:
        return tuple(self._manifests)

    @property
    def things(self) -> tuple[KubernetesObject, ...]:
        return tuple(self._things.values())

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all could be read: neither an object nor a file that is broken."""
        return not self._manifests and all(c.wrong == "unread" for c in self.complaints)

    def line(self, file: str, number: int) -> str:
        """A line of a file without secrets; nothing of a file that has a Secret in it."""
        lines = self._texts.get(file, [])
        return redact(lines[number - 1]) if 0 < number <= len(lines) else ""

    def take(self, found: Input, namespace: str) -> None:
        """Read one input."""
        if isinstance(found, Complaint):
            self.complaints.append(found)
        elif isinstance(found, Skipped):
            self.notes.append(found.says)
        else:
            self._read(found, namespace)

    def _read(self, text: Text, namespace: str) -> None:
        if not _SECRET.search(text.text):
            self._texts[text.name] = text.text.split("\n")
        for number, document in enumerate(documents(text.text)):
            if isinstance(document, Refused):
                self.complaints.append(_unparsed(text.name, number, document))
                continue
            for found in objects_of(document, text.name, namespace):
                self._keep(found)

    def _keep(self, found: Found) -> None:
        self.complaints.extend(found.complaints)
        if found.manifest is None:
            return
        subject = found.manifest.subject
        self._manifests.append(found.manifest)
        if subject.name:
            if before := self._last.get(subject):
                self.complaints.append(_repeated(before, found.manifest))
            self._last[subject] = found.manifest
            self._things.pop(subject, None)
        if found.thing is not None:
            self._things[subject if subject.name else len(self._manifests)] = found.thing


def read(paths: Iterable[str], namespace: str = "") -> Given:
    """The manifests of files, folders, patterns and `-`. Raises UsageError where there is nothing to read at all."""
    given = Given()
    named = list(paths)
    for found in inputs(named):
        given.take(found, namespace)
    if given.is_empty:
        why = (
            "; ".join(c.says for c in given.complaints[:3])
            or f"no Kubernetes object in {', '.join(n if n != '-' else STDIN for n in named)}"
        )
        raise UsageError(
            f"Nothing to check: {why}.", do="Name files or folders of manifests (.yaml, .yml, .json), or - for a pipe."
        )
    return given


def read_text(text: str, namespace: str = "", name: str = "") -> Given:
    """The manifests of a text."""
    given = Given()
    given.take(Text(name, text), namespace)
    return given


def _unparsed(file: str, number: int, why: Refused) -> Complaint:
    path = f"[{number}]" if number else ""
    says = f"{file} does not parse: {why.says}"
    return Complaint(
        wrong="unparsed", subject=file_subject(file), says=says, path=path, file=file, line=why.line, column=why.column
    )


def _repeated(first: Manifest, last: Manifest) -> Complaint:
    line, column = last.place("") or (None, None)
    at = f"{first.file}:{(first.place('') or (1, 1))[0]}"
    subject = last.subject
    says = f"{subject} is given twice: what {at} says of it is lost"
    return Complaint(wrong="repeated-object", subject=subject, says=says, file=last.file, line=line, column=column)
