"""Which nodes the API server does not reach: their pods are not asked one by one, each until its time is up.

Port-forward, exec and logs go through the kubelet of a pod's node. Where it does not answer, no pod of that node can tell
anything, and all of them for one reason.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

from meshdoctor.kube.failures import NodeUnreachable, PodRefused, Unopened
from meshdoctor.model.errors import MeshdoctorError
from meshdoctor.model.workloads import Pod

T = TypeVar("T")
FIRST = 1.0  # seconds for which others wait for the first answer through a node
ENOUGH = 2  # pods that were not connected to, where none was: one alone may be to blame itself


class NodeLost(MeshdoctorError):
    """What holds for every pod of a node."""


class Node:
    """A node within one look: the first question that goes through it tells whether the others are worth it."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self._first: asyncio.Event | None = None
        self._reached = False
        self._late: set[str] = set()
        self._lost = ""  # why it is not reached

    async def ask(self, pod: str, question: Callable[[], Awaitable[T]]) -> T:
        """What a pod of this node answers. Raises NodeLost where the node is not reached, and what the question raises."""
        await self._turn()
        try:
            answer = await question()
        except NodeUnreachable as why:
            if self._reached:
                raise  # it broke off just now: what holds for this pod may not for the next
            self._lost = why.said
            raise self._loss() from why
        except Unopened as why:
            self._late.add(pod)
            if self._reached or len(self._late) < ENOUGH:
                raise
            self._lost = f"no connection to {' or '.join(sorted(self._late))} was opened in time"
            raise self._loss() from why
        except PodRefused:
            self._reached = True
            raise
        else:
            self._reached = True
            return answer
        finally:
            if self._first is not None:
                self._first.set()

    async def _turn(self) -> None:
        if self._first is None:
            self._first = asyncio.Event()
            return
        if not self._first.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FIRST):
                    await self._first.wait()
        if self._lost:
            raise self._loss()

    def _loss(self) -> NodeLost:
        where = f"node {self.name}" if self.name else "its node"
        return NodeLost(f"the API server does not reach the kubelet of {where}: {self._lost}")


class Nodes:
    """The nodes of one look: what was found out of one holds until it ends."""

    def __init__(self) -> None:
        self._known: dict[str, Node] = {}

    def of(self, pod: Pod) -> Node:
        """The node on which a pod runs."""
        name = pod.spec.node_name
        return self._known.setdefault(name, Node(name)) if name else Node()
