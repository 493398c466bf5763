"""The remedies as data: complete, joined to the pages, and true to what they say on small meshes."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from meshdoctor.fixes import words
from meshdoctor.fixes.case import WORDS, Case, NoRemedy
from meshdoctor.fixes.plan import changed, made
from meshdoctor.kube.consent import writable
from meshdoctor.model.kinds import ALL
from meshdoctor.model.pages import pages
from meshdoctor.model.remedies import Remedy, remedies, remedies_for
from meshdoctor.model.runbooks import of_page, runbooks
from tests.conftest import build, judge
from tests.probes.things import destination_rule, gateway, pod, server, service, thing, to, virtual_service

EVERY = [r for several in remedies().values() for r in several]


def test_there_are_many_and_each_is_a_guided_fix_of_a_page() -> None:
    assert len(EVERY) >= 60
    assert [r.id for r in EVERY if r.fix.kind == "manual"] == []
    assert len({r.id for r in EVERY}) == len(EVERY)


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
    made = yaml.safe_load(re.sub(r"\$\{\w+\}", "8080", remedy.create))
    assert json.loads(json.dumps(made)) == made, "no key is a number"


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
