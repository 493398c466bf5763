"""What the policies at a request's server say, as a step of its trace."""

from __future__ import annotations

from typing import Any

import pytest

from meshdoctor.istio.matching import Call
from meshdoctor.istio.steps import Step
from meshdoctor.istio.trace_authorized import whole_trace
from meshdoctor.model.security import AuthorizationPolicy
from meshdoctor.model.workloads import Pod
from tests.conftest import build
from tests.probes import things as t

CART = "cluster.local/ns/shop/sa/cart"
PLACES = t.all_of(
    t.service("bank/payment"),
    t.pod("bank/payment-1", labels={"security.istio.io/tlsMode": "istio"}, ip="10.1.0.2"),
    t.pod("shop/cart-1", ip="10.1.0.1"),
)


def policy(action: str, *rules: dict[str, Any]) -> str:
    return t.thing("security.istio.io/v1", "AuthorizationPolicy", "bank/callers", {"action": action, "rules": list(rules)})


def asked(*texts: str, path: str = "/pay", **more: Any) -> list[Step]:
    mesh = build(t.all_of(PLACES, *texts), **more)
    (cart,) = (p for p in mesh[Pod] if p.name == "cart-1")
    call = Call(host="payment.bank", port=8080, path=path)
    return [s for s in whole_trace(mesh, cart, call) if s.name == "authorization"]


FROM_CART = {"from": [{"source": {"principals": [CART]}}]}


@pytest.mark.parametrize(
    ("policies", "ends", "unknown", "says"),
    [
        ((), False, False, "no policy says otherwise"),
        ((policy("ALLOW", FROM_CART),), False, False, "rule 0 of AuthorizationPolicy bank/callers allows it"),
        ((policy("ALLOW", {"to": [{"operation": {"paths": ["/other"]}}]}),), True, False, "refused, 403"),
        (
            (policy("DENY", {"to": [{"operation": {"paths": ["/pay"]}}]}),),
            True,
            False,
            "rule 0 of AuthorizationPolicy bank/callers denies",
        ),
        (
            (policy("DENY", {"when": [{"key": "request.headers[x-team]", "values": ["a"]}]}),),
            False,
            True,
            "it depends",
        ),
    ],
)
def test_the_policy_that_decides_is_a_step(policies: tuple[str, ...], ends: bool, unknown: bool, says: str) -> None:
    (step,) = asked(*policies)
    assert (step.is_end, step.is_unknown) == (ends, unknown)
    assert says in step.says
    assert CART in step.says
    assert (step.subject is not None) is bool(policies)
    assert step.cluster == "outbound|8080||payment.bank.svc.cluster.local"


def test_a_path_that_a_rule_rewrites_is_not_known() -> None:
    route = {"rewrite": {"uri": "/other"}, "route": [{"destination": {"host": "payment.bank.svc.cluster.local"}}]}
    rewrites = t.virtual_service("bank/payment", hosts=["payment.bank.svc.cluster.local"], http=[route])
    (step,) = asked(rewrites, policy("DENY", {"to": [{"operation": {"paths": ["/pay"]}}]}))
    assert step.is_unknown
    assert not step.is_end


def test_policies_that_may_not_be_read_decide_nothing() -> None:
    (step,) = asked(unseen=[AuthorizationPolicy])
    assert step.is_unknown
    assert "authorizationpolicies" in step.says


def test_what_is_refused_before_is_not_asked_about() -> None:
    plain = t.destination_rule("shop/plain", "payment.bank.svc.cluster.local", trafficPolicy={"tls": {"mode": "DISABLE"}})
    strict = t.thing("security.istio.io/v1", "PeerAuthentication", "bank/default", {"mtls": {"mode": "STRICT"}})
    assert asked(plain, strict, policy("ALLOW", FROM_CART)) == []
