"""What the recorded pods answered on their ports."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from meshdoctor.bundle.archive import Answer
from meshdoctor.bundle.narrowed import narrowed
from meshdoctor.bundle.paths import Pairs, split

DUMP = "/config_dump"
_KEY = re.compile(r"pod ([^/ ]+)/([^: ]+):(\d+) GET (/.*)")


class RecordedPods:
    """Answers by pod, port and path; the order of parameters does not matter."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        self._ports: dict[tuple[str, str, int], dict[tuple[str, Pairs], Answer]] = {}
        for key, answer in answers.items():
            match = _KEY.fullmatch(key)
            if match is not None:
                self._ports.setdefault((match[1], match[2], int(match[3])), {})[split(match[4])] = answer

    def names(self) -> tuple[str, ...]:
        """NAMESPACE/POD of every pod that answered on a port."""
        return tuple(sorted({f"{namespace}/{pod}" for namespace, pod, _ in self._ports}))

    def knows(self, namespace: str, pod: str) -> bool:
        """Whether the pod answered anything at all."""
        return any((namespace, pod) == (ns, name) for ns, name, _ in self._ports)

    def answers(self, namespace: str, pod: str, port: int) -> bool:
        """Whether anything was recorded of a port: if not, connecting is refused, as where nobody listens."""
        return (namespace, pod, port) in self._ports

    def answer(self, namespace: str, pod: str, port: int, target: str) -> Answer:
        """What a path was answered, or would have been by what was recorded."""
        recorded = self._ports.get((namespace, pod, port), {})
        path, pairs = split(f"/{target.lstrip('/')}")  # istioctl asks for //version
        found = recorded.get((path, pairs)) or narrowed(recorded, path, pairs)
        if found is None and path == DUMP and not {"mask", "resource"} & dict(pairs).keys():
            found = _whole_dump([a for (p, given), a in recorded.items() if p == DUMP and "mask" in dict(given)])
        return found or Answer(404, "text/plain", f"{target.partition('?')[0]} is not in the recording\n".encode())


def _whole_dump(masked: list[Answer]) -> Answer | None:
    """The dump of an Envoy, put together from those parts of it that were asked for; None where there are none."""
    merged: dict[str, Any] = {}
    for answer in masked:
        if answer.status != 200:
            continue
        for config in msgspec.json.decode(answer.body).get("configs") or ():
            merged.setdefault(config.get("@type", ""), {}).update(config)
    if not merged:
        return None
    return Answer(200, "application/json", msgspec.json.encode({"configs": list(merged.values())}))


def refusal(port: int, pod: str, why: str) -> bytes:
    """The kubelet's sentence where it cannot connect to a port."""
    return f"an error occurred forwarding {port} -> {port}: error forwarding port {port} to pod {pod}: {why}".encode()
