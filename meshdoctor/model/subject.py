"""The name tag of an object: what a finding is about."""

from __future__ import annotations

import msgspec


class Subject(msgspec.Struct, frozen=True, order=True, cache_hash=True):
    """Group, kind, namespace and name; `group` tells the two Gateway kinds apart, cluster scope has no namespace."""

    group: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""

    def __str__(self) -> str:
        where = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind} {where}"

    @property
    def key(self) -> tuple[str, str]:
        return self.namespace, self.name
