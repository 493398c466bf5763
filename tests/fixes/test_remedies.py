"""The remedies as data: complete, joined to the pages, and true to what they say on small meshes."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from meshdoctor.fixes import words
from meshdoctor.fixes.case import WORDS, Case, NoRemedy
from meshdoctor.fixes.plan import changed, made, target_of
from meshdoctor.kube.consent import writable
from meshdoctor.model.findings import Evidence, Finding, Status
from meshdoctor.model.kinds import ALL
from meshdoctor.model.pages import code_of, pages
from meshdoctor.model.remedies import Remedy, remedies, remedies_for
from meshdoctor.model.runbooks import of_page, runbooks
from meshdoctor.model.subject import Subject
from tests.conftest import build, judge
from tests.probes.things import destination_rule, gateway, pod, server, service, thing, to, virtual_service

EVERY = [r for several in remedies().values() for r in several]


def test_there_are_many_and_each_is_a_guided_fix_of_a_page() -> None:
    assert len(EVERY) >= 60
    assert [r.id for r in EVERY if r.fix.kind == "manual"] == []
    assert len({r.id for r in EVERY}) == len(EVERY)


NOT_ONE_CHANGE = {
    "PRX-004": "a call into the pod, which is never made from here",
    "RT-018": "how long the application keeps connections stands in the application",
    "MC-004": "which network the cluster is in is for a person to say, and its pods restart afterwards",
    "UP-005": "istioctl writes the webhook of a tag from the chart of that revision",
    "OB-004": "which workload is looked into is the operator's choice",
    "OP-002": "an object of Argo CD, which is changed by its own command",
}


def test_every_guided_fix_that_one_change_can_do_is_a_remedy() -> None:
    guided = {p.id for p in pages().values() if any(f.kind in ("guided", "last_resort") for f in p.fix)}
    assert len(guided) >= 93
    assert guided - remedies().keys() == NOT_ONE_CHANGE.keys()


HANDBOOK = {
    "ingress-5xx", "control-plane-degraded", "egress-policy", "scale-gateway", "scale-istiod", "rotate-certificate", "webhook",
    "crd-skew", "drain-node", "route-around", "add-port", "expose-host", "roll-back-route",
}  # fmt: skip


def test_the_runbooks_of_the_handbook_are_there_whole() -> None:
    assert runbooks().keys() >= HANDBOOK
    for book in (runbooks()[name] for name in HANDBOOK):
        assert all((book.when, book.rollback, book.resolved)), book.id
        assert len(book.step) >= 5, book.id
        assert all(step.command and step.expect for step in book.step), book.id


@pytest.mark.parametrize("remedy", EVERY, ids=lambda r: r.id)
def test_a_remedy_is_one_kind_of_change_of_known_words(remedy: Remedy) -> None:
    words.load()
    ways = [bool(remedy.set or remedy.remove), remedy.restart, remedy.delete, bool(remedy.create)]
    assert ways.count(True) == 1
    used = set(re.findall(r"\$\{(\w+)\}", repr((remedy.set, remedy.remove)) + remedy.create)) | set(remedy.when)
    assert used | ({remedy.target} if remedy.target else set()) <= WORDS.keys()
    assert set(remedy.on) <= {k.KIND for k in ALL} | {"NetworkPolicy"}


def test_what_a_remedy_writes_may_be_written() -> None:
    known = {k.KIND: k for k in ALL}
    for remedy in EVERY:
        if remedy.delete:
            for name in remedy.on:
                kind = known[name]
                root = f"/apis/{kind.GROUP}/v1" if kind.GROUP else "/api/v1"
                assert writable("DELETE", f"{root}/namespaces/x/{kind.PLURAL}/y"), (remedy.id, name)


@pytest.mark.parametrize("remedy", [r for r in EVERY if r.create], ids=lambda r: r.id)
def test_what_a_remedy_makes_is_json_whatever_its_words_are(remedy: Remedy) -> None:
    text = yaml.safe_load(re.sub(r"\$\{\w+\}", "8080", remedy.create))
    assert json.loads(json.dumps(text)) == text, "no key is a number"


def test_every_problem_has_steps_and_runbooks_name_problems_that_exist() -> None:
    assert all(of_page(p).step for p in pages().values())
    assert len(runbooks()) >= 12
    assert {p for book in runbooks().values() for p in book.problems} <= pages().keys()


def healed(text: str, problem: str, live: str) -> dict[str, Any]:
    """The first remedy that fits the finding of a mesh, on the object as it was written."""
    mesh = build(text)
    finding = judge(mesh, problem)[0]
    case = Case(finding=finding, mesh=mesh, live=yaml.safe_load(live))
    for remedy in remedies_for(problem, finding.subject.kind):
        try:
            return made(case, remedy) if remedy.create else changed(case, remedy)
        except NoRemedy:
            continue
    raise AssertionError(f"no remedy of {problem} fits {finding.subject}")


def test_a_misspelt_host_becomes_the_service_that_is_meant() -> None:
    route = virtual_service("shop/catalog", hosts=["catalog"], http=[to("catalogue")])
    mesh = service("shop/catalog") + service("shop/cart") + pod("shop/catalog-1") + route
    after = healed(mesh, "RT-001", route)
    assert after["spec"]["http"][0]["route"][0]["destination"]["host"] == "catalog.shop.svc.cluster.local"


def test_of_two_names_that_are_equally_near_none_is_chosen() -> None:
    route = virtual_service("shop/catalog", hosts=["catalog"], http=[to("catalog-3")])
    mesh = service("shop/catalog-1") + service("shop/catalog-2") + route
    with pytest.raises(AssertionError, match="no remedy"):
        healed(mesh, "RT-001", route)


def test_the_rule_that_is_never_reached_comes_before_the_one_that_takes_all() -> None:
    rules = [to("catalog"), {"match": [{"uri": {"prefix": "/v2"}}], **to("cart")}]
    route = virtual_service("shop/catalog", hosts=["catalog"], http=rules)
    mesh = service("shop/catalog") + service("shop/cart") + pod("shop/catalog-1") + route
    assert [("match" in r) for r in healed(mesh, "RT-005", route)["spec"]["http"]] == [True, False]


def test_the_weight_of_a_subset_without_pods_goes_to_the_other() -> None:
    """The finding is about the DestinationRule, the change about the VirtualService."""
    both = [{"destination": {"host": "catalog", "subset": s}, "weight": w} for s, w in (("v1", 80), ("v2", 20))]
    route = virtual_service("shop/catalog", hosts=["catalog"], http=[{"route": both}])
    rule = destination_rule("shop/catalog", "catalog.shop.svc.cluster.local", "v1", "v2")
    mesh = service("shop/catalog") + pod("shop/catalog-1", {"version": "v1"}) + route + rule
    after = healed(mesh, "RT-003", route)
    assert after["spec"]["http"] == [{"route": [{"destination": {"host": "catalog", "subset": "v1"}}]}]


def test_a_gateways_port_is_added_to_its_service() -> None:
    text = gateway("gw/admin", server(8443, "HTTP", "admin.example.com"))
    front = service("gw/ingress", "http:80:80", spec={"selector": {"istio": "ingress"}, "type": "LoadBalancer"})
    mesh = text + front + pod("gw/ingress-1", {"istio": "ingress"}, gateway=True)
    ports = healed(mesh, "GW-001", front)["spec"]["ports"]
    assert [p["port"] for p in ports] == [80, 8443]


def test_a_fault_block_goes_and_nothing_else() -> None:
    route = virtual_service("shop/catalog", hosts=["catalog"], http=[{"fault": {"abort": {"httpStatus": 503}}, **to("catalog")}])
    after = healed(service("shop/catalog") + pod("shop/catalog-1") + route, "RT-019", route)
    assert after["spec"]["http"] == [to("catalog")]


def test_an_address_of_its_own_for_istiod_goes_from_the_proxy_config() -> None:
    config = {"proxy.istio.io/config": "discoveryAddress: istiod.old.svc:15012\nholdApplicationUntilProxyStarts: true\n"}
    workload = thing("apps/v1", "Deployment", "shop/cart", {"template": {"metadata": {"annotations": config}}})
    case = Case(finding=judge(build(MISSPELT), "RT-001")[0], mesh=build(MISSPELT), live=yaml.safe_load(workload))
    remedy = remedies_for("XDS-003", "Deployment")[0]
    said = changed(case, remedy)["spec"]["template"]["metadata"]["annotations"]["proxy.istio.io/config"]
    assert yaml.safe_load(said) == {"holdApplicationUntilProxyStarts": True}


MISSPELT = virtual_service("shop/catalog", hosts=["catalog"], http=[to("catalogue")]) + service("shop/catalog")


def test_an_application_gets_a_user_of_its_own() -> None:
    spec = {
        "template": {
            "metadata": {"labels": {"app": "cart"}},
            "spec": {"securityContext": {"runAsUser": 1337}, "containers": [{"name": "app"}]},
        }
    }
    workload = thing("apps/v1", "Deployment", "shop/cart", spec)
    after = changed(case_of("INJ-016", "Deployment", "shop/cart", workload), remedies()["INJ-016"][0])
    assert after["spec"]["template"]["spec"]["securityContext"] == {"runAsUser": 1338}


def test_a_quota_is_raised_by_what_is_missing_where_a_pod_was_refused() -> None:
    quota = thing("v1", "ResourceQuota", "shop/tight", {"hard": {"requests.memory": "100Mi", "requests.cpu": "1", "pods": "9"}})
    said = 'pods "x" is forbidden: exceeded quota: tight, requested: requests.cpu=110m,requests.memory=128Mi, '
    said += "used: requests.cpu=950m,requests.memory=64Mi, limited: requests.cpu=1,requests.memory=100Mi"
    case = case_of("INJ-018", "ResourceQuota", "shop/tight", quota, says="cart lacks 2 pods: no room", quote=said)
    hard = changed(case, remedies()["INJ-018"][0])["spec"]["hard"]
    assert hard == {"requests.memory": "320Mi", "requests.cpu": "1170m", "pods": "9"}


def test_names_are_those_of_the_servers() -> None:
    wrong = ["spiffe://cluster.local/ns/shop/sa/basket"]
    rule = destination_rule("shop/cart", "cart", trafficPolicy={"tls": {"mode": "ISTIO_MUTUAL", "subjectAltNames": wrong}})
    mesh = service("shop/cart") + pod("shop/cart-1") + rule
    also = (Subject("", "Service", "shop", "cart"),)
    case = case_of("CRT-009", "DestinationRule", "shop/cart", rule, mesh, at="spec.trafficPolicy.tls.subjectAltNames", also=also)
    tls = changed(case, remedies()["CRT-009"][0])["spec"]["trafficPolicy"]["tls"]
    assert tls["subjectAltNames"] == ["spiffe://cluster.local/ns/shop/sa/cart"]


def test_a_closed_way_is_opened_for_who_needs_it_and_no_wider() -> None:
    policy = thing("networking.k8s.io/v1", "NetworkPolicy", "shop/inside", {"podSelector": {}})
    also = (
        Subject("", "Service", "shop", "cart"),
        Subject("apps", "Deployment", "shop", "cart"),
        Subject("apps", "Deployment", "gw", "in"),
    )
    says = "it keeps gw/in from port 8080 of shop/cart"
    case = case_of("PS-001", "NetworkPolicy", "shop/inside", policy, service("shop/cart"), at="spec.ingress", also=also, says=says)
    rule = made(case, remedies()["PS-001"][0])
    assert rule["metadata"] == {"name": "md-allow-gw", "namespace": "shop"}
    assert rule["spec"]["podSelector"] == {"matchLabels": {"app": "cart"}}
    assert rule["spec"]["ingress"] == [
        {
            "from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gw"}}}],
            "ports": [{"port": 8080, "protocol": "TCP"}],
        }
    ]


def test_a_budget_gets_a_replica_only_where_that_gives_room() -> None:
    workload = thing("apps/v1", "Deployment", "gw/in", {"replicas": 2})
    also = (Subject("apps", "Deployment", "gw", "in"),)
    words = "it allows no eviction of its 2 healthy pods ({}): a drain of their nodes hangs"
    for rule, fits in (("minAvailable 2", True), ("minAvailable 100%", False), ("maxUnavailable 0", False)):
        case = case_of("OP-001", "PodDisruptionBudget", "gw/in", workload, also=also, says=words.format(rule))
        if fits:
            assert target_of(case, remedies()["OP-001"][0]) == also[0]
            assert changed(case, remedies()["OP-001"][0])["spec"]["replicas"] == 3
        else:
            with pytest.raises(NoRemedy):
                target_of(case, remedies()["OP-001"][0])


def test_what_listens_on_localhost_is_led_there_and_the_rest_is_left() -> None:
    workload = thing("apps/v1", "Deployment", "shop/cart", {"selector": {"matchLabels": {"app": "cart"}}})
    mesh = service("shop/cart", "http:80:8080,grpc-x:81:8090") + pod("shop/cart-1")
    says = "it is told '-http-port 127.0.0.1:8080': nobody but itself reaches port 8080 of Service shop/cart"
    case = case_of("PR-004", "Deployment", "shop/cart", workload, mesh, says=says)
    assert made(case, remedies()["PR-004"][0])["spec"]["ingress"] == [
        {"port": {"number": 8080, "protocol": "HTTP", "name": "http-8080"}, "defaultEndpoint": "127.0.0.1:8080"},
        {"port": {"number": 8090, "protocol": "GRPC", "name": "grpc-8090"}, "defaultEndpoint": "0.0.0.0:8090"},
    ]


def case_of(
    problem: str,
    kind: str,
    name: str,
    live: str,
    mesh: str = "",
    *,
    at: str = "",
    says: str = "",
    quote: str = "",
    also: tuple[Subject, ...] = (),
) -> Case:
    """A finding as its rule makes it, and the object that is changed."""
    namespace, _, bare = name.partition("/")
    group = next((k.GROUP for k in ALL if kind == k.KIND), "")
    found = Finding(
        id="x", code=code_of(problem), problem=problem, status=Status.FAIL, severity="high", subject=Subject(group, kind, namespace, bare),
        path=at, summary=says, evidence=(Evidence("", "", quote),), also=also,
    )  # fmt: skip
    empty = thing(
        "autoscaling/v2", "HorizontalPodAutoscaler", "elsewhere/x", {"scaleTargetRef": {"kind": "Deployment", "name": "x"}}
    )
    return Case(finding=found, mesh=build(live + mesh + empty), live=yaml.safe_load(live))
