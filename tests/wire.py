"""What reached any server of the tests, each request of one of four sorts: no test writes unless it is marked `writes`."""

from __future__ import annotations

import logging
from collections import Counter
from urllib.parse import parse_qs

import msgspec

from meshdoctor.bundle.conversation import ASKED

SORTS = ("reads", "access reviews", "dry runs", "writes")


class Witness(logging.Handler):
    """Counts what the servers were asked: `counts` by sort, `written` what would change something, as `METHOD target`."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.counts: Counter[str] = Counter()
        self.written: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        method, target, body = (str(record.__dict__[name]) for name in ("method", "target", "body"))
        sort = sort_of(method, target, body)
        self.counts[sort] += 1
        if sort == "writes":
            self.written.append(f"{method} {target}")

    def __enter__(self) -> Witness:
        ASKED.addHandler(self)
        ASKED.setLevel(logging.DEBUG)
        ASKED.propagate = False
        return self

    def __exit__(self, *_: object) -> None:
        ASKED.removeHandler(self)


def sort_of(method: str, target: str, body: str) -> str:
    """Of a DELETE with a body, the API server looks at the body's dryRun alone."""
    path, _, query = target.partition("?")
    if method in ("GET", "HEAD", "XDS") or path.endswith("/portforward"):
        return "reads"
    if method == "POST" and path.endswith("reviews"):
        return "access reviews"
    trial = parse_qs(query).get("dryRun") == ["All"]
    if method == "DELETE" and body:
        trial = msgspec.json.decode(body).get("dryRun") == ["All"]
    return "dry runs" if trial else "writes"


def summary(told: list[dict[str, int]], writers: int) -> str:
    """One line for the end of the run; `told` has one entry a test, `writers` tests are marked."""
    total: Counter[str] = Counter()
    for counts in told:
        total.update(counts)
    sums = ", ".join(f"{total[sort]} {sort}" for sort in SORTS)
    return f"wire: {sums}; all writes in {writers} tests that give leave, 0 without"
