"""One question to a pod: its answer decoded, or the Source that says why there is none."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from inspect import CORO_CREATED, getcoroutinestate
from typing import Any, TypeVar

import msgspec

from meshdoctor.collect.nodes import Node
from meshdoctor.kube.client import ApiClient, Denied, NotFound
from meshdoctor.kube.together import together
from meshdoctor.model.errors import MeshdoctorError
from meshdoctor.model.sources import Source, SourceState

T = TypeVar("T")
LONGEST = 5.0  # seconds for one answer of a pod: one that hangs must not hold up the whole look
NO_SUCH = b"not found in config dump"  # Envoy has no resource of that kind
NOT_IN_IT = b"is not in the recording"
log = logging.getLogger("meshdoctor.collect")

# What decoding an answer of another shape raises: it may come from anything that listens on that port.
NOT_AS_EXPECTED = (msgspec.MsgspecError, ValueError, TypeError, LookupError, AttributeError, RecursionError)


class Unasked(MeshdoctorError):
    """A recording has no answer to this: whoever made it did not ask."""


class Answers:
    """The parts that one pod gave, and what is missing."""

    def __init__(self, api: ApiClient, namespace: str, pod: str, longest: float = LONGEST, node: Node | None = None) -> None:
        self.api, self.namespace, self.pod, self.longest, self.node = api, namespace, pod, longest, node or Node()
        self.parts: dict[str, Any] = {}
        self.missing: dict[str, Source] = {}
        self.is_silent = False  # its admin port said nothing

    async def get(self, part: str, port: int, path: str, decode: Callable[[bytes], Any], container: str = "istio-proxy") -> None:
        """Ask one path of one port and keep the decoded answer as `part`."""

        async def ask() -> bytes:
            answer = await self.api.pod_get(self.namespace, self.pod, port, path, container=container)
            if answer.status == 404 and NO_SUCH in answer.body:
                return b"{}"
            if answer.status == 404 and answer.body.rstrip().endswith(NOT_IN_IT):
                raise Unasked(answer.body.decode("utf-8", "replace").strip())
            if answer.status >= 400 and not path.startswith("/ready"):
                words = answer.body[:200].decode("utf-8", "replace").strip()
                bare = path.partition("?")[0]
                raise MeshdoctorError(f"{bare} answered {answer.status} {words}".strip())
            return answer.body

        await self.keep(part, path.partition("?")[0], ask, decode)

    async def keep(self, part: str, label: str, ask: Callable[[], Awaitable[bytes]], decode: Callable[[bytes], Any]) -> None:
        """Ask and keep the decoded answer as `part`, or the reason why it is missing."""
        name = f"{label} of {self.namespace}/{self.pod}"

        async def in_time() -> bytes:
            async with asyncio.timeout(self.longest):
                return await ask()

        try:
            self.parts[part] = decode(await self.node.ask(f"{self.namespace}/{self.pod}", in_time))
        except (MeshdoctorError, TimeoutError) as why:
            self.missing[part] = source_of(name, why)
        except NOT_AS_EXPECTED as why:
            self.missing[part] = source_of(name, why)

    @property
    def dead(self) -> bool:
        """Whether nothing could be asked so far, so that further questions would only wait as long again."""
        return bool(self.missing) and not self.parts


def source_of(name: str, why: BaseException) -> Source:
    """The Source for a failure: denied with verb and resource, absent for a 404, else an error with its words."""
    if isinstance(why, Denied):
        return Source(name=name, state=SourceState.DENIED, reason=why.source_reason, command=why.command)
    if isinstance(why, NotFound):
        return Source(name=name, state=SourceState.ABSENT, reason="is not there")
    if isinstance(why, Unasked):
        return Source(name=name, state=SourceState.SKIPPED, reason=str(why))
    if isinstance(why, TimeoutError):
        return Source(name=name, state=SourceState.ERROR, reason="timed out")
    if not isinstance(why, MeshdoctorError):
        log.warning("%s could not be decoded: %s", name, why)
    return Source(name=name, state=SourceState.ERROR, reason=str(why) or type(why).__name__)


async def gather_limited(limit: int, jobs: list[Coroutine[Any, Any, T]]) -> list[T]:
    """Run jobs, at most `limit` at once."""
    gate = asyncio.Semaphore(limit)

    async def one(job: Coroutine[Any, Any, T]) -> T:
        async with gate:
            return await job

    try:
        return await together([asyncio.create_task(one(j)) for j in jobs])
    finally:
        for job in jobs:  # one that was begun is ended by its own task, which was cancelled
            if getcoroutinestate(job) == CORO_CREATED:
                job.close()
