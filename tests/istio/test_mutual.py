"""Who sends what to whom, who takes it, what was seen of it, and who would break."""

from __future__ import annotations

import json
from typing import Any

import pytest

from meshdoctor.collect.decode_istiod import mesh_config
from meshdoctor.istio.mutual.cells import Cell, cells, cells_by_address
from meshdoctor.istio.mutual.forecast import forecast
from meshdoctor.istio.mutual.picture import Pair, picture, seconds
from meshdoctor.istio.mutual.seen import QUERY
from meshdoctor.istio.mutual.wish import parse
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.istiod import MeshConfig, Sample
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import Sidecar, VirtualService
from meshdoctor.model.prometheus import Prometheus
from meshdoctor.model.security import PeerAuthentication
from meshdoctor.model.sources import Unseen
from meshdoctor.model.subject import Subject
from tests.conftest import build
from tests.probes.things import all_of, destination_rule, entry, line, logged, pod, service, thing

OFFERS = {"security.istio.io/tlsMode": "istio"}
BACK = "back.shop.svc.cluster.local"
SNI = "outbound_.80_._.back.shop.svc.cluster.local"
PREFIX = "traffic.sidecar.istio.io/"


def inside(where: str, ip: str, labels: dict[str, str] | None = None, **more: Any) -> str:
    return pod(where, OFFERS | (labels or {}), ip=ip, **more)


def peers(where: str, mode: str = "", selector: dict[str, str] | None = None, **more: Any) -> str:
    spec: dict[str, Any] = {"mtls": {"mode": mode}} if mode else {}
    if selector:
        spec["selector"] = {"matchLabels": selector}
    if "ports" in more:
        spec["portLevelMtls"] = {k: {"mode": v} for k, v in more.pop("ports").items()}
    return thing("security.istio.io/v1", "PeerAuthentication", where, spec, **more)


def rule(where: str, mode: str, host: str = BACK, **spec: Any) -> str:
    return destination_rule(where, host, trafficPolicy={"tls": {"mode": mode}}, **spec)


STRICT = peers("shop/default", "STRICT")
FRONT = inside("web/front", "10.1.0.1")
WORLD = all_of(
    FRONT, inside("shop/back", "10.1.0.2"), pod("out/alien", ip="10.1.0.3", proxy=False), service("shop/back", "http:80:8080")
)


def cell(mesh: Mesh, client: str = "front", server: str = "back", port: int = 8080, host: str = BACK) -> Cell:
    (found,) = (c for c in cells(mesh) if (c.client.name, c.server.name, c.port, c.host) == (client, server, port, host))
    return found


@pytest.mark.parametrize(
    ("more", "verdict", "decides"),
    [
        ("", "mTLS", None),
        (STRICT, "mTLS", "PeerAuthentication shop/default"),
        (peers("shop/default", "DISABLE"), "plaintext", "PeerAuthentication shop/default"),
        (rule("shop/r", "DISABLE"), "plaintext", "DestinationRule shop/r"),
        (rule("shop/r", "DISABLE") + STRICT, "broken", "DestinationRule shop/r"),
        (rule("shop/r", "SIMPLE") + STRICT, "broken", "DestinationRule shop/r"),
        (rule("shop/r", "SIMPLE"), "broken", "DestinationRule shop/r"),  # TLS before a port that declares http
        (rule("other/r", "DISABLE") + STRICT, "mTLS", "PeerAuthentication shop/default"),  # off the lookup path
        (rule("shop/r", "DISABLE", exportTo=["."]) + STRICT, "mTLS", "PeerAuthentication shop/default"),
        (rule("shop/r", "DISABLE") + rule("web/r", "ISTIO_MUTUAL"), "mTLS", "DestinationRule web/r"),  # the client's first
        (rule("istio-system/r", "DISABLE", "*.local"), "plaintext", "DestinationRule istio-system/r"),
        (rule("shop/r", "ISTIO_MUTUAL") + peers("shop/default", "DISABLE"), "broken", "DestinationRule shop/r"),
        (destination_rule("shop/r", BACK, trafficPolicy={"tls": {}}), "plaintext", "DestinationRule shop/r"),  # no mode: DISABLE
        (
            peers("shop/default", "DISABLE") + peers("shop/own", "STRICT", {"app": "back"}),
            "broken",
            "PeerAuthentication shop/default",
        ),
        (peers("istio-system/own", "STRICT", {"app": "back"}), "mTLS", None),  # a selector in the root namespace says nothing
    ],
)
def test_both_sides_decide(more: str, verdict: str, decides: str | None) -> None:
    found = cell(build(WORLD + more))
    assert (found.verdict, str(found.decides) if found.decides else None) == (verdict, decides), found.why


def ports(port: int, **policy: Any) -> dict[str, Any]:
    return {"portLevelSettings": [{"port": {"number": port}, **policy}]}


V1 = {"name": "v1", "labels": {"app": "back"}}
TO_V1 = thing(
    "networking.istio.io/v1",
    "VirtualService",
    "shop/back",
    {"hosts": [BACK], "http": [{"route": [{"destination": {"host": BACK, "subset": "v1"}}]}]},
)
OFF, ON = {"tls": {"mode": "DISABLE"}}, {"tls": {"mode": "ISTIO_MUTUAL"}}


@pytest.mark.parametrize(
    ("spec", "routed", "sends"),
    [
        ({"trafficPolicy": ports(80, **OFF)}, False, "plaintext"),
        ({"trafficPolicy": ports(81, **OFF)}, False, "mTLS"),
        ({"trafficPolicy": OFF | ports(80, **ON)}, False, "mTLS"),
        ({"trafficPolicy": OFF | ports(80, loadBalancer={"simple": "RANDOM"})}, False, "plaintext"),  # marked by the host's block
        ({"subsets": [V1 | {"trafficPolicy": OFF}]}, False, "mTLS"),  # nobody routes to the subset
        ({"subsets": [V1 | {"trafficPolicy": OFF}]}, True, "plaintext"),
        ({"trafficPolicy": ports(80, **ON), "subsets": [V1 | {"trafficPolicy": OFF}]}, True, "plaintext"),
        ({"trafficPolicy": OFF, "subsets": [V1 | {"trafficPolicy": ports(80, **ON)}]}, True, "mTLS"),
        (
            {"trafficPolicy": OFF, "workloadSelector": {"matchLabels": {"app": "front"}}},
            False,
            "mTLS",
        ),  # not the client's namespace
    ],
)
def test_the_rule_of_a_port_and_subset(spec: dict[str, Any], routed: bool, sends: str) -> None:
    made = thing("networking.istio.io/v1", "DestinationRule", "shop/r", {"host": BACK, **spec})
    assert cell(build(all_of(WORLD, made, TO_V1 if routed else ""))).sends.how == sends


def test_a_rule_selects_its_clients() -> None:
    made = rule("web/r", "DISABLE", workloadSelector={"matchLabels": {"app": "front"}})
    mesh = build(all_of(WORLD, made, inside("web/other", "10.1.0.8")))
    assert (cell(mesh).sends.how, cell(mesh, "other").sends.how) == ("plaintext", "mTLS")


def test_of_several_rules_the_oldest_with_a_policy_counts() -> None:
    younger = rule("shop/a", "DISABLE", created="2026-08-02T10:00:00Z")
    assert cell(build(all_of(WORLD, thing_at("shop/z", ON), younger.replace("2026-08-01", "2026-08-02")))).sends.how == "mTLS"


def thing_at(where: str, policy: dict[str, Any]) -> str:
    return destination_rule(where, BACK, trafficPolicy=policy)


@pytest.mark.parametrize(
    ("annotations", "labels", "verdict"),
    [
        ({f"{PREFIX}excludeInboundPorts": "8080"}, {}, "broken"),  # the label still says that it takes mutual TLS
        ({f"{PREFIX}includeInboundPorts": "9999"}, {}, "broken"),
        ({f"{PREFIX}excludeInboundPorts": "9999"}, {}, "mTLS"),
        ({"sidecar.istio.io/interceptionMode": "NONE"}, {}, "broken"),
        ({}, {"security.istio.io/tlsMode": "disabled"}, "plaintext"),
    ],
)
def test_what_reaches_the_servers_sidecar(annotations: dict[str, str], labels: dict[str, str], verdict: str) -> None:
    server = inside("shop/back", "10.1.0.2", labels, annotations=annotations)
    assert cell(build(all_of(FRONT, server, service("shop/back", "http:80:8080")))).verdict == verdict


@pytest.mark.parametrize(
    ("annotations", "sends"),
    [
        ({f"{PREFIX}excludeOutboundPorts": "80"}, "plaintext"),
        ({f"{PREFIX}excludeOutboundIPRanges": "10.0.0.0/24"}, "plaintext"),
        ({f"{PREFIX}includeOutboundIPRanges": "192.168.0.0/16"}, "plaintext"),
        ({f"{PREFIX}includeOutboundIPRanges": "10.0.0.0/8, nonsense"}, "mTLS"),
        ({"sidecar.istio.io/interceptionMode": "NONE"}, "unknown"),
    ],
)
def test_what_reaches_the_clients_sidecar(annotations: dict[str, str], sends: str) -> None:
    client = inside("web/front", "10.1.0.1", annotations=annotations)
    mesh = build(all_of(client, inside("shop/back", "10.1.0.2"), service("shop/back", "http:80:8080")))
    assert cell(mesh).sends.how == sends


def test_what_the_init_container_was_told_counts_before_annotations() -> None:
    init = {"name": "istio-init", "args": ["istio-iptables", "-b", "*", "-d", "15090,8080"]}
    made = inside("shop/back", "10.1.0.2", annotations={f"{PREFIX}excludeInboundPorts": ""})
    made = made.replace("spec:\n", f"spec:\n  initContainers: [{init}]\n", 1)
    assert cell(build(all_of(FRONT, made, service("shop/back", "http:80:8080")))).takes.mode == "NONE"


SIDECAR = thing("networking.istio.io/v1", "Sidecar", "web/default", {"egress": [{"hosts": ["./*"]}]})


@pytest.mark.parametrize(("only", "verdict"), [(False, "plaintext"), (True, "broken")])
def test_a_client_that_does_not_know_the_service(only: bool, verdict: str) -> None:
    policy = {"mode": "REGISTRY_ONLY" if only else "ALLOW_ANY"}
    found = cell(build(WORLD + SIDECAR).told([], MeshConfig(outbound_traffic_policy=policy)))
    assert (found.verdict, str(found.decides)) == (verdict, "Sidecar web/default")


def test_callers_without_a_proxy() -> None:
    found = cell(build(WORLD + STRICT), "alien")
    assert (found.verdict, found.is_refused, str(found.decides)) == ("broken", True, "Deployment out/alien")
    assert cell(build(WORLD), "alien").verdict == "plaintext"


def test_calls_to_a_pods_own_address_are_passed_through() -> None:
    (found,) = (c for c in cells_by_address(build(WORLD + STRICT)) if (c.client.name, c.server.name) == ("front", "back"))
    assert (found.verdict, found.sends.how) == ("broken", "plaintext")


@pytest.mark.parametrize(
    ("more", "sends"),
    [
        ("", "mTLS"),
        (peers("shop/own", "DISABLE", {"app": "back"}), "mTLS"),  # a headless Service's clients do not look at its endpoints
        (pod("shop/back-2", ip="10.1.0.7", proxy=False), "plaintext"),  # one without a sidecar, and nobody gets mutual TLS
    ],
)
def test_headless_services(more: str, sends: str) -> None:
    heads = service("shop/heads", "http:80:8080", "back", spec={"clusterIP": "None"})
    mesh = build(all_of(FRONT, inside("shop/back", "10.1.0.2"), heads, more))
    found = [c for c in cells(mesh) if c.client.name == "front"]
    assert {c.sends.how for c in found} == {sends}


def test_pods_of_one_workload_that_differ_are_told() -> None:
    mesh = build(all_of(WORLD, STRICT, pod("shop/back-2", ip="10.1.0.7", proxy=False)))
    found = cell(mesh)
    assert (found.verdict, found.is_mixed) == ("plaintext", True)


def test_entries_of_the_mesh_and_outside_it() -> None:
    machine = thing("networking.istio.io/v1", "WorkloadEntry", "shop/vm", {"address": "10.9.0.1", "labels": {"app": "vm"} | OFFERS})
    spec = {
        "workloadSelector": {"labels": {"app": "vm"}},
        "resolution": "STATIC",
        "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}],
    }
    own = build(all_of(FRONT, machine, entry("shop/vm", "vm.local", location="MESH_INTERNAL", **spec), STRICT))
    assert cell(own, server="vm", port=80, host="vm.local").verdict == "mTLS"
    outside = build(all_of(FRONT, machine, entry("shop/vm", "vm.local", **spec), STRICT))
    assert cell(outside, server="vm", port=80, host="vm.local").verdict == "broken"


def test_gateways_call_by_rules_of_their_own_namespace_and_are_no_servers() -> None:
    made = inside("edge/ingress", "10.1.0.9", gateway=True)
    mesh = build(all_of(WORLD, made, service("edge/ingress", "http:80:8080"), rule("edge/r", "DISABLE")))
    assert cell(mesh, "ingress").verdict == "plaintext"
    assert cell(mesh, "ingress").is_gateway
    assert not [c for c in cells(mesh) if c.server.name == "ingress"]


def test_automatic_mutual_tls_may_be_off() -> None:
    assert cell(build(WORLD).told([], MeshConfig(enable_auto_mtls=False))).sends.how == "plaintext"


def test_blind_is_not_plain() -> None:
    with pytest.raises(Unseen):
        cells(build(WORLD, unseen=[PeerAuthentication]))


def test_what_only_part_of_is_read_is_unknown_not_mutual_tls() -> None:
    blind = build(WORLD, unseen=[Sidecar])
    assert cell(blind).verdict == "unknown"
    assert cell(blind, "alien").verdict == "plaintext"
    assert picture(blind).unread == ("sidecars.networking.istio.io",)
    made = thing("networking.istio.io/v1", "DestinationRule", "shop/r", {"host": BACK, "subsets": [V1 | {"trafficPolicy": OFF}]})
    found = cell(build(WORLD + made, unseen=[VirtualService]))
    assert (found.verdict, found.is_mixed) == ("plaintext", True)


# What was seen.


def inbound(remote: str, sni: str = "", code: int = 200, cluster: str = "inbound|8080||", **more: Any) -> Any:
    return line(cluster, code=code, downstream_remote=f"{remote}:5000", downstream_local="10.1.0.2:8080", sni=sni, **more)


def seen_pair(mesh: Mesh, client: str = "front") -> Pair:
    (found,) = (p for p in picture(mesh).pairs if (p.cell.client.name, p.cell.server.name) == (client, "back"))
    return found


def test_the_servers_log_tells_mutual_tls_from_plain_text() -> None:
    refused = inbound("10.1.0.3", cluster="", code=0, flags="NR", details="filter_chain_not_found")
    log = logged("shop/back", inbound("10.1.0.1", SNI), inbound("10.1.0.1", SNI), inbound("10.1.0.1"), refused)
    mesh = build(WORLD + STRICT, envoys=[log])
    pair, alien = seen_pair(mesh), seen_pair(mesh, "alien")
    assert (pair.count("mtls"), pair.count("plaintext"), pair.is_contradicted) == (2, 1, True)
    assert (alien.count("refused"), alien.is_fault) == (1, True)


def test_no_calls_is_told_from_not_known() -> None:
    assert seen_pair(build(WORLD)).known == "unknown"
    mesh = build(WORLD, envoys=[logged("shop/back")])
    assert seen_pair(mesh).known == "none"
    assert picture(mesh).coverage[0].share is None


def test_a_log_without_the_server_name_tells_no_security() -> None:
    mesh = build(WORLD, envoys=[logged("shop/back", inbound("10.1.0.1", tells_sni=False))])
    pair = seen_pair(mesh)
    assert (pair.count("untold"), pair.count("plaintext")) == (1, 0)
    assert picture(mesh).coverage[0].share is None


def test_coverage_against_the_goal() -> None:
    lines = [inbound("10.1.0.1", SNI) for _ in range(98)] + [inbound("10.1.0.3") for _ in range(2)]
    whole, shop = picture(build(WORLD, envoys=[logged("shop/back", *lines)])).coverage
    assert (whole.share, whole.is_met, shop.namespace, shop.strict, shop.ports) == (0.98, False, "shop", 0, 1)


def test_callers_that_are_no_pod_are_told() -> None:
    mesh = build(WORLD, envoys=[logged("shop/back", inbound("192.0.2.9"))])
    (stranger,) = picture(mesh).strangers
    assert (stranger.address, stranger.plaintext) == ("192.0.2.9", 1)
    assert forecast(mesh, parse("shop=STRICT")).is_harmful


def test_prometheus_counts_where_it_can() -> None:
    labels = {"source_workload": "front", "source_workload_namespace": "web", "destination_workload": "back"}
    labels |= {"destination_workload_namespace": "shop", "connection_security_policy": "mutual_tls"}
    told = Prometheus(
        service=Subject(),
        parts={QUERY: (Sample("", labels, 900.0), Sample("", labels | {"connection_security_policy": "none"}, 100.0))},
    )
    found = picture(build(WORLD, prometheus=told), window="7d")
    assert (found.coverage[0].share, found.coverage[0].window_s, found.coverage[0].source) == (0.9, 604800, "Prometheus")
    assert found.untold is None
    assert picture(build(WORLD)).untold == "none was found"


def test_a_live_listener_that_lags_behind() -> None:
    old = Envoy(
        namespace="shop", name="back", parts={"inbound": {0: "PERMISSIVE", 8080: "PERMISSIVE"}, "handshakes": {8080: (3, 4)}}
    )
    found = picture(build(WORLD + STRICT, envoys=[old]))
    assert all(p.is_stale for p in found.pairs)
    assert [(d.takes.mode, d.live, d.handshakes) for d in found.doors] == [("STRICT", "PERMISSIVE", (3, 4))]


@pytest.mark.parametrize(("text", "value"), [("5m", 300), ("7d", 604800), ("0m", 0), ("5", 0), ("5m]) or vector(1", 0)])
def test_windows(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize(
    ("said", "only"),
    [({}, False), ({"outboundTrafficPolicy": {}}, True), ({"outboundTrafficPolicy": {"mode": "ALLOW_ANY"}}, False)],
)
def test_istiod_leaves_out_the_mode_that_is_zero(said: dict[str, Any], only: bool) -> None:
    assert mesh_config(json.dumps({"rootNamespace": "istio-system"} | said).encode()).registry_only is only
