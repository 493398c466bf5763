"""One replica of istiod in full: its container, its proxies that are not in sync, what it counted, what it complained of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime

from meshdoctor.model.containers import ContainerStatus
from meshdoctor.model.istiod import Istiod
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Unseen
from meshdoctor.model.workloads import Pod
from screens.figures import proxy_state
from screens.text import Run, age, badge, count
from screens.widgets.doc import Item

STATES = {"FAIL": ("✖ refused", "bad"), "WARN": ("▲ stale", "warn")}
LEVELS = ("warn", "error", "fatal")
COUNTED = {
    "pilot_total_xds_rejects": "refused by proxies",
    "pilot_total_xds_internal_errors": "failed inside istiod",
    "pilot_xds_write_timeout": "timed out on the way",
}
MOST = 4  # proxies, and lines of its log


def replica(pod: Pod, said: Istiod | None, mesh: Mesh) -> Iterator[Item]:
    """What is known of it, each part with its label; what it did not tell is unknown, with the reason."""
    for number, status in enumerate(pod.status.container_statuses):
        yield Item(_container(status, mesh.now), label="" if number else "RUNS")
    if said is None:
        yield Item((badge("UNKNOWN"), Run("  it was not asked")), label="SAYS")
        return
    yield from _part("PROXIES", lambda: _proxies(said, mesh))
    yield from _part("PUSHES", lambda: _pushes(said))
    yield from _part("COMPLAINS", lambda: _complaints(said))


def _part(label: str, tell: Callable[[], Iterator[Item]]) -> Iterator[Item]:
    try:
        items = list(tell())
    except Unseen as unseen:
        items = [Item((badge("UNKNOWN"), Run(f"  {unseen.source.reason or unseen.source.state}")))]
    for number, item in enumerate(items):
        yield replace(item, label="" if number else label)


def _container(status: ContainerStatus, now: datetime) -> tuple[Run, ...]:
    running, waiting = status.state.running, status.state.waiting
    since = f" for {age((now - running.started_at).total_seconds())}" if running and running.started_at else ""
    waits = f", waits: {waiting.reason}" if waiting else ""
    restarts = f", {count(status.restart_count, 'restart')}" if status.restart_count else ", never restarted"
    ready = badge("OK", "ready") if status.ready else badge("FAIL", "not ready")
    return Run(f"{status.name}  "), ready, Run(f"{since}{waits}{restarts}   "), Run(status.image, "dim")


def _proxies(said: Istiod, mesh: Mesh) -> Iterator[Item]:
    """Those that are not in sync by name; the others as a number."""
    told = [(proxy_state(p, mesh), p) for p in said.syncz]
    bad = [(state, p) for state, p in told if state in STATES]
    yield Item((badge("OK", f"{len(told) - len(bad)} in sync") if told else Run("○ none is connected to it", "dim"),))
    for state, p in bad[:MOST]:
        kinds = ", ".join(k for k, t in p.types.items() if t.state in ("NACK", "STALE"))
        error = next((t.error for t in p.types.values() if t.error), "")
        yield Item((Run(*STATES[state]), Run(f" {p.namespace}/{p.name}  {kinds}{f': {error}' if error else ''}")))
    if len(bad) > MOST:
        yield Item(f"and {len(bad) - MOST} more, ⏎ shows them", "dim")


def _pushes(said: Istiod) -> Iterator[Item]:
    """How long configuration took to be sent since this replica began, and what went wrong with it."""
    number, took = said.metric("pilot_proxy_convergence_time_count"), said.metric("pilot_proxy_convergence_time_sum")
    mean = f", {1000 * took / number:.0f} ms each on average" if number and took is not None else ""
    yield Item(f"{count(int(number), 'push', 'pushes')} since it began{mean}" if number is not None else "none counted yet")
    wrong = {words: n for name, words in COUNTED.items() if (n := said.metric(name))}
    if wrong:
        yield Item((Run("▲ ", "warn"), Run(", ".join(f"{n:.0f} {words}" for words, n in wrong.items()))))


def _complaints(said: Istiod) -> Iterator[Item]:
    """The newest warnings and errors of its log, each once."""
    found = dict.fromkeys(text for _, text in reversed(said.log) if any(level in text.split()[:2] for level in LEVELS))
    for text in [*found][:MOST]:
        yield Item((Run("▲ ", "warn"), Run(" ".join(text.split()))))
    if not found:
        yield Item("of nothing in the last 60 s of its log", "dim")
