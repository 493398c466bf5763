"""MD5115..MD5118, EG-003, JWT-005, MC-006: what an object says of things that are not there."""

from __future__ import annotations

from typing import Any

import pytest

from meshdoctor.collect.files import mesh_of
from meshdoctor.model.cluster import Namespace, Secret, ServiceAccount
from meshdoctor.model.istiod import MeshConfig
from tests.conftest import build, judge, subjects
from tests.probes.things import all_of, destination_rule, entry, gateway, pod, server, service, thing, to, virtual_service

NETWORKING = "networking.istio.io/v1"


def group(where: str, account: str = "", **labels: str) -> str:
    spec = {"metadata": {"labels": labels}, "template": {"serviceAccount": account}}
    return thing(NETWORKING, "WorkloadGroup", where, spec)


@pytest.mark.parametrize(("account", "found"), [("", 0), ("vm", 0), ("web", 0), ("other", 1)])
def test_the_account_of_a_group(account: str, found: int) -> None:
    text = all_of(thing("v1", "ServiceAccount", "shop/vm"), pod("shop/web-1"), group("shop/g", account))
    assert [(f.path, f.codes) for f in judge(build(text), "MD5115")] == [("spec.template.serviceAccount", ("KIA1701",))] * found
    if account:
        assert {f.status for f in judge(build(text, unseen=[ServiceAccount]), "MD5115")} == {"UNKNOWN"}


def test_groups_with_the_same_labels() -> None:
    alike = group("shop/a", app="vm"), group("shop/b", app="vm")
    text = all_of(*alike, group("shop/c", app="x"), group("bank/d", app="vm"), group("shop/e"), group("shop/f"))
    found = judge(build(text), "MD5116")
    assert subjects(found) == ["WorkloadGroup shop/a", "WorkloadGroup shop/b"]
    assert {(f.path, f.codes) for f in found} == {("spec.metadata.labels", ("KIA1702",))}


@pytest.mark.parametrize("kind", ["VirtualService", "DestinationRule", "ServiceEntry"])
def test_namespaces_that_things_are_exported_to(kind: str) -> None:
    names = [".", "*", "~", "bank", "nowhere"]
    made = {
        "VirtualService": virtual_service("shop/x", hosts=["x"], exportTo=names),
        "DestinationRule": destination_rule("shop/x", "x", exportTo=names),
        "ServiceEntry": entry("shop/x", "x", exportTo=names),
    }[kind]
    there = thing("v1", "Namespace", "bank")
    assert [(f.path, f.codes) for f in judge(build(all_of(made, there)), "MD5117")] == [("spec.exportTo[4]", ("KIA0005",))]
    ambient = thing("v1", "Namespace", "shop", labels={"istio.io/dataplane-mode": "ambient"})
    assert judge(build(all_of(made, ambient)), "MD5117") == []
    assert {f.status for f in judge(build(made, unseen=[Namespace]), "MD5117")} == {"UNKNOWN"}


def test_registries_of_the_mesh_networks() -> None:
    secret = thing("v1", "Secret", "istio-system/istio-remote-secret-east", labels={"istio/multiCluster": "true"})
    names = ["Kubernetes", "east", "west"]
    networks = {"net": {"endpoints": [*({"fromRegistry": n} for n in names), {"fromCidr": "10.0.0.0/8"}]}}
    (finding,) = judge(mesh_of(secret, mesh_networks=networks), "MD5118")
    assert (str(finding.subject), finding.codes) == ("MeshNetworks istio-system/meshnetworks", ("IST0126",))
    assert finding.path == "networks.net.endpoints[2].fromRegistry"
    assert {f.status for f in judge(mesh_of(secret, mesh_networks=networks, denied=[Secret]), "MD5118")} == {"UNKNOWN"}


@pytest.mark.parametrize(("ports", "found"), [("http:80:8080", 0), ("http:81:8080", 1)])
def test_a_service_of_two_clusters(ports: str, found: int) -> None:
    assert [f.codes for f in judge(build(all_of(service("shop/a", "http:80:8080"), service("shop/a", ports))), "MC-006")] == [
        ("IST0170",)
    ] * found


@pytest.mark.parametrize(
    ("protocol", "spec", "found"),
    [
        ("TCP", {}, 1),
        ("", {}, 1),
        ("HTTPS", {}, 0),
        ("TCP", {"addresses": ["10.0.0.1"]}, 0),
    ],
)
def test_tcp_entries_without_an_address(protocol: str, spec: dict[str, Any], found: int) -> None:
    text = entry("shop/e", "db.org", ports=[{"number": 1, "name": "x", "protocol": protocol}], **spec)
    assert [(f.severity, f.codes) for f in judge(build(text), "EG-003")] == [("info", ("IST0134",))] * found
    capture = {"proxyMetadata": {"ISTIO_META_DNS_CAPTURE": "true", "ISTIO_META_DNS_AUTO_ALLOCATE": "true"}}
    assert judge(mesh_of(text, mesh_config=MeshConfig(default_config=capture)), "EG-003") == []


@pytest.mark.parametrize(
    ("policy", "found"),
    [
        (None, 1),
        (("edge", {"selector": {"matchLabels": {"istio": "ingress"}}}), 0),
        (("edge", {"selector": {"matchLabels": {"app": "other"}}}), 1),
        (("istio-system", {}), 0),
        (("shop", {}), 1),  # not where the gateway's pods are
    ],
)
def test_routes_by_claims_need_a_token_that_is_checked(policy: tuple[str, dict[str, Any]] | None, found: int) -> None:
    rule = {"match": [{"headers": {"@request.auth.claims.group": {"exact": "a"}}}], **to("web")}
    text = all_of(
        gateway("edge/gw", server(80, "HTTP", "x.org")),
        pod("edge/ingress-1", {"istio": "ingress"}, gateway=True),
        virtual_service("shop/r", hosts=["x.org"], gateways=["edge/gw"], http=[rule]),
        thing("security.istio.io/v1", "RequestAuthentication", f"{policy[0]}/p", policy[1]) if policy else "",
    )
    assert [(f.path, f.codes) for f in judge(build(text), "JWT-005")] == [("spec.http[0].match[0].headers", ("IST0149",))] * found
