"""Hosts: full names, the cluster's domain, patterns."""

from __future__ import annotations

import pytest

from meshdoctor.collect.files import mesh_of
from meshdoctor.istio.hosts import Patterns, fqdn, long_name, overlap, registered, resolve
from meshdoctor.model.findings import Cluster
from meshdoctor.model.mesh import Mesh
from tests.conftest import judge, subjects
from tests.probes.things import all_of, entry, service, thing, to, virtual_service

SHOP = all_of(service("shop/cart"), entry("shop/e", "api.example.org", "*.wild.org"), thing("v1", "Namespace", "bank"))


def mesh(domain: str = "cluster.local", text: str = SHOP) -> Mesh:
    return mesh_of(text, cluster=Cluster(domain=domain))


@pytest.mark.parametrize(
    ("host", "short", "long"),
    [
        ("cart", "cart.shop.svc.corp", "cart.shop.svc.corp"),
        ("cart.shop.svc", "cart.shop.svc.corp", "cart.shop.svc.corp"),
        ("cart.bank", "cart.bank", "cart.bank.svc.corp"),  # a namespace that is known
        ("cart.org", "cart.org", "cart.org"),
        ("*.bank", "*.bank", "*.bank"),
        ("API.example.org", "API.example.org", "api.example.org"),
        ("", "", ""),
    ],
)
def test_full_names(host: str, short: str, long: str) -> None:
    assert fqdn(host, "shop", "corp") == short
    assert long_name(mesh("corp"), host, "shop") == long


def test_the_domain_of_the_cluster_is_that_of_its_services() -> None:
    text = all_of(SHOP, virtual_service("shop/r", hosts=["x.org"], http=[to("cart"), to("cart.shop.svc.cluster.local")]))
    found = judge(mesh("corp.internal", text), "RT-001")
    assert [f.path for f in found] == ["spec.http[1].route[0].destination.host"]
    assert subjects(judge(mesh(text=text), "RT-001")) == []


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("api.example.org", ["api.example.org"]),
        ("www.wild.org", ["*.wild.org"]),
        ("a.b.wild.org", ["*.wild.org"]),
        ("wild.org", []),
        ("*.www.wild.org", ["*.wild.org"]),
        ("*.org", ["api.example.org", "*.wild.org"]),
    ],
)
def test_what_a_name_stands_for(host: str, found: list[str]) -> None:
    assert [r.host for r in registered(mesh(), host)] == found
    assert [r.host for r in resolve(mesh(), host, "shop")] == found


PATTERNS = ["*", "*.org", "*.example.org", "www.example.org", "*ample.org", "*.com"]


@pytest.mark.parametrize("host", [*PATTERNS, "example.org", "a.b.example.org", "sample.org", "org", "x"])
def test_patterns_find_what_a_search_finds(host: str) -> None:
    index = Patterns((p, p) for p in PATTERNS)
    wide = {p for p in PATTERNS if overlap(p, host) and (p == host or p.startswith("*")) and covers(p, host)}
    assert set(index.covering(host)) == wide


def covers(pattern: str, host: str) -> bool:
    return pattern in ("*", host) or (pattern.startswith("*") and host.removeprefix("*").endswith(pattern[1:]))
