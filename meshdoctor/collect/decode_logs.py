"""Container logs: istio-proxy's access log and everybody's other lines."""

from __future__ import annotations

from datetime import datetime

from meshdoctor.istio.access_line import access_entry, moment
from meshdoctor.model.envoy import Logs

Line = tuple[datetime | None, str]


def lines(body: bytes) -> list[Line]:
    """Log lines read with `timestamps=true` as (time, text)."""
    made: list[Line] = []
    for raw in body.decode("utf-8", "replace").splitlines():
        stamp, _, text = raw.partition(" ")
        when = moment(stamp)
        made.append((when, text) if when else (None, raw))
    return made


def proxy_logs(body: bytes, window_s: float) -> Logs:
    """istio-proxy's log: access log entries apart from the other lines. A format that is neither is left as lines."""
    access, rest = [], []
    for when, text in lines(body):
        entry = access_entry(text, when)
        if entry is None:
            rest.append((when, text[:2000]))
        else:
            access.append(entry)
    return Logs(access=tuple(access), lines=tuple(rest), window_s=window_s)
