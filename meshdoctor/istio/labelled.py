"""What policies select: anything that has a namespace and labels, such as a pod, or a workload by its template."""

from __future__ import annotations

from typing import Protocol


class Labelled(Protocol):
    """A pod, or what stands for its pods."""

    @property
    def namespace(self) -> str: ...

    @property
    def labels(self) -> dict[str, str]: ...
