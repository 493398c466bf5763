"""Who would break by another mode, by which policy, and whom nobody would think of."""

from __future__ import annotations

from typing import Any

import pytest

from meshdoctor.istio.mutual.forecast import Forecast, forecast
from meshdoctor.istio.mutual.wish import parse
from meshdoctor.model.errors import UsageError
from tests.conftest import build
from tests.istio.test_mutual import FRONT, STRICT, WORLD, inbound, inside, peers, rule
from tests.probes.things import all_of, logged, service, thing


def would(text: str, wish: str, *lines: Any) -> Forecast:
    return forecast(build(text, envoys=[logged("shop/back", *lines)]), parse(wish))


def names(found: Any) -> list[str]:
    return [c.after.client.name for c in found]


def test_strict_breaks_whom_a_rule_or_the_lack_of_a_proxy_makes_plain() -> None:
    found = would(WORLD + rule("web/r", "DISABLE"), "shop=STRICT")
    assert (names(found.breaks), names(found.may_break)) == (["front"], ["alien"])
    assert found.is_new
    assert names(would(WORLD, "shop=STRICT", inbound("10.1.0.3")).breaks) == ["alien"]  # it was seen to call


def test_calls_by_address_are_found_only_where_they_were_seen() -> None:
    assert names(would(WORLD, "shop=STRICT").breaks) == []
    assert names(would(WORLD, "shop=STRICT", inbound("10.1.0.1")).breaks) == ["front"]


@pytest.mark.parametrize(
    ("before", "wish", "subject", "is_new", "servers"),
    [
        ("", "mesh=STRICT", "istio-system/default", True, 1),
        (
            peers("shop/old", "PERMISSIVE") + peers("shop/young", created="2026-08-02T10:00:00Z"),
            "shop=STRICT",
            "shop/old",
            False,
            1,
        ),
        (peers("shop/own", "PERMISSIVE", {"app": "back"}), "shop=STRICT", "shop/default", True, 0),  # the workload's own decides
        (peers("shop/own", "PERMISSIVE", {"app": "back"}), "shop/back=STRICT", "shop/own", False, 1),
        ("", "shop/back:8080=STRICT", "shop/back", True, 1),
        ("", "shop/back:9999=STRICT", "shop/back", True, 0),
        (STRICT, "shop=PERMISSIVE", "shop/default", False, 1),
    ],
)
def test_the_policy_that_would_say_it(before: str, wish: str, subject: str, is_new: bool, servers: int) -> None:
    found = would(WORLD + before, wish)
    assert (str(found.policy.subject), found.is_new, len(found.servers)) == (f"PeerAuthentication {subject}", is_new, servers)


def test_a_workload_is_selected_by_the_labels_of_its_pods() -> None:
    spec = would(WORLD, "shop/back:8080=STRICT").policy.spec
    assert spec.selector
    assert (spec.selector.wanted, spec.port_level_mtls["8080"].mode) == ({"app": "back"}, "STRICT")


def test_callers_that_the_configuration_tells_of() -> None:
    probe = {"httpGet": {"port": 8080, "path": "/healthz"}}
    container = [{"name": "app", "livenessProbe": probe}, {"name": "istio-proxy"}]
    scraped = {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"}
    server = inside("shop/back", "10.1.0.2", spec={"containers": container}, annotations=scraped)
    webhook = thing(
        "admissionregistration.k8s.io/v1",
        "ValidatingWebhookConfiguration",
        "own",
        webhooks=[{"name": "a", "clientConfig": {"service": {"namespace": "shop", "name": "back", "port": 80}}}],
    )
    made = all_of(FRONT, server, service("shop/back", "http:80:8080", spec={"type": "LoadBalancer"}), webhook)
    found = would(made, "shop=STRICT")
    assert sorted(o.who for o in found.outsiders) == ["API server", "LoadBalancer", "Prometheus", "kubelet"]
    assert found.is_harmful


@pytest.mark.parametrize(
    "text", ["shop", "shop=", "=STRICT", "shop=strict", "shop:80=STRICT", "shop/back:x=STRICT", "shop/:80=STRICT"]
)
def test_wishes_that_mean_nothing(text: str) -> None:
    with pytest.raises(UsageError):
        parse(text)


@pytest.mark.parametrize("text", ["nowhere=STRICT", "shop/nobody=STRICT", "istio-system=STRICT"])
def test_wishes_about_what_is_not_there(text: str) -> None:
    with pytest.raises(UsageError):
        would(WORLD, text)
