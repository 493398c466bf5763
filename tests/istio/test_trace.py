"""One request through the configuration: what decides each step, and who lost."""

from __future__ import annotations

import msgspec
import pytest

from meshdoctor.istio.matching import Call, takes
from meshdoctor.istio.steps import Step
from meshdoctor.istio.trace import enter, trace
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import StringMatch
from meshdoctor.model.workloads import Pod
from tests.conftest import build

PODS = """
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec: {selector: {app: cart}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: cart-1, namespace: shop, labels: {app: cart, version: v1, security.istio.io/tlsMode: istio}}
spec: {containers: [{name: app}, {name: istio-proxy}]}
status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: cart, namespace: shop}
spec: {host: cart, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]}
"""
ROUTES = """
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: cart, namespace: shop, creationTimestamp: "2026-01-01T00:00:00Z"}
spec:
  hosts: [cart]
  http:
  - match: [{uri: {prefix: /admin}, headers: {x-user: {exact: root}}}]
    route: [{destination: {host: cart, subset: v2}}]
  - match: [{uri: {prefix: /old}}]
    redirect: {uri: /new}
  - timeout: 3s
    route: [{destination: {host: cart, subset: v1}}]
  - route: [{destination: {host: cart, subset: v2}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: younger, namespace: shop, creationTimestamp: "2026-02-01T00:00:00Z"}
spec: {hosts: [cart], http: [{route: [{destination: {host: nowhere}}]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: hidden, namespace: bank}
spec: {hosts: [cart.shop.svc.cluster.local], exportTo: ["."], http: [{route: [{destination: {host: cart.shop.svc.cluster.local}}]}]}
"""
CALL = Call(host="cart", namespace="shop")


def steps(mesh: Mesh, **changed: object) -> dict[str, Step]:
    return {s.name: s for s in trace(mesh, msgspec.structs.replace(CALL, **changed))}


def test_the_rule_that_takes_a_request_and_those_that_lost() -> None:
    found = steps(build(PODS + ROUTES))
    assert found["rule"].path == "spec.http[2]"
    assert [lost.path for lost in found["rule"].lost] == ["spec.http[0]", "spec.http[1]", "spec.http[3]"]
    assert "uri is not prefix /admin" in found["rule"].lost[0].why
    assert "stands before it" in found["rule"].lost[2].why
    assert {lost.subject.name: lost.why for lost in found["virtual service"].lost} == {
        "younger": "an older VirtualService is for the same host",
        "hidden": "it is exported to bank only",
    }
    assert found["rule does"].says == "2 retries on the default conditions (not configured)"
    assert found["subset"].path == "spec.subsets[0]"
    assert found["endpoints"].says == "1 of 1 pods are ready"
    assert "ISTIO_MUTUAL (auto mTLS)" in found["mutual TLS"].says


def test_headers_and_paths_decide() -> None:
    found = steps(build(PODS + ROUTES), path="/admin/x", headers={"x-user": "root"})
    assert (found["rule"].path, found["endpoints"].is_end) == ("spec.http[0]", True)
    assert steps(build(PODS + ROUTES), path="/old")["answer"].is_end


@pytest.mark.parametrize("host", ["cart", "cart.shop", "cart.shop.svc", "cart.shop.svc.cluster.local"])
def test_every_name_of_a_service(host: str) -> None:
    assert steps(build(PODS), host=host)["endpoints"].says == "1 of 1 pods are ready"


@pytest.mark.parametrize(
    ("text", "changed", "ends"),
    [
        (PODS, {"port": 81}, "no port 81"),
        (PODS, {"host": "nobody.example"}, "PassthroughCluster"),
        (PODS + ROUTES.replace("subset: v1", "subset: v9"), {}, "not defined"),
        (PODS + ROUTES.replace("host: cart, subset: v1", "host: gone"), {}, "not in the registry"),
    ],
)
def test_where_a_request_ends(text: str, changed: dict[str, object], ends: str) -> None:
    assert ends in "\n".join(s.says for s in trace(build(text), msgspec.structs.replace(CALL, **changed)))


def test_plain_text_to_a_strict_server_is_an_end() -> None:
    strict = """
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
"""
    off = PODS.replace("{host: cart, subsets", "{host: cart, trafficPolicy: {tls: {mode: DISABLE}}, subsets")
    found = steps(build(off + strict))["mutual TLS"]
    assert (found.is_end, "PeerAuthentication shop/default" in found.says) == (True, True)
    assert not steps(build(PODS + strict))["mutual TLS"].is_end


def test_a_gateway_takes_its_hosts() -> None:
    text = """
---
apiVersion: v1
kind: Pod
metadata: {name: ingress, namespace: edge, labels: {istio: ingress}}
spec: {containers: [{name: istio-proxy}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: web, namespace: edge}
spec: {selector: {istio: ingress}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*/shop.example.com"]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec: {hosts: [shop.example.com], gateways: [edge/web], http: [{route: [{destination: {host: cart}}]}]}
"""
    mesh = build(PODS + text)
    pod = mesh[Pod].get("edge", "ingress")
    assert pod is not None
    call, step = enter(mesh, pod, Call(host="shop.example.com", namespace="edge", labels=pod.labels))
    assert step.subject is not None
    assert [s.says for s in trace(mesh, call)][-2] == "1 of 1 pods are ready"
    _, refused = enter(mesh, pod, Call(host="other.example.com", namespace="edge"))
    assert (refused.is_end, refused.lost[0].path) == (True, "spec.servers[0].hosts")


@pytest.mark.parametrize(
    ("wanted", "value", "is_taken"),
    [
        (StringMatch(exact="a"), "a", True),
        (StringMatch(prefix="/a"), "/ab", True),
        (StringMatch(regex="a.c"), "abcd", False),
        (StringMatch(regex="a.*"), "abcd", True),
        (StringMatch(regex="("), "(", False),
        (StringMatch(), "anything", True),
        (StringMatch(), None, False),
    ],
)
def test_strings(wanted: StringMatch, value: str | None, is_taken: bool) -> None:
    assert takes(wanted, value) == is_taken
