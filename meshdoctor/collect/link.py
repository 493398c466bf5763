"""The connection's state: what the top line of every screen says of it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

LinkState = Literal["connecting", "live", "stale", "error"]


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """`connecting`: nothing was read yet; `live`: the API server answered within the last seconds; `stale`: it stopped
    answering and the rows are old; `error`: it cannot be reached or refuses us. `since` is when that began."""

    state: LinkState = "connecting"
    reason: str = ""  # what was tried and what failed
    do: str = ""  # what to do about it
    since: datetime | None = None
    age_s: float | None = None  # seconds since the last answer
