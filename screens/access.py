"""Access logs of all pods of a workload as rows: merged by time, faults marked, words explained, secrets masked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from meshdoctor.collect.decode_logs import lines
from meshdoctor.istio.access_line import access_entry
from meshdoctor.istio.accesslog_lookup import upstream
from meshdoctor.istio.responses import explained, failed, flag
from meshdoctor.model.envoy import AccessLogEntry
from meshdoctor.model.redact import redact
from screens.text import Run, count, duration
from screens.widgets.doc import Item
from screens.widgets.rows import Column, Row

COLUMNS = (
    Column("TIME", least=8, keep=True),
    Column("STATE", least=6, keep=True),
    Column("CODE", least=4, align="right", keep=True),
    Column("FLAGS", least=5, most=12, keep=True),
    Column("TOOK", least=7, align="right"),
    Column("REQUEST", least=16, most=70, keep=True),
    Column("WAY", least=3),
    Column("TO", least=16, most=44, is_name=True, extra=True),
    Column("POD", least=8, most=34, is_name=True),
)
LONGEST = 600  # of a line that is none of the access log's


@dataclass(frozen=True, slots=True)
class Lines:
    """What was read: rows, the newest last, and what they add up to."""

    rows: tuple[Row, ...]
    entries: tuple[AccessLogEntry, ...]
    pods: int
    failed: Mapping[str, str]  # by pod: why its log could not be read


def read(texts: Mapping[str, str], failed_pods: Mapping[str, str] | None = None) -> Lines:
    """Rows of the logs by pod. A line that is no access log line is shown dim, as it is."""
    found: list[tuple[datetime | None, Row]] = []
    entries: list[AccessLogEntry] = []
    for pod, text in texts.items():
        for number, (when, words) in enumerate(lines(text.encode())):
            entry = access_entry(words, when)
            key = f"{pod} {when.isoformat() if when else number} {hash(words)}"
            if entry is None:
                found.append((when, _other(key, pod, when, words)))
            else:
                entries.append(entry)
                found.append((entry.time or when, _row(key, pod, entry)))
    found.sort(key=lambda f: f[0].timestamp() if f[0] else 0.0)
    return Lines(tuple(row for _, row in found), tuple(entries), len(texts), failed_pods or {})


def _row(key: str, pod: str, entry: AccessLogEntry) -> Row:
    bad = failed(entry)
    up = upstream(entry.upstream_cluster)
    to = (
        " ".join(w for w in (f"{up.host}:{up.port}" if up.host else "", up.subset) if w)
        or entry.upstream_host
        or entry.downstream_local
    )
    way = "in" if entry.inbound else "out"
    request = redact(f"{entry.method} {entry.authority}{entry.path}").strip() or entry.sni or entry.protocol
    cells = (
        f"{entry.time.astimezone():%H:%M:%S}" if entry.time else "",
        Run("✖ FAIL", "bad") if bad else Run("● OK", "ok"),
        f"{entry.code}" if entry.code else Run("-", "dim"),
        Run(entry.flags or "-", "bad" if bad and entry.flags else "dim"),
        Run("-", "dim") if entry.duration_ms is None else f"{entry.duration_ms} ms",
        request,
        way,
        to,
        pod,
    )
    fields = {"code": f"{entry.code}", "flag": entry.flags, "pod": pod, "way": way, "state": "FAIL" if bad else "OK"}
    return Row(key, cells, fields, is_fault=bad, payload=entry)


def _other(key: str, pod: str, when: datetime | None, words: str) -> Row:
    clock = f"{when.astimezone():%H:%M:%S}" if when else ""
    text = Run(redact(words[:LONGEST]), "dim")
    return Row(key, (clock, "", "", "", "", text, "", "", pod), {"pod": pod, "state": "line"})


def summary(found: Lines) -> list[Item]:
    """How many, how many failed, and the flags by how often they occur, each with its meaning."""
    total, bad = len(found.entries), sum(failed(e) for e in found.entries)
    pods = count(found.pods, "pod")
    if not total:
        note = "Telemetry or meshConfig.accessLogFile switches access logs on"
        return [Item((Run("○ ", "dim"), Run(f"no access log line of {pods}")), note=note), *_unread(found)]
    times = [e.time for e in found.entries if e.time]
    span = f" within {duration((max(times) - min(times)).total_seconds())}" if times else ""
    share = f"{bad} failed ({bad / total:.1%})".replace("%", " %") if bad else "none failed"
    items = [Item(f"{count(total, 'request')} of {pods}{span}, {share}", "strong")]
    flags = Counter(w for e in found.entries for w in e.flags.split(",") if w)
    for word, number in flags.most_common(4):
        shown = f"{number:>5}  {f'{number / total:.1%}'.replace('%', ' %'):>7}  {flag(word).means}"
        items.append(Item((Run(f"{word:<5} ", "bad"), Run(shown)), indent=2))
    return [*items, *_unread(found)]


def _unread(found: Lines) -> Iterable[Item]:
    for pod, why in list(found.failed.items())[:2]:
        yield Item((Run("? UNKNOWN  ", "unknown"), Run(f"{pod}: {why}")))


def detail(entry: AccessLogEntry) -> list[Item]:
    """One line in full: each word that means something with its meaning and where to look, then the addresses."""
    items = [Item(redact(f"{entry.method} {entry.authority}{entry.path}").strip() or entry.sni or entry.protocol, "strong")]
    for said in explained(entry):
        items.append(Item((Run(f"{redact(said.word)}  ", "strong"), Run(said.means)), indent=2))
        items.append(Item(f"look at: {said.look}", "dim", indent=4))
    if len(items) == 1:
        items.append(Item("nothing in this line tells of trouble", "dim", indent=2))
    places = (
        ("cluster", entry.upstream_cluster),
        ("endpoint", entry.upstream_host),
        ("from", entry.downstream_remote),
        ("to", entry.downstream_local),
        ("server name", entry.sni),
        ("route", entry.route),
    )
    told = "   ".join(f"{name} {value}" for name, value in places if value)
    return [*items, Item(told, "dim", indent=2)] if told else items
