"""Whether failures can be seen, and Wasm modules and configuration that are too much for a proxy."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from meshdoctor.model.envoy import ClusterStatus, Envoy, Logs
from meshdoctor.model.istiod import Istiod, MeshConfig, Sample
from meshdoctor.model.sources import Source, SourceState
from tests.conftest import NOW, build, judge, subjects
from tests.probes.test_control_plane_load import ISTIOD, prometheus
from tests.probes.things import all_of, logged, pod, thing

ABOUT = "Service monitoring/prometheus"


@pytest.mark.parametrize(("count", "is_fault"), [(2_000_000, True), (2_000, False)])
def test_too_many_series(count: float, is_fault: bool) -> None:
    held = prometheus(series=(Sample("istio_request_bytes_bucket", {}, count), Sample("up", {}, 9e9)))
    assert subjects(judge(build(prometheus=held), "OB-002")) == [ABOUT] * is_fault


@pytest.mark.parametrize(("query", "is_fault"), [
    ('sum(rate(istio_requests_total{reporter="destination",destination_workload="istio-ingressgateway",response_code=~"5.."}[5m])) > 1', True),
    ('sum(rate(istio_requests_total{reporter="source",source_workload="istio-ingressgateway"}[5m])) > 1', False),
    ('sum(rate(istio_requests_total{reporter="destination",destination_workload="cart"}[5m]))', False),
    ('x{reporter="source",destination_workload="istio-ingressgateway"} + y{reporter="destination"}', False),
])  # fmt: skip
def test_an_alert_that_never_fires(query: str, is_fault: bool) -> None:
    told = prometheus(rules=(Sample("Ingress5xx", {"group": "mesh", "type": "alerting", "query": query}, 1.0),))
    assert subjects(judge(build(prometheus=told), "OB-003")) == [ABOUT] * is_fault


@pytest.mark.parametrize(("config", "is_fault"), [
    (MeshConfig(), True),
    (MeshConfig(access_log_file="/dev/stdout"), False),
    (MeshConfig(access_log_file="/dev/stdout", access_log_format="%PROTOCOL%"), True),
    (MeshConfig(access_log_file="/dev/stdout", access_log_format="%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%"), False),
])  # fmt: skip
def test_access_logs(config: MeshConfig, is_fault: bool) -> None:
    told = Istiod(namespace="istio-system", name="istiod-1", parts={"mesh": config})
    assert subjects(judge(build(istiods=[told]), "OB-004")) == ["ConfigMap istio-system/istio"] * is_fault
    asked = thing(
        "telemetry.istio.io/v1", "Telemetry", "istio-system/logs", {"accessLogging": [{"providers": [{"name": "envoy"}]}]}
    )
    assert bool(judge(build(asked, istiods=[told]), "OB-004")) == (is_fault and bool(config.access_log_format))
    assert judge(build(), "OB-004") == []  # nobody told how the mesh is set up


@pytest.mark.parametrize(("logging", "more", "is_fault"), [
    ([{"disabled": True}], {}, True),
    ([{"disabled": True, "match": {"mode": "CLIENT"}}], {}, False),
    ([{"disabled": True}, {"providers": [{"name": "envoy"}]}], {}, False),
    ([{"disabled": True}], {"selector": {"matchLabels": {"app": "noisy"}}}, False),
])  # fmt: skip
def test_a_telemetry_silences_the_whole_mesh(logging: list[dict[str, Any]], more: dict[str, Any], is_fault: bool) -> None:
    told = Istiod(namespace="istio-system", name="istiod-1", parts={"mesh": MeshConfig(access_log_file="/dev/stdout")})
    silent = thing("telemetry.istio.io/v1", "Telemetry", "istio-system/silent", {"accessLogging": logging} | more)
    assert subjects(judge(build(silent, istiods=[told]), "OB-004")) == ["Telemetry istio-system/silent"] * is_fault


@pytest.mark.parametrize(
    ("mode", "port", "is_fault"), [("STRICT", "9102", True), ("PERMISSIVE", "9102", False), ("STRICT", "15020", False)]
)
def test_metrics_behind_mutual_tls(mode: str, port: str, is_fault: bool) -> None:
    strict = thing("security.istio.io/v1", "PeerAuthentication", "shop/default", {"mtls": {"mode": mode}})
    scraped = pod("shop/cart-1", annotations={"prometheus.io/scrape": "true", "prometheus.io/port": port})
    assert subjects(judge(build(all_of(strict, scraped), prometheus=prometheus()), "OB-006")) == ["Deployment shop/cart"] * is_fault


@pytest.mark.parametrize(("apart", "is_fault"), [(0, False), (3, False), (40, True), (-40, True)])
def test_a_node_whose_clock_differs(apart: float, is_fault: bool) -> None:
    beat = (NOW + timedelta(seconds=apart)).isoformat()
    status = {"conditions": [{"type": "Ready", "status": "True", "lastHeartbeatTime": beat}]}
    written = (
        f"metadata:\n  managedFields: [{{manager: kubelet, operation: Update, subresource: status, time: '{NOW.isoformat()}'}}]\n"
    )
    node = thing("v1", "Node", "/n1", status=status).replace("metadata:\n", written)
    assert subjects(judge(build(node), "OB-007")) == ["Node n1"] * is_fault


@pytest.mark.parametrize(("reason", "is_fault"), [("/debug/syncz answered 401", True), ("timed out", False)])
def test_istiod_that_refuses_its_debug_pages(reason: str, is_fault: bool) -> None:
    source = Source(name="/debug/syncz of istio-system/istiod-1", state=SourceState.ERROR, reason=reason)
    silent = Istiod(namespace="istio-system", name="istiod-1", missing={"syncz": source})
    assert bool(subjects(judge(build(ISTIOD, istiods=[silent]), "OB-009"))) == is_fault


@pytest.mark.parametrize(("labels", "says", "is_fault"), [
    ({"app": "cart"}, "error wasm fetching Wasm module header failed: no such host", True),
    ({"app": "web"}, "error wasm fetching Wasm module header failed: no such host", False),
    ({"app": "cart"}, "info wasm module loaded", False),
])  # fmt: skip
def test_a_wasm_module_that_does_not_load(labels: dict[str, str], says: str, is_fault: bool) -> None:
    plugin = thing(
        "extensions.istio.io/v1alpha1", "WasmPlugin", "shop/header", {"selector": {"matchLabels": labels}, "url": "oci://x"}
    )
    said = Envoy(namespace="shop", name="cart-1", parts={"logs": Logs(lines=((NOW, says),))})
    told = Istiod(namespace="istio-system", name="istiod-1", parts={"syncz": ()})
    mesh = build(all_of(pod("shop/cart-1"), plugin), envoys=[said], istiods=[told])
    assert subjects(judge(mesh, "EF-004")) == ["WasmPlugin shop/header"] * is_fault


@pytest.mark.parametrize(("count", "scope", "is_fault"), [(1200, False, True), (1200, True, False), (200, False, False)])
def test_more_destinations_than_anybody_needs(count: int, scope: bool, is_fault: bool) -> None:
    clusters: Any = tuple(ClusterStatus(name=f"outbound|80||s{i}.shop.svc.cluster.local") for i in range(count))
    sidecar = thing("networking.istio.io/v1", "Sidecar", "shop/default", {"egress": [{"hosts": ["./*"]}]}) if scope else ""
    mesh = build(all_of(pod("shop/cart-1"), sidecar), envoys=[logged("shop/cart-1", clusters=clusters)])
    assert subjects(judge(mesh, "XDS-007")) == ["Namespace shop"] * is_fault
