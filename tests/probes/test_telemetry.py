"""OB-001 and OB-005: who collects, and what proxies report."""

from __future__ import annotations

from typing import Any

import pytest

from meshdoctor.model.cluster import Service
from meshdoctor.model.istiod import DefaultProviders, MeshConfig, Sample
from meshdoctor.model.prometheus import Prometheus
from meshdoctor.model.security import Telemetry
from meshdoctor.model.subject import Subject
from tests.conftest import build, judge, subjects
from tests.probes.things import all_of, pod, service, thing


def telemetry(where: str, day: int, **spec: Any) -> str:
    return thing("telemetry.istio.io/v1", "Telemetry", where, spec, created=f"2026-07-0{day}T00:00:00Z")


def of(**labels: str) -> dict[str, Any]:
    return {"selector": {"matchLabels": labels}}


@pytest.mark.parametrize(
    ("older", "younger", "found"),
    [
        (telemetry("shop/z", 1), telemetry("shop/a", 2), True),
        (telemetry("shop/z", 1), telemetry("bank/a", 2), False),
        (telemetry("shop/z", 1), telemetry("shop/a", 2, **of(app="web")), False),
        (telemetry("shop/z", 1, **of(app="web")), telemetry("shop/a", 2, **of(tier="x")), True),
        (telemetry("shop/z", 1, **of(app="web")), telemetry("shop/a", 2, **of(app="cart")), False),
        (telemetry("shop/z", 1), telemetry("shop/a", 2, targetRefs=[{"kind": "Gateway", "name": "x"}]), False),
    ],
)
def test_conflicting_telemetry(older: str, younger: str, found: bool) -> None:
    text = all_of(pod("shop/web-1", {"tier": "x"}), pod("shop/cart-1"), older, younger)
    findings = judge(build(text), "OB-005")
    assert [(str(f.subject), f.severity) for f in findings] == (
        [("Telemetry shop/a", "low"), ("Telemetry shop/z", "info")] if found else []
    )
    assert {f.status for f in judge(build(text, unseen=[Telemetry]), "OB-005")} == {"UNKNOWN"}


def asked(up: float = 1, pilot: bool = True, pod_name: str = "web-1") -> Prometheus:
    samples = (Sample("up", {"job": "envoy", "namespace": "shop", "pod": pod_name}, up),)
    return Prometheus(
        service=Subject(kind="Service", namespace="mon", name="prom"),
        workload=Subject("apps", "Deployment", "mon", "prom"),
        parts={"up": samples, "pilot_xds": (Sample("pilot_xds", {}, 3),) if pilot else ()},
    )


def slices(ready: bool) -> str:
    labels = {"kubernetes.io/service-name": "prom"}
    endpoints = [{"addresses": ["1"], "conditions": {"ready": ready}}]
    return thing("discovery.k8s.io/v1", "EndpointSlice", "mon/prom-x", labels=labels, endpoints=endpoints)


PODS = all_of(pod("shop/web-1"), pod("shop/bad-1", ready=False))
BASE = all_of(service("mon/prom"), PODS, pod("i/istiod-1", proxy=False))


@pytest.mark.parametrize(
    ("answers", "ready", "words"),
    [
        (asked(), True, None),
        (asked(), False, "no endpoint"),
        (asked(pilot=False), True, "pilot_xds"),
        (asked(up=0), True, "fails to scrape 1"),
        (asked(up=0, pod_name="bad-1"), True, None),  # not Ready: that is another matter
        (asked(up=0, pod_name="gone-1"), True, None),
    ],
)
def test_scraping(answers: Prometheus, ready: bool, words: str | None) -> None:
    findings = judge(build(all_of(BASE, slices(ready)), prometheus=answers), "OB-001")
    assert subjects(findings) == (["Deployment mon/prom"] if words else [])
    assert all(str(words) in f.summary for f in findings)


def test_without_prometheus_nothing_is_said_and_blindness_is_unknown() -> None:
    assert judge(build(BASE), "OB-001") == []
    assert {f.status for f in judge(build(BASE, prometheus=asked(), unseen=[Service]), "OB-001")} == {"UNKNOWN"}


def test_an_istiod_that_is_down_is_not_the_scrapers_fault() -> None:
    text = all_of(service("mon/prom"), PODS, pod("i/istiod-1", proxy=False, ready=False), slices(True))
    assert judge(build(text, prometheus=asked(pilot=False)), "OB-001") == []


@pytest.mark.parametrize(
    ("entry", "default", "found"),
    [
        ({}, None, True),
        ({}, ("envoy",), False),
        ({"providers": [{"name": "envoy"}]}, None, False),
        ({"disabled": True}, None, False),
    ],
)
def test_access_logs_without_a_provider(entry: dict[str, Any], default: tuple[str, ...] | None, found: bool) -> None:
    config = MeshConfig(default_providers=DefaultProviders(access_logging=default))
    mesh = build(telemetry("shop/t", 1, accessLogging=[entry])).told([], config)
    assert [f.codes for f in judge(mesh, "MD5032")] == ([("IST0157",)] if found else [])


def test_a_tracing_provider_that_was_given_up() -> None:
    config = MeshConfig(extension_providers=({"name": "old", "lightstep": {}}, {"name": "new", "opentelemetry": {}}))
    text = telemetry("shop/t", 1, tracing=[{"providers": [{"name": "new"}, {"name": "old"}]}])
    assert [f.path for f in judge(build(text).told([], config), "MD5033")] == ["spec.tracing[0].providers[1].name"]
