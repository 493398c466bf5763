"""TLS towards servers outside the mesh, and where istiod fetches token keys."""

from __future__ import annotations

from typing import Any

import pytest

from meshdoctor.model.security import RequestAuthentication
from tests.conftest import build, judge
from tests.probes.things import all_of, destination_rule, thing


@pytest.mark.parametrize(
    ("tls", "spec", "found"),
    [
        ({"mode": "SIMPLE"}, {}, True),
        ({"mode": "MUTUAL", "credentialName": "c"}, {}, True),
        ({"mode": "SIMPLE", "credentialName": "c"}, {"workloadSelector": {"matchLabels": {"app": "x"}}}, False),
        ({"mode": "SIMPLE", "caCertificates": "system"}, {}, False),
        ({"mode": "ISTIO_MUTUAL"}, {}, False),
    ],
)
def test_servers_that_are_not_verified(tls: dict[str, Any], spec: dict[str, Any], found: bool) -> None:
    port = {"port": {"number": 443}, "tls": tls}
    whole = destination_rule("shop/r", "api.example.com", trafficPolicy={"tls": tls}, **spec)
    one = destination_rule("shop/r", "api.example.com", trafficPolicy={"portLevelSettings": [port]}, **spec)
    assert [(f.severity, f.codes) for f in judge(build(whole), "CRT-011")] == ([("info", ("IST0128",))] if found else [])
    assert [f.codes for f in judge(build(one), "CRT-011")] == ([("IST0129",)] if found else [])


def test_a_rule_that_says_not_to_verify_is_a_fault() -> None:
    told = destination_rule("shop/r", "api.example.com", trafficPolicy={"tls": {"mode": "SIMPLE", "insecureSkipVerify": True}})
    (found,) = judge(build(told), "CRT-011")
    assert (found.severity, found.path) == ("low", "spec.trafficPolicy.tls.insecureSkipVerify")


def istiod(*env: dict[str, Any]) -> str:
    spec = {"template": {"spec": {"containers": [{"name": "discovery", "env": list(env)}]}}}
    return thing("apps/v1", "Deployment", "istio-system/istiod", spec, labels={"app": "istiod"})


KEYS = thing("security.istio.io/v1", "RequestAuthentication", "shop/r", {"jwtRules": [{"issuer": "x"}]})
NAME = "BLOCKED_CIDRS_IN_JWKS_URIS"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (all_of(istiod(), KEYS), True),
        (all_of(istiod({"name": NAME, "valueFrom": {"fieldRef": {}}}), KEYS), True),
        (all_of(istiod({"name": NAME, "value": "10.0.0.0/8"}), KEYS), False),
        (istiod(), False),
    ],
)
def test_keys_from_any_address(text: str, found: bool) -> None:
    assert [f.codes for f in judge(build(text), "MD5034")] == ([("IST0175",)] if found else [])
    assert {f.status for f in judge(build(istiod(), unseen=[RequestAuthentication]), "MD5034")} == {"UNKNOWN"}
