"""A bundle of a mesh of which some parts answer too late: what answered is kept and judged, the rest is UNKNOWN."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from meshdoctor.bundle.opening import open_bundle
from meshdoctor.bundle.recording import Recorder
from meshdoctor.bundle.replay import ReplayServer
from meshdoctor.bundle.scenarios import open_scenario
from meshdoctor.bundle.tiers import T0
from meshdoctor.bundling import Maker, Wanted, diagnose_recording
from meshdoctor.kube.client import ApiClient, RequestLine
from meshdoctor.kube.credentials import Credentials
from meshdoctor.model.sources import SourceState
from meshdoctor.reports import schema

LATE = ("/apis/networking.istio.io/v1/virtualservices", "pod sm-gateways/istio-egressgateway", "pod istio-d")


def slow(*prefixes: str, broken: str = "") -> Maker:
    """Makes bundles of a mesh of which these paths answer much later than anybody waits; `broken` ends the connection."""

    @asynccontextmanager
    async def opens(context: str, recorder: Recorder, seen: Callable[[RequestLine], None]) -> AsyncIterator[ApiClient]:
        async with ReplayServer(open_scenario("healthy")) as server:
            for prefix in prefixes:
                server.delay(prefix, 600)
            if broken:
                server.break_(broken, 0)
            credentials = Credentials(context=context, cluster=context, server=server.url, user="demo", namespace="default")
            async with ApiClient(credentials, recorder=recorder, on_request=seen) as api:
                yield api

    return Maker(opens)


async def bundled(path: Path, *prefixes: str, broken: str = "", seconds: float = 2.0) -> Path:
    wanted = Wanted(tier=msgspec.structs.replace(T0, seconds=seconds))
    looked = await slow(*prefixes, broken=broken).look("small", wanted, lambda says, share: None)
    return Maker.write(looked, wanted, path / "b.tar.gz", lambda says, share: None).path


async def test_what_answered_in_time_is_judged_and_the_rest_is_unknown(tmp_path: Path) -> None:
    for seconds in (2.0, 8.0, 32.0):  # longer where this machine is slow itself
        opened = open_bundle(await bundled(tmp_path, *LATE, seconds=seconds))
        live = json.loads(opened.extras.get("findings.json", b"{}"))
        states = {s["name"]: (s["state"], s["reason"]) for s in live.get("sources", ())}
        if states.get("pods", ("", ""))[0] == "live":
            break
    assert states["virtualservices.networking.istio.io"] == ("error", "The time for the whole look was up.")
    assert states["pods"][0] == "live"
    assert live["coverage"]["unknown"] > 0
    assert opened.manifest is not None
    assert "Reading was cut off after " in " ".join(opened.manifest.left_out)
    again = json.loads(schema.encode(schema.diagnosis(await diagnose_recording(opened.recording, "b"))))
    assert [(f["id"], f["status"]) for f in again["findings"]] == [(f["id"], f["status"]) for f in live["findings"]]


async def test_of_a_cluster_that_never_answers_a_bundle_says_so(tmp_path: Path) -> None:
    opened = open_bundle(await bundled(tmp_path, "/api"))
    assert opened.manifest is not None
    assert "The API server did not answer within 1.5 s." in opened.manifest.left_out
    assert "Nothing was judged" in opened.extras["README.md"].decode()


async def test_a_list_whose_connection_broke_was_not_seen(tmp_path: Path) -> None:
    opened = open_bundle(await bundled(tmp_path, broken=LATE[0], seconds=T0.seconds))
    again = {s.name: s.state for s in (await diagnose_recording(opened.recording, "b")).sources}
    assert again["virtualservices.networking.istio.io"] is SourceState.ERROR
