"""An object as written, read without trust: a field has a value of any type, or none, and knows its path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from meshdoctor.istio.schema.fault import Fault, joined


class Field:
    """A field of an object. Asked for what it is not, it is empty: the schema tells wrong types."""

    __slots__ = ("_of", "_step", "value")

    def __init__(self, value: Any, of: Field | None = None, step: str | int = "") -> None:
        self.value = value
        self._of = of
        self._step = step

    def __getitem__(self, name: str) -> Field:
        return Field(self.value.get(name) if isinstance(self.value, dict) else None, self, name)

    @property
    def path(self) -> str:
        if self._of is None:
            return ""
        return f"{self._of.path}[{self._step}]" if isinstance(self._step, int) else joined(self._of.path, self._step)

    def __bool__(self) -> bool:
        """Whether it was written at all, even if empty."""
        return self.value is not None

    @property
    def text(self) -> str:
        return self.value if isinstance(self.value, str) else ""

    @property
    def number(self) -> float:
        right = isinstance(self.value, int | float) and not isinstance(self.value, bool)
        return self.value if right else 0

    @property
    def on(self) -> bool:
        return self.value is True

    @property
    def items(self) -> list[Field]:
        """The entries of a list."""
        if not isinstance(self.value, list):
            return []
        return [Field(v, self, i) for i, v in enumerate(self.value)]

    @property
    def texts(self) -> list[str]:
        return [i.text for i in self.items]

    @property
    def entries(self) -> Iterator[tuple[str, Field]]:
        """The keys and values of a mapping."""
        if isinstance(self.value, dict):
            for key, value in self.value.items():
                yield str(key), Field(value, self, str(key))

    @property
    def size(self) -> int:
        return len(self.value) if isinstance(self.value, list | dict | str) else 0

    def given(self, *names: str) -> list[str]:
        """Those of these fields that are set: not empty, zero or false."""
        return [n for n in names if self[n].value not in (None, "", 0, False, [], {})]

    def wrong(self, says: str, quote: str = "") -> Fault:
        return Fault(self.path, f"{self.path} {says}", quote)

    def doubtful(self, says: str) -> Fault:
        return Fault(self.path, f"{self.path} {says}", "", "warning")

    def remark(self, says: str, quote: str = "") -> Fault:
        return Fault(self.path, f"{self.path} {says}", quote, "remark")
