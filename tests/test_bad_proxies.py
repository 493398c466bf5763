"""Proxies and clocks that fail, through the command line over real HTTP: figures become unknown with the reason, never zero."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from meshdoctor.cli import main
from tests.served import Served, serving

LARGE = json.dumps({"cluster_statuses": [{"name": f"outbound|80||s{i}.shop.svc.cluster.local"} for i in range(50_000)]})


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path) as served:
        yield served


def run(capsys: pytest.CaptureFixture[str], live: Served, *arguments: str) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = main([*arguments, "-o", "json", "--kubeconfig", live.kubeconfig])
    return code, json.loads(capsys.readouterr().out)


def storefront(live: Served) -> str:
    keys = live.server.recording.answers
    return next(m[1] for k in keys if (m := re.match(r"pod shop/(storefront[^:]*):15000", k)))


def test_a_pod_that_dies_between_list_and_scrape(capsys: pytest.CaptureFixture[str], live: Served) -> None:
    name = storefront(live)
    live.server.break_(f"pod shop/{name}:", 0)
    live.server.break_(f"/api/v1/namespaces/shop/pods/{name}/log", 404, "{}", "application/json")
    _, found = run(capsys, live, "diagnose")
    reasons = [s["reason"] for s in found["sources"] if s["name"].endswith(f"shop/{name}") and s["state"] != "live"]
    assert any("connection refused" in r for r in reasons)
    assert not found["causes"]
    _, told = run(capsys, live, "graph", "--window", "0.2")
    names = {n["id"]: f"{n['namespace']}/{n['name']}" for n in told["nodes"]}
    sent = [e for e in told["edges"] if names[e["client"]] == "shop/storefront-v1"]
    assert all(e["requests_per_s"] is None or "server" in e["figures"][0]["how"] for e in sent)
    assert any(name in note and "unknown" in note for note in told["notes"])


@pytest.mark.parametrize(
    ("path", "body"),
    [("/clusters", '{"cluster_statuses": [{"name": "outbound|80'), ("/clusters", LARGE), ("/certs", "<html>"), ("/stats", "[]")],
    ids=["half a dump", "50,000 clusters", "html", "another shape"],
)
def test_what_an_envoy_answers_wrong_is_a_source_with_its_reason(
    capsys: pytest.CaptureFixture[str], live: Served, path: str, body: str
) -> None:
    if len(body) > 1_000_000:
        assert len(LARGE) > 2_000_000
    live.server.break_(f"pod shop/{storefront(live)}:15000 {path}", 200, body, "application/json")
    code, found = run(capsys, live, "diagnose")
    (wrong,) = [s for s in found["sources"] if s["state"] == "error" and s["name"].startswith(path)]
    assert wrong["reason"]
    assert wrong["objects"] is None
    assert ("more than 1000000 bytes" in wrong["reason"]) == (body is LARGE)
    assert (code, found["causes"]) == (code, [])
    assert found["coverage"]["error"] == 0


def test_half_a_dump_on_the_way_of_a_trace(capsys: pytest.CaptureFixture[str], live: Served) -> None:
    live.server.break_(f"pod shop/{storefront(live)}:15000 /config_dump?resource=dynamic_route_configs", 200, '{"configs": [{')
    _, found = run(capsys, live, "trace", "shop/storefront", "catalog.shop:8080/")
    last = found["live"][-1]
    assert (last["is_unknown"], found["differences"], found["findings"]) == (True, [], [])
    assert "truncated" in last["says"]


def test_clocks_apart(capsys: pytest.CaptureFixture[str], live: Served) -> None:
    name = storefront(live)
    ahead = (live.server.now() + timedelta(seconds=60)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    line = {
        "start_time": ahead,
        "response_code": 200,
        "response_flags": "-",
        "upstream_cluster": "outbound|8080||cart.shop.svc.cluster.local",
    }
    log = f"{ahead} {json.dumps(line | {'authority': 'cart.shop:8080', 'method': 'GET', 'path': '/'})}\n" * 20
    live.server.break_(f"/api/v1/namespaces/shop/pods/{name}/log", 200, log, "text/plain")
    _, told = run(capsys, live, "graph", "--window", "0.2")
    assert any(f"the clock of shop/{name} is" in note and "gives no rates" in note for note in told["notes"])
    names = {n["id"]: n["name"] for n in told["nodes"]}
    own = [f for e in told["edges"] if names[e["client"]] == "storefront-v1" for f in e["figures"] if f["how"] == "access log"]
    assert own == []
