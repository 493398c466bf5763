"""Kiali's graphs of recorded Prometheus answers: every node, edge, rate and share, as its API gives them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from meshdoctor.istio.telemetry import Series, once, series
from meshdoctor.model.istiod import Sample
from meshdoctor.topology.kiali import elements
from tests.vectors.cases import VECTORS, must_be_there, read

FOUND: list[dict[str, Any]] = (read("kiali/graph_vectors.json") or {"cases": []})["cases"]
METRIC = re.compile(r'rate\((\w+)\{.*?reporter=~?"(?:waypoint\|)?(\w+)"')


def wanted(url: str) -> dict[str, set[str]]:
    """The metrics of each protocol that a request asks for; what it does not say has Kiali's defaults."""
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query, keep_blank_values=True).items()}
    messages = {"sent": {"istio_request_messages_total"}, "received": {"istio_response_messages_total"}}
    messages["total"] = messages["sent"] | messages["received"]
    tcp = {"sent": {"istio_tcp_received_bytes_total"}, "received": {"istio_tcp_sent_bytes_total"}}
    tcp["total"] = tcp["sent"] | tcp["received"]
    grpc = asked.get("rateGrpc", "requests")
    return {
        "http": set() if asked.get("rateHttp") == "none" else {"istio_requests_total"},
        "grpc": {"istio_requests_total"} if grpc == "requests" else messages.get(grpc, set()),
        "tcp": tcp.get(asked.get("rateTcp", "sent"), set()),
    }


def calls(case: dict[str, Any]) -> Iterator[Series]:
    metrics = wanted(case["url"])
    for query in case["queries"]:
        match = METRIC.search(query["query"])
        assert match, query["query"]
        samples = [Sample(match[1], r["metric"] | {"reporter": match[2]}, r["value"]) for r in query["result"] or ()]
        for protocol, names in metrics.items():
            if match[1] in names:
                given = "" if match[1] == "istio_requests_total" else protocol
                yield from (s for s in series(samples, given) if s.protocol == protocol)


@pytest.mark.parametrize("case", FOUND, ids=[c["case"] for c in FOUND])
def test_kiali_graph(case: dict[str, Any], record_property: Any) -> None:
    must_be_there()
    asked = parse_qs(urlsplit(case["url"]).query, keep_blank_values=True)
    expected = json.loads((VECTORS / "kiali/testdata/graph" / case["expected_file"]).read_text())["elements"]
    ours = elements(once_a_metric(case), asked["graphType"][0], frozenset({"bookinfo"}))
    same = by_id(ours) == by_id(expected)
    record_property("vectors", ["kiali graph", same, case["case"], ""])
    assert by_id(ours) == by_id(expected)


def once_a_metric(case: dict[str, Any]) -> list[Series]:
    """Both directions of TCP and gRPC are added, but each only once."""
    made: list[Series] = []
    for name in {METRIC.findall(q["query"])[0][0] for q in case["queries"]}:
        part = case | {"queries": [q for q in case["queries"] if f"rate({name}{{" in q["query"]]}
        made += once(calls(part))
    return made


def by_id(found: dict[str, Any]) -> dict[str, Any]:
    return {what: {e["data"]["id"]: e["data"] for e in found.get(what) or ()} for what in ("nodes", "edges")}
