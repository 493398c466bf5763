"""A recording that can be written to, over real HTTP: stored objects, preconditions, dry runs; and what a test makes of each write."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from meshdoctor.bundle import statuses
from meshdoctor.bundle.archive import Answer
from meshdoctor.bundle.conversation import Conversation
from meshdoctor.bundle.http import Request, SocketWire
from meshdoctor.bundle.paths import Place, place_of, split
from meshdoctor.bundle.replay import ReplayServer
from meshdoctor.bundle.scenarios import open_scenario
from meshdoctor.fixes.patch import applied

Object = dict[str, Any]
PODS = "/api/v1/pods"
KEPT = ("payment-", "cart-", "report-")
Script = Callable[[str, Request], Answer | None]
"""Called at `asked`, `dry-run`, `before` and `after` a write; an Answer is given instead, ConnectionError drops the connection."""


def unscripted(_: str, __: Request) -> Answer | None:
    return None


class Cluster(ReplayServer):
    """`stored` is every write that was really done, as (method, path)."""

    def __init__(self, scenario: str) -> None:
        super().__init__(open_scenario(scenario))
        self.script: Script = unscripted
        self.stored: list[tuple[str, str]] = []
        self._make_small()

    def _make_small(self) -> None:
        """Leave the pods that the fault is about, and one of many: each further proxy is asked a dozen questions at every look."""
        istiods = 0
        for pod in list(self._store.collections[PODS].objects.values()):
            name = pod["metadata"]["name"]
            istiods += name.startswith("istiod-")
            if not name.startswith(KEPT) and not (name.startswith("istiod-") and istiods == 1):
                self._store.change(PODS, "DELETED", pod)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await Talk(self, self._served, SocketWire(reader, writer, self._faults.running)).run()
        except ConnectionError:
            pass  # the client went away, or the script drops it
        finally:
            writer.transport.abort()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def get(self, path: str) -> Object | None:
        place = place_of(path)
        assert place is not None
        return self._store.find(place)

    def put(self, path: str, thing: Object) -> Object:
        """Store an object under its path."""
        self._store.change(path.rpartition("/")[0], "MODIFIED", thing)
        found = self.get(path)
        assert found is not None
        return found


class Talk(Conversation):
    """One connection, writes included."""

    def __init__(self, cluster: Cluster, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.cluster = cluster

    def _answer(self, request: Request) -> Answer:
        path, pairs = split(request.target)
        place = place_of(path)
        review = "reviews" in path
        if request.method in ("GET", "HEAD") or place is None or review:
            return self.cluster.script("asked", request) or super()._answer(request)
        dry = ("dryRun", "All") in pairs
        if request.method == "DELETE" and request.body:  # as the API server does: with a body, the query is not looked at
            dry = msgspec.json.decode(request.body).get("dryRun") == ["All"]
        if scripted := self.cluster.script("dry-run" if dry else "before", request):
            return scripted
        answer = self._written(request, path, place, dry=dry)
        if not dry:
            if answer.status < 300:
                self.cluster.stored.append((request.method, path))
            return self.cluster.script("after", request) or answer
        return answer

    def _written(self, request: Request, path: str, place: Place, *, dry: bool) -> Answer:
        body = msgspec.json.decode(request.body)
        if request.method == "POST":
            path = f"{path}/{body['metadata']['name']}"
            if self.cluster.get(path):
                return statuses.failure(409, "AlreadyExists", "it already exists")
            body["metadata"] |= {"uid": f"uid-{len(self.cluster.stored)}"}
            return self._done(path, body, dry=dry)
        live = self.cluster.get(path)
        if live is None:
            return statuses.not_found(place)
        version = live["metadata"]["resourceVersion"]
        if request.method == "DELETE":
            wanted = body["preconditions"]
            if (wanted["uid"], wanted["resourceVersion"]) != (live["metadata"]["uid"], version):
                return statuses.failure(409, "Conflict", "the precondition failed")
            if not dry:
                self._served.store.change(path.rpartition("/")[0], "DELETED", live)
            return statuses.json_answer({"kind": "Status", "status": "Success"})
        first, *operations = body
        if first["path"] != "/metadata/resourceVersion" or first["value"] != version:
            return statuses.failure(409, "Conflict", "the object has been modified")
        return self._done(path, applied(live, operations), dry=dry)

    def _done(self, path: str, thing: Object, *, dry: bool) -> Answer:
        return statuses.json_answer(thing if dry else self.cluster.put(path, thing))


@contextlib.contextmanager
def running(folder: Path, scenario: str = "tls-switched-off") -> Iterator[tuple[Cluster, str]]:
    """A cluster in a thread of its own, and the kubeconfig that leads to it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    cluster = Cluster(scenario)
    asyncio.run_coroutine_threadsafe(cluster.__aenter__(), loop).result(10)
    path = folder / "kubeconfig"
    path.write_text(cluster.kubeconfig("prod"))
    try:
        yield cluster, str(path)
    finally:
        asyncio.run_coroutine_threadsafe(cluster.__aexit__(None, None, None), loop).result(10)
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0.05), loop).result(10)  # transports close in the loop's next rounds
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
