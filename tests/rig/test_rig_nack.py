"""A refused push is named with its object and who wrote it: by `diagnose --watch` and by the screens' feed.

How long that took is printed; it is to be ten seconds at most on a machine that has nothing else to do.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from meshdoctor.collect.live import Options
from meshdoctor.collect.store import Store
from meshdoctor.kube.client import ApiClient
from meshdoctor.kube.credentials import load
from screens.feed import LiveFeed
from tests.rig.conftest import LONG, RIG, fault, ills, kubectl, until_sound

pytestmark = pytest.mark.rig
FAULT = RIG / "faults/XDS-001-rejected-envoyfilter.sh"


@pytest.fixture(autouse=True)
def _sound(kubeconfig: str, capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    if not FAULT.exists():
        pytest.skip(f"{FAULT.name} is not here")
    assert ills(until_sound(kubeconfig, capsys)) == [], "the rig is ill before the test"
    yield
    fault(FAULT, "heal", kubeconfig)


def written(kubeconfig: str) -> tuple[str, str]:
    """Who wrote the object, and when, as the API server keeps it."""
    body = json.loads(kubectl(kubeconfig, "-n", "shop", "get", "envoyfilter", "broken", "-o", "json", "--show-managed-fields"))
    last = body["metadata"]["managedFields"][-1]
    return last["manager"], last["time"].replace("T", " ").removesuffix("Z")


def documents(stream: Iterable[str]) -> Iterator[dict[str, Any]]:
    """JSON documents, as each is whole."""
    text = ""
    for line in stream:
        text += line
        if line == "}\n":
            yield json.loads(text)
            text = ""


@contextmanager
def watching(kubeconfig: str) -> Iterator[Iterator[dict[str, Any]]]:
    """The looks of `diagnose --watch`, one after the other; none any more after a while, where nothing is named."""
    command = [sys.executable, "-m", "meshdoctor", "diagnose", "--watch", "-o", "json", "--kubeconfig", kubeconfig]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        longest = threading.Timer(LONG, process.kill)
        longest.start()
        try:
            yield documents(process.stdout)
        finally:
            longest.cancel()
            process.kill()


def test_diagnose_watch_names_it(kubeconfig: str) -> None:
    with watching(kubeconfig) as looks:
        assert not next(looks)["causes"]
        fault(FAULT, "inject", kubeconfig)
        began = time.monotonic()
        found = next(found for found in looks if found["causes"])
        took = time.monotonic() - began
        who, when = written(kubeconfig)
    named = [c for c in found["causes"] if c["problem"] == "XDS-001"]
    assert [(c["subject"]["kind"], c["subject"]["name"]) for c in named] == [("EnvoyFilter", "broken")]
    assert any(who in e["quote"] and when in e["quote"] for e in named[0]["evidence"])
    print(f"\nnack: named by diagnose --watch {took:.1f} s after the push, written by {who}")


async def test_the_feed_of_the_screens_names_it(kubeconfig: str) -> None:
    credentials = await load(kubeconfig, None)
    feed = LiveFeed(lambda _: Store(lambda: ApiClient(credentials), lambda _: Options(), "rig"))
    running = asyncio.create_task(feed.run())

    async def until(named: bool) -> None:
        async with asyncio.timeout(LONG):
            while feed.diagnosis is None or not feed.mesh or not feed.mesh.istiods or named != _names(feed):
                await asyncio.sleep(0.05)

    try:
        await until(named=False)
        await asyncio.to_thread(fault, FAULT, "inject", kubeconfig)
        began = time.monotonic()
        await until(named=True)
        took = time.monotonic() - began
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
    print(f"\nnack: named by the feed {took:.1f} s after the push")


def _names(feed: LiveFeed) -> bool:
    causes = feed.diagnosis.causes if feed.diagnosis is not None else ()
    return any(c.problem == "XDS-001" and c.subject.name == "broken" and "kubectl-client" in str(c.evidence) for c in causes)
