"""What goes wrong on purpose: silence, denials, delays, answers that make no sense."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from meshdoctor.bundle.archive import Answer
from meshdoctor.bundle.paths import Place


class Faults:
    """The faults that are on. Prefixes are of a path (`/api/v1/pods`), or `pod NAMESPACE/POD:PORT /path` for what pods answer."""

    def __init__(self) -> None:
        self.running = asyncio.Event()
        self.running.set()
        self._denials: dict[str, tuple[str, ...]] = {}  # by resource, the namespaces where it is allowed
        self._delays: dict[str, float] = {}
        self._broken: dict[str, Answer] = {}

    def deny(self, resources: Iterable[str], allowed_in: Iterable[str] = ()) -> None:
        """Forbid resources (`pods`, `pods/log`, `gateways.networking.istio.io`; `gateways` is that of every group)."""
        allowed = tuple(allowed_in)
        self._denials.update(dict.fromkeys(resources, allowed))

    def delay(self, prefix: str, seconds: float) -> None:
        """Answer late."""
        self._delays[_plain(prefix)] = seconds

    def break_(self, prefix: str, answer: Answer) -> None:
        """Answer this instead of what was recorded; `status` 0 closes the connection."""
        self._broken[_plain(prefix)] = answer

    def heal(self) -> None:
        """Take all faults back, silence apart."""
        for faults in (self._denials, self._delays, self._broken):
            faults.clear()

    def denied(self, place: Place) -> bool:
        """Whether a place may not be read."""
        sub = place.sub.partition("/")[0]
        names = (place.resource, place.plural)
        denials = [self._denials.get(f"{name}/{sub}" if sub else name) for name in names]
        return any(allowed is not None and place.namespace not in allowed for allowed in denials)

    async def before(self, target: str) -> Answer | None:
        """Wait as long as the target is delayed; the answer where it is broken."""
        seconds = max((s for prefix, s in self._delays.items() if target.startswith(prefix)), default=0.0)
        if seconds:
            await asyncio.sleep(seconds)
        exact = self._broken.get(f"={target.partition('?')[0]}")
        return exact or next((a for prefix, a in self._broken.items() if target.startswith(prefix)), None)


def _plain(prefix: str) -> str:
    """A recording's key works as well as a path."""
    return prefix.removeprefix("api GET ").replace(" GET /", " /")
