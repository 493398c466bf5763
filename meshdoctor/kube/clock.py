"""The API server's clock: ages are told by the clock that wrote the timestamps, not by this machine's."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime


class ServerClock:
    """Learns the server's time from `Date` headers, which have whole seconds: the highest offset seen is the nearest."""

    def __init__(self) -> None:
        self._offset: float | None = None

    def learn(self, date: str | None) -> None:
        """Take in one `Date` header."""
        try:
            told = parsedate_to_datetime(date or "").timestamp()
        except (ValueError, TypeError):
            return
        offset = told - time.monotonic()
        if self._offset is None or abs(offset - self._offset) > 1.5:  # more than rounding: a clock was set
            self._offset = offset
        self._offset = max(self._offset, offset)

    def now(self) -> datetime:
        """The time there, in UTC; the local clock's until a header arrived."""
        if self._offset is None:
            return datetime.now(UTC)
        return datetime.fromtimestamp(0, UTC) + timedelta(seconds=self._offset + time.monotonic())
