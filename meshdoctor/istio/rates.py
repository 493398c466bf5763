"""How often something fails, from log lines of a window that the fault may not fill."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

LEAST = 5.0  # seconds: a single line does not make a high rate


def per_second(times: Iterable[datetime | None], now: datetime, window_s: float) -> float:
    """Failures a second since the first of them, at most over the window; lines without a time count over all of it."""
    known = list(times)
    if not known:
        return 0.0
    first = min((t for t in known if t is not None), default=None)
    lasted = window_s if first is None or None in known else min(window_s, (now - first).total_seconds())
    return round(len(known) / max(lasted, LEAST), 2)
