"""What the recorded pods have to bear: requests of one pod at once, and the size of its answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

PodPort = tuple[str, str, int]  # namespace, pod, port


class Load:
    """Counts as the replay server answers: `most` at once by pod (all its ports), `largest` answer read by pod and port."""

    def __init__(self) -> None:
        self._now: Counter[tuple[str, str]] = Counter()
        self.most: Counter[tuple[str, str]] = Counter()
        self.largest: Counter[PodPort] = Counter()

    @contextmanager
    def asked(self, where: PodPort) -> Iterator[None]:
        """While a pod answers one request."""
        pod = where[:2]
        self._now[pod] += 1
        self.most[pod] = max(self.most[pod], self._now[pod])
        try:
            yield
        finally:
            self._now[pod] -= 1

    def answered(self, where: PodPort, size: int) -> None:
        """An answer of so many bytes went out whole."""
        self.largest[where] = max(self.largest[where], size)
