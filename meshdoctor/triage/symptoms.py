"""What somebody pastes: curl's output, access log lines, kubectl's errors, alerts, events. Read for what it says and names."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import msgspec

from meshdoctor.istio.access_line import access_entry
from meshdoctor.istio.responses import explained
from meshdoctor.model.envoy import AccessLogEntry
from meshdoctor.model.redact import redact
from meshdoctor.model.text import plain

MOST_TEXT, MOST_LINES, LONGEST_LINE, MOST_NAMES = 1_000_000, 2_000, 4_000, 40
_STATUS = re.compile(r"(?:^|[\s<])HTTP/[\d.]+ ([1-5]\d\d)\b|\bstatus(?: ?code)?[:= ]+([1-5]\d\d)\b", re.IGNORECASE)
_BEGIN = re.compile(r"\[\d{4}-\d\d-\d\dT[\d:.]+Z\] \"|\{\"")
_CLUSTER = re.compile(r"(?:outbound|inbound)\|\d*\|[^|\s]*\|([a-z0-9.*-]+)")
_SERVICE = re.compile(r"\b([a-z0-9][a-z0-9-]{0,62})\.([a-z0-9][a-z0-9-]{0,62})\.svc(?:\.[a-z0-9.-]{1,100})?\b")
_HOST = re.compile(
    r"(?:https?://|(?<![\w-])host: ?|could not resolve host: |connected to |failed to connect to )([a-z0-9][a-z0-9.-]{0,252})",
    re.IGNORECASE,
)
_OBJECT = re.compile(
    r"\b(pods?|deployments?(?:\.apps)?|services?|svc|virtualservice|destinationrule|gateway|namespace|replicaset)[/ ]"
    r"\"?([a-z0-9][a-z0-9.-]{0,252}(?:/[a-z0-9][a-z0-9.-]{0,252})?)\"?"
)
_FLAGS = re.compile(r"\b[45]\d\d ((?:[A-Z][A-Z0-9]{1,9})(?:,[A-Z][A-Z0-9]{1,9})*) ")
_ODD = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]|�")


class Sign(msgspec.Struct, frozen=True):
    """What a problem looks like from outside; `words` are regular expressions."""

    codes: tuple[int, ...] = ()
    flags: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


class Known(msgspec.Struct, frozen=True):
    """A symptom in people's words, an alert's name, or a phrase of a tool, and the problems it can be."""

    problems: tuple[str, ...]
    says: str = ""
    name: str = ""
    words: str = ""


class Table(msgspec.Struct, frozen=True):
    signs: dict[str, Sign]
    seen: tuple[Known, ...]
    alert: tuple[Known, ...]
    phrase: tuple[Known, ...]


class Pasted(msgspec.Struct, frozen=True, kw_only=True):
    """What a text says. `kinds` is empty where it was not understood; `left_out` says what of it was not read."""

    kinds: tuple[str, ...] = ()
    says: tuple[str, ...] = ()
    codes: tuple[int, ...] = ()
    flags: tuple[str, ...] = ()
    names: tuple[str, ...] = ()  # hosts and NAMESPACE/NAME
    problems: tuple[str, ...] = ()  # that its words or its alert point to
    quote: str = ""
    left_out: str = ""

    @property
    def is_understood(self) -> bool:
        return bool(self.kinds)


class _Reader:
    """Collects what the lines say, each thing once, in the order it was met."""

    def __init__(self) -> None:
        self.kinds: dict[str, None] = {}
        self.says: dict[str, None] = {}
        self.codes: dict[int, None] = {}
        self.flags: dict[str, None] = {}
        self.names: dict[str, None] = {}
        self.problems: dict[str, None] = {}

    def name(self, text: str) -> None:
        host = text.strip().rstrip(".").lower()
        if host and len(self.names) < MOST_NAMES and not re.fullmatch(r"[\d.:]+", host):
            self.names[host] = None

    def access(self, entry: AccessLogEntry) -> None:
        """One access log line."""
        self.kinds["access log"] = None
        if entry.code >= 400:
            self.codes[entry.code] = None
        for flag in filter(None, entry.flags.split(",")):
            self.flags[flag] = None
        for said in explained(entry):
            self.says[f"{said.word}: {said.means}; look at: {said.look}"] = None
        self.name(entry.authority.partition(":")[0])
        if cluster := _CLUSTER.search(entry.upstream_cluster):
            self.name(cluster[1])

    def words(self, text: str) -> None:
        """One line of anything else."""
        for match in _STATUS.finditer(text):
            code = int(match[1] or match[2])
            self.kinds["an HTTP answer"] = None
            self.codes[code] = None
        for match in _FLAGS.finditer(text):
            self.flags.update(dict.fromkeys(match[1].split(",")))
        for pattern, known in phrases():
            if pattern.search(text):
                self.kinds["words of a tool"] = None
                self.says[known.says] = None
                self.problems.update(dict.fromkeys(known.problems))
        for pattern, problem in signs():
            if pattern.search(text):
                self.kinds["words of a log"] = None
                self.problems[problem] = None
        for match in _SERVICE.finditer(text):
            self.name(f"{match[1]}.{match[2]}.svc.cluster.local")
        for match in _HOST.finditer(text):
            self.name(match[1])
        for match in _OBJECT.finditer(text):
            self.name(match[2])

    def alert(self, labels: dict[str, Any]) -> None:
        """One alert of an Alertmanager."""
        name = str(labels.get("alertname", ""))
        self.kinds["alert"] = None
        known = next((a for a in table().alert if a.name == name), None)
        self.problems.update(dict.fromkeys(known.problems if known else ()))
        self.says[f"alert {name}" + ("" if known else ": no alert of the handbook")] = None
        self._labelled(labels)

    def event(self, fields: dict[str, Any]) -> None:
        """One event of Kubernetes."""
        self.kinds["event"] = None
        about = fields.get("involvedObject") or fields.get("regarding") or {}
        if isinstance(about, dict):
            self.name("/".join(str(about[p]) for p in ("namespace", "name") if about.get(p)))
        self.says[f"{fields.get('reason', 'event')}: {fields.get('message', fields.get('note', ''))}"] = None
        self.words(f"{fields.get('reason', '')} {fields.get('message', fields.get('note', ''))}")

    def _labelled(self, labels: dict[str, Any]) -> None:
        space = str(labels.get("namespace") or labels.get("destination_workload_namespace") or "")
        for key in ("pod", "deployment", "service", "workload", "destination_workload", "destination_service_name"):
            if isinstance(labels.get(key), str):
                self.name(f"{space}/{labels[key]}" if space else labels[key])
        if isinstance(labels.get("destination_service"), str):
            self.name(labels["destination_service"])


def understood(text: str | bytes) -> Pasted:
    """What a pasted text says; without secrets, whatever it is and however long."""
    given = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    clean = redact(given[:MOST_TEXT])
    lines = [line for line in clean.splitlines() if line.strip()]
    reader = _Reader()
    if not _is_binary(clean) and not _whole(reader, clean):
        for line in lines[:MOST_LINES]:
            _line(reader, plain(line, LONGEST_LINE))
    return Pasted(
        kinds=tuple(reader.kinds),
        says=tuple(plain(s, 400) for s in reader.says)[:MOST_NAMES],
        codes=tuple(reader.codes),
        flags=tuple(reader.flags)[:MOST_NAMES],
        names=tuple(plain(n, 253) for n in reader.names),
        problems=tuple(reader.problems),
        quote="\n".join(plain(line, 600) for line in lines[:20]),
        left_out=_left_out(given, lines),
    )


def _left_out(given: str, lines: list[str]) -> str:
    if len(given) > MOST_TEXT:
        return f"Only the first {MOST_TEXT:,} of {len(given):,} characters were read."
    return f"Only the first {MOST_LINES:,} of {len(lines):,} lines were read." if len(lines) > MOST_LINES else ""


def _is_binary(text: str) -> bool:
    head = text[:10_000]
    return "\x00" in head or len(_ODD.findall(head)) > len(head) / 20


def _whole(reader: _Reader, text: str) -> bool:
    """A text that is one JSON document: alerts or events. False where it is something else."""
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        given = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    found = False
    for each in list(_documents(given))[:MOST_LINES]:
        if isinstance(labels := each.get("labels"), dict) and "alertname" in labels:
            reader.alert(labels)
        elif each.get("kind") == "Event" or "involvedObject" in each:
            reader.event(each)
        else:
            continue
        found = True
    return found


def _documents(given: Any) -> Iterator[dict[str, Any]]:
    if isinstance(given, dict):
        several = given.get("alerts", given.get("items"))
        yield from _documents(several) if isinstance(several, list) else (given,)
    elif isinstance(given, list):
        yield from (each for each in given if isinstance(each, dict))


def _line(reader: _Reader, line: str) -> None:
    begin = _BEGIN.search(line)  # kubectl logs puts a time or the pod's name before it
    entry = access_entry(line[begin.start() :]) if begin else None
    if entry is not None:
        reader.access(entry)
    if entry is None or entry.code >= 400 or entry.flags:
        reader.words(line)


@functools.cache
def table() -> Table:
    """Signs, symptoms, alerts and phrases, from symptoms.toml."""
    text = files("meshdoctor.triage").joinpath("symptoms.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), Table)


@functools.cache
def phrases() -> tuple[tuple[re.Pattern[str], Known], ...]:
    """The phrases of tools, compiled."""
    return tuple((re.compile(known.words, re.IGNORECASE), known) for known in table().phrase)


@functools.cache
def signs() -> tuple[tuple[re.Pattern[str], str], ...]:
    """The words of logs and events, compiled, with the problem of each."""
    return tuple((re.compile(words), problem) for problem, sign in table().signs.items() for words in sign.words)
