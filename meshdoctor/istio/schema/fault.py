"""What is wrong with a field."""

from __future__ import annotations

from typing import Literal

import msgspec

Level = Literal["error", "warning", "remark", "unknown field"]


class Fault(msgspec.Struct, frozen=True):
    """`says` is in our words, `quote` as the API server or istiod answers. `broken` tells that the value has not its type."""

    path: str
    says: str
    quote: str = ""
    level: Level = "error"
    broken: bool = False


def joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
