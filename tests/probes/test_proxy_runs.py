"""A proxy beside its application, and pods that stop before either runs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from meshdoctor.model.envoy import Envoy, Logs
from tests.conftest import NOW, build, judge, subjects
from tests.probes.things import all_of, line, logged, pod, service, thing


def ago(seconds: float) -> str:
    return (NOW - timedelta(seconds=seconds)).isoformat()


def crashed(ended: float, *, native: bool = False, restarts: int = 1, annotations: dict[str, str] | None = None) -> str:
    """A pod whose application ended so many seconds before now; its proxy started 600 s ago."""
    proxy = {"name": "istio-proxy", "ready": True, "state": {"running": {"startedAt": ago(600)}}}
    app = {
        "name": "app",
        "ready": True,
        "restartCount": restarts,
        "lastState": {"terminated": {"exitCode": 1, "finishedAt": ago(ended)}},
    }
    status: dict[str, Any] = {"phase": "Running", "containerStatuses": [app] + ([] if native else [proxy])}
    if native:
        status["initContainerStatuses"] = [proxy]
    containers = [{"name": "app"}] + ([] if native else [{"name": "istio-proxy"}])
    spec = {"containers": containers} | ({"initContainers": [{"name": "istio-proxy"}]} if native else {})
    return thing("v1", "Pod", "shop/cart-1", spec, status=status, labels={"app": "cart"}, annotations=annotations or {})


@pytest.mark.parametrize(("body", "is_fault"), [
    (crashed(598), True),
    (crashed(300), False),
    (crashed(598, restarts=9), False),
    (crashed(598, native=True), False),
    (crashed(598, annotations={"proxy.istio.io/config": "holdApplicationUntilProxyStarts: true"}), False),
])  # fmt: skip
def test_an_application_that_started_before_its_proxy(body: str, is_fault: bool) -> None:
    assert subjects(judge(build(body), "PRX-003")) == ["Pod shop/cart-1"] * is_fault


@pytest.mark.parametrize(
    ("grace", "upstream", "severity"), [(5, "10.1.0.77:8080", "high"), (5, "10.1.0.9:8080", "info"), (30, "10.1.0.77:8080", "")]
)
def test_requests_lost_at_pods_that_end(grace: int, upstream: str, severity: str) -> None:
    server = pod("shop/cart-1", spec={"terminationGracePeriodSeconds": grace})
    lost = line("outbound|8080||cart.shop.svc.cluster.local", "UC", upstream_host=upstream)
    mesh = build(all_of(server, service("shop/cart"), pod("shop/web-1", ip="10.1.0.5")), envoys=[logged("shop/web-1", lost)])
    found = [f for f in judge(mesh, "PRX-005") if f.subject.name == "cart"]
    assert [f.severity for f in found] == [severity] * bool(severity)


@pytest.mark.parametrize(("text", "is_fault"), [("accept4 failed: Too many open files", True), ("all is well", False)])
def test_no_connection_left(text: str, is_fault: bool) -> None:
    full = Envoy(namespace="shop", name="cart-1", parts={"logs": Logs(lines=((NOW, text),))})
    assert bool(judge(build(pod("shop/cart-1"), envoys=[full]), "PRX-008")) == is_fault


def begun(names: list[str], statuses: list[dict[str, Any]], *, ran: bool = False) -> str:
    app = {"name": "app", "restartCount": 1 if ran else 0, "state": {"waiting": {"reason": "PodInitializing"}}}
    spec = {"initContainers": [{"name": n} for n in names], "containers": [{"name": "app"}, {"name": "istio-proxy"}]}
    status = {"phase": "Pending", "initContainerStatuses": statuses, "containerStatuses": [app]}
    return thing("v1", "Pod", "shop/cart-1", spec, status=status)


def ended(name: str, code: int, restarts: int = 0) -> dict[str, Any]:
    return {"name": name, "ready": code == 0, "restartCount": restarts, "state": {"terminated": {"exitCode": code}}}


@pytest.mark.parametrize(("problem", "names", "statuses", "ran", "is_fault"), [
    ("INJ-013", ["istio-validation"], [ended("istio-validation", 126)], False, True),
    ("INJ-013", ["istio-validation"], [ended("istio-validation", 0)], False, False),
    ("INJ-014", ["istio-init"], [ended("istio-init", 1, restarts=2)], True, True),
    ("INJ-014", ["istio-init"], [ended("istio-init", 1, restarts=2)], False, False),
    ("INJ-014", ["istio-init"], [ended("istio-init", 0)], True, False),
    ("INJ-015", ["istio-init", "migrate"], [ended("istio-init", 0), ended("migrate", 1)], False, True),
    ("INJ-015", ["migrate", "istio-init"], [ended("migrate", 1), ended("istio-init", 0)], False, False),
    ("INJ-015", ["istio-init", "migrate"], [ended("istio-init", 0), ended("migrate", 0)], False, False),
])  # fmt: skip
def test_pods_that_do_not_get_past_their_init_containers(
    problem: str, names: list[str], statuses: list[dict[str, Any]], ran: bool, is_fault: bool
) -> None:
    assert subjects(judge(build(begun(names, statuses, ran=ran)), problem)) == ["Pod shop/cart-1"] * is_fault


def test_rights_by_which_the_mesh_is_bypassed() -> None:
    strong = {"capabilities": {"add": ["NET_ADMIN"]}}
    for name, context, is_fault in (
        ("app", strong, True),
        ("app", {}, False),
        ("istio-proxy", {"runAsUser": 0}, True),
        ("istio-proxy", {"runAsUser": 1337}, False),
    ):
        containers = [{"name": n, "securityContext": context if n == name else {}} for n in ("app", "istio-proxy")]
        assert bool(judge(build(pod("shop/cart-1", spec={"containers": containers})), "PS-004")) == is_fault


@pytest.mark.parametrize(("flag", "is_fault"), [("--v=4", True), ("--skip-nodes-with-local-storage=false", False)])
def test_nodes_that_never_go(flag: str, is_fault: bool) -> None:
    container = {
        "name": "ca",
        "image": "registry.k8s.io/autoscaling/cluster-autoscaler:v1.33.0",
        "command": ["./cluster-autoscaler", flag],
    }
    spec = {"selector": {}, "template": {"spec": {"containers": [container]}}}
    scaler = thing("apps/v1", "Deployment", "kube-system/cluster-autoscaler", spec)
    assert bool(judge(build(all_of(scaler, pod("shop/cart-1"))), "OP-004")) == is_fault
