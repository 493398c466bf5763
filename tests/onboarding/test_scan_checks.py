"""Each check of the list: sound, and with the one change that breaks it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from meshdoctor.model.findings import Status
from meshdoctor.model.istiod import MeshConfig, TypeSync
from meshdoctor.model.networkpolicies import NetworkPolicy
from meshdoctor.model.security import PeerAuthentication
from meshdoctor.model.workloads import Pod
from meshdoctor.onboarding.registry import checks
from tests.onboarding.sound import World, bare, thing
from tests.probes.things import line

SKIPPED_WHEN_SOUND = {"13", "31", "AM1", "AM2", "AM3"}  # STRICT already, no EnvoyFilter, not ambient


def test_a_sound_namespace_passes_every_check() -> None:
    result = World().result()
    bad = [(c.id, c.status, c.says) for c in result.checks if c.status is not Status.PASS and c.id not in SKIPPED_WHEN_SOUND]
    assert bad == []
    assert (result.state, result.next) == ("onboarded", "")


def test_a_gateway_may_be_named_by_another_trust_domain_of_the_mesh() -> None:
    world = World()
    world["AuthorizationPolicy/web"]["spec"]["rules"][0]["from"][0]["source"].update(
        principals=["old/ns/gw/sa/gw", "old/ns/gw/sa/*"]
    )
    assert next(c for c in world.result().checks if c.id == "16").status is Status.FAIL
    world.said["config"] = MeshConfig(root_namespace="istio-d", trust_domain_aliases=("old",))
    assert next(c for c in world.result().checks if c.id == "16").status is Status.PASS


def test_the_list_is_whole() -> None:
    assert [c.id for c in checks()] == [*map(str, range(1, 33)), "AM1", "AM2", "AM3"]


def labels(w: World, **said: str | None) -> None:
    meta = w["Namespace/shop"]["metadata"]["labels"]
    for key, value in said.items():
        name = {"rev": "istio.io/rev", "injection": "istio-injection", "pss": "pod-security.kubernetes.io/enforce"}[key]
        meta.pop(name, None)
        if value is not None:
            meta[name] = value


def of_pods(w: World, **spec: Any) -> None:
    for each in w.pods():
        each["spec"] |= spec


def app(w: World) -> dict[str, Any]:
    made: dict[str, Any] = w.template()["spec"]["containers"][0]
    return made


def proxies(w: World, **status: Any) -> None:
    for each in w.pods():
        each["status"]["initContainerStatuses"][0] |= status


def annotate(w: World, **marks: str) -> None:
    """On template and pods; `_` for what a keyword cannot say."""
    full = {
        {
            "rewrite": "sidecar.istio.io/rewriteAppHTTPProbers",
            "exclude": "traffic.sidecar.istio.io/excludeOutboundPorts",
            "config": "proxy.istio.io/config",
        }[k]: v
        for k, v in marks.items()
    }
    w.template()["metadata"].setdefault("annotations", {}).update(full)
    for each in w.pods():
        each["metadata"]["annotations"] |= full


def filtered(w: World) -> None:
    patch = {"applyTo": "HTTP_FILTER", "match": {"listener": {}}, "patch": {"operation": "INSERT_BEFORE", "value": {"name": "x"}}}
    w.add(
        thing(
            "networking.istio.io/v1alpha3",
            "EnvoyFilter",
            "shop/lua",
            spec={"workloadSelector": {"labels": {"app": "web"}}, "configPatches": [patch]},
        )
    )


def permissive(w: World) -> None:
    w["PeerAuthentication/default"]["spec"]["mtls"]["mode"] = "PERMISSIVE"


def called_in_plain_text(w: World) -> None:
    permissive(w)
    known = line(cluster="inbound|8080||", code=200, sni="outbound_.80_._.web.shop", downstream_remote="10.1.0.9:3")
    w.said["log"] = [known, line(cluster="inbound|8080||", code=200, sni="", downstream_remote="10.1.0.50:9")]


def measured_in_plain_text(w: World) -> None:
    permissive(w)
    w.said["prometheus"] = {"plain_text": [("report", 12.0)]}


def direct_probe(w: World) -> None:
    for each in w.pods():
        each["spec"]["containers"][0]["readinessProbe"] = {"httpGet": {"path": "/", "port": 8080}}


def ambient(w: World) -> None:
    w["Namespace/shop"]["metadata"]["labels"] = {"istio.io/dataplane-mode": "ambient", "kubernetes.io/metadata.name": "shop"}
    for each in w.pods():
        each["spec"]["initContainers"] = []
        each["metadata"]["annotations"] = {"ambient.istio.io/redirection": "enabled"}
    status = {"desiredNumberScheduled": 1, "numberReady": 1}
    template = {"metadata": {"labels": {"app": "ztunnel"}}, "spec": {"containers": []}}
    w.add(
        thing(
            "apps/v1",
            "DaemonSet",
            "istio-d/ztunnel",
            spec={"selector": {"matchLabels": {"app": "ztunnel"}}, "template": template},
            status=status,
        )
    )
    ready = [{"type": "Ready", "status": "True"}]
    w.add(
        thing(
            "v1",
            "Pod",
            "istio-d/ztunnel-1",
            labels={"app": "ztunnel"},
            spec={"nodeName": "node", "containers": [{"name": "istio-proxy"}]},
            status={"phase": "Running", "conditions": ready},
        )
    )


def ambient_without_ztunnel(w: World) -> None:
    ambient(w)
    w["Pod/ztunnel-1"]["status"]["conditions"] = []


def ambient_not_captured(w: World) -> None:
    ambient(w)
    w["Pod/web-a"]["metadata"]["annotations"] = {}


def ambient_http_policy(w: World) -> None:
    ambient(w)
    w["AuthorizationPolicy/web"]["spec"]["rules"] = [{"to": [{"operation": {"methods": ["GET"]}}]}]


def blocked_istiod(w: World) -> None:
    w.add(
        thing(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            "shop/out",
            spec={"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [{"podSelector": {}}]}]},
        )
    )


def races(w: World) -> None:
    annotate(w, config="holdApplicationUntilProxyStarts: false")
    for each in w.pods():
        each["spec"]["containers"] += each["spec"].pop("initContainers")


def two_replicas_gone(w: World) -> None:
    w["Deployment/web"]["spec"]["replicas"] = 1


def fights(w: World) -> None:
    w.add(
        thing(
            "networking.istio.io/v1",
            "DestinationRule",
            "shop/plain",
            spec={"host": "web.shop.svc.cluster.local", "trafficPolicy": {"tls": {"mode": "DISABLE"}}},
        )
    )


BROKEN: list[tuple[str, str, Callable[[World], Any], str, str]] = [
    ("1", "both labels", lambda w: labels(w, rev="default"), "FAIL", "istio.io/rev"),
    ("2", "no such revision", lambda w: labels(w, injection=None, rev="gone"), "FAIL", "no injection webhook"),
    ("2", "nobody answers", lambda w: w["EndpointSlice/istiod-x"].update(endpoints=[]), "FAIL", "nobody answers"),
    ("3", "a pod without sidecar", lambda w: w.add(bare("shop/old")), "FAIL", "2 of 3 pods"),
    (
        "4",
        "another revision",
        lambda w: w["Pod/web-a"]["metadata"]["annotations"].update({"istio.io/rev": "old"}),
        "FAIL",
        "old",
    ),
    ("5", "an old proxy", lambda w: w.said.update(version="1.29.4"), "WARN", "1.29.4"),
    ("6", "refused", lambda w: w.said.update(sync={"LDS": TypeSync(sent="2", acked="1", error="no such filter")}), "FAIL", "NACK"),
    (
        "7",
        "killed",
        lambda w: proxies(w, restartCount=1, lastState={"terminated": {"reason": "Error", "exitCode": 1}}),
        "WARN",
        "restarted",
    ),
    ("7", "not ready", lambda w: proxies(w, ready=False), "WARN", "not ready"),
    (
        "9",
        "a port without name",
        lambda w: w["Service/web"]["spec"]["ports"][0].update(name="main"),
        "WARN",
        "declares no protocol",
    ),
    ("10", "the default account", lambda w: w.template()["spec"].update(serviceAccountName="default"), "WARN", "default"),
    ("11", "no version", lambda w: w.template()["metadata"]["labels"].pop("version"), "WARN", "no label version"),
    ("12", "permissive", permissive, "FAIL", "PERMISSIVE"),
    ("13", "seen in plain text", called_in_plain_text, "FAIL", "10.1.0.50"),
    ("13", "measured in plain text", measured_in_plain_text, "FAIL", "12 requests"),
    ("14", "TLS switched off", fights, "FAIL", "DestinationRule shop/plain"),
    ("15", "nobody allowed", lambda w: w.objects.pop("AuthorizationPolicy/web"), "WARN", "let every caller in"),
    (
        "16",
        "gateway not named",
        lambda w: w["AuthorizationPolicy/web"]["spec"]["rules"][0]["from"][0]["source"].update(
            principals=["cluster.local/ns/shop/sa/web"]
        ),
        "FAIL",
        "no ALLOW policy",
    ),
    ("17", "no policy", lambda w: w.objects.pop("NetworkPolicy/deny"), "WARN", "nothing is denied"),
    ("17", "istiod out of reach", blocked_istiod, "FAIL", "15012"),
    (
        "17",
        "gateways kept out",
        lambda w: w["NetworkPolicy/deny"]["spec"].update(ingress=[]),
        "FAIL",
        "8080 of shop/web",
    ),
    ("18", "no Sidecar", lambda w: w.objects.pop("Sidecar/default"), "WARN", "no Sidecar"),
    ("19", "no requests", lambda w: app(w).pop("resources"), "WARN", "CPU request"),
    (
        "20",
        "a small quota",
        lambda w: w["ResourceQuota/room"]["status"]["used"].update({"requests.cpu": "990m"}),
        "WARN",
        "are needed",
    ),
    ("21", "probes past the agent", direct_probe, "FAIL", "past the agent"),
    (
        "22",
        "a race",
        races,
        "WARN",
        "before its proxy",
    ),
    ("23", "a short grace", lambda w: of_pods(w, terminationGracePeriodSeconds=3), "WARN", "while its proxy drains"),
    ("24", "one replica", two_replicas_gone, "WARN", "1 replica"),
    ("24", "no budget", lambda w: w.objects.pop("PodDisruptionBudget/web"), "WARN", "no PodDisruptionBudget"),
    ("25", "user 1337", lambda w: app(w).update(securityContext={"runAsUser": 1337}), "FAIL", "1337"),
    ("25", "NET_ADMIN", lambda w: app(w).update(securityContext={"capabilities": {"add": ["NET_ADMIN"]}}), "FAIL", "NET_ADMIN"),
    ("26", "a port excluded", lambda w: annotate(w, exclude="443"), "WARN", "excludeOutboundPorts: 443"),
    (
        "27",
        "a route to nowhere",
        lambda w: w["VirtualService/web"]["spec"]["http"][0]["route"][0]["destination"].update(host="gone"),
        "FAIL",
        "gone",
    ),
    (
        "28",
        "no listener",
        lambda w: w["Gateway/in"]["spec"]["servers"][0].update(hosts=["other.example.com"]),
        "FAIL",
        "shop.example.com",
    ),
    (
        "29",
        "an unknown host",
        lambda w: w.said.update(log=[line(cluster="PassthroughCluster", code=200, authority="api.example.org")]),
        "WARN",
        "api.example.org",
    ),
    ("30", "no access log", lambda w: w.said.update(config=MeshConfig(root_namespace="istio-d")), "WARN", "no access log"),
    ("30", "no metrics", lambda w: w.said.update(prometheus={"measured": []}), "WARN", "no istio_requests_total"),
    ("31", "a relative filter", filtered, "WARN", "shop/lua"),
    ("32", "nobody named", lambda w: w["Namespace/shop"]["metadata"].pop("annotations"), "WARN", "no label or annotation"),
    ("AM1", "not captured", ambient_not_captured, "FAIL", "web-a"),
    ("AM2", "no ztunnel", ambient_without_ztunnel, "FAIL", "no ready ztunnel on node"),
    ("AM3", "HTTP without waypoint", ambient_http_policy, "FAIL", "no targetRefs"),
]


@pytest.mark.parametrize(("ident", "name", "change", "status", "words"), BROKEN, ids=[f"{b[0]} {b[1]}" for b in BROKEN])
def test_what_breaks_a_check_is_said(ident: str, name: str, change: Callable[[World], Any], status: str, words: str) -> None:
    world = World()
    change(world)
    found = world.check(ident)
    told = " ".join((found.says, *(f"{e.says} {e.quote} {e.source}" for e in found.evidence)))
    assert (found.status, words in told) == (status, True), f"{found.status}: {told}"
    assert found.do


def test_every_check_has_a_way_to_break() -> None:
    assert {c.id for c in checks()} - {b[0] for b in BROKEN} == {"8"}  # below: it needs a dry run


@pytest.mark.parametrize(("ident", "change"), [("AM1", ambient), ("AM2", ambient), ("31", lambda w: None)])
def test_ambient_mode_and_filters_that_are_sound(ident: str, change: Callable[[World], Any]) -> None:
    world = World()
    change(world)
    assert world.check(ident).status in ("PASS", "SKIPPED")
    assert world.check("1").status == "PASS"


@pytest.mark.parametrize(("ident", "kind"), [("3", Pod), ("12", PeerAuthentication), ("17", NetworkPolicy)])
def test_what_is_not_seen_is_unknown(ident: str, kind: Any) -> None:
    found = World().check(ident, [kind])
    assert found.status == "UNKNOWN"
    assert kind.resource() in found.says
