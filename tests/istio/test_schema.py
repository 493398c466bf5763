"""Objects held to the schemas of their kinds."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from meshdoctor.istio.schema.definitions import served
from meshdoctor.istio.schema.objects import schema_faults

SIDECAR = {"apiVersion": "networking.istio.io/v1", "kind": "Sidecar", "metadata": {"name": "s"}}


def told(text: str) -> list[tuple[str, str]]:
    return [(f.path, f.says) for f in schema_faults(yaml.safe_load(text))]


def rule(spec: str) -> str:
    return f"{{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {{name: r}}, spec: {spec}}}"


def route(spec: str) -> str:
    return f"{{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {{name: r}}, spec: {spec}}}"


@pytest.mark.parametrize(
    ("text", "path", "says"),
    [
        (rule("{}"), "spec.host", "required"),
        (rule("{host: 1}"), "spec.host", "it must be text (in quotes)"),
        (rule("{host: a, subsets: {}}"), "spec.subsets", "it must be a list"),
        (rule("{host: a, trafficPolicy: null}"), "spec.trafficPolicy", "is empty"),
        (rule("{host: a, trafficPolicy: {tls: {mode: simple}}}"), "spec.trafficPolicy.tls.mode", "did you mean SIMPLE"),
        (rule("{host: a, trafficPolcy: {}}"), "spec.trafficPolcy", "did you mean trafficPolicy"),
        (rule("{host: a, traffic_policy: {}}"), "spec.traffic_policy", "did you mean trafficPolicy"),
        (
            rule("{host: a, trafficPolicy: {connectionPool: {tcp: {maxConnections: '5'}}}}"),
            "spec.trafficPolicy.connectionPool.tcp.maxConnections",
            "(without quotes)",
        ),
        (
            rule("{host: a, trafficPolicy: {loadBalancer: {simple: RANDOM, consistentHash: {useSourceIp: true}}}}"),
            "spec.trafficPolicy.loadBalancer",
            "only one of consistentHash, simple may be set",
        ),
        (rule("{host: a, trafficPolicy: {connectionPool: {tcp: {connectTimeout: 5}}}}"), "spec.trafficPolicy.connectionPool.tcp.connectTimeout", "must be text"),
        (route("{rules: [{matches: [{path: {value: a}}]}]}"), "spec.rules[0].matches[0].path", "must be an absolute path"),
        (route("{hostnames: ['*']}"), "spec.hostnames[0]", "does not fit"),
        (route("{parentRefs: [{name: a}, {name: a}]}"), "spec.parentRefs", "sectionName or port must be unique"),
        (route("{rules: [{backendRefs: [{name: a}]}]}"), "spec.rules[0].backendRefs[0]", "Must have port for Service reference"),
        ("{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {}, spec: {}}", "metadata.name", "no name"),
        ("{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {name: A_b}, spec: {}}", "metadata.name", "lower-case"),
        ("{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {name: a, labels: {b: true}}}", "metadata.labels.b", "(in quotes)"),
        ("{apiVersion: networking.istio.io/v2, kind: Sidecar}", "apiVersion", "v1, v1alpha3, v1beta1"),
        ("{apiVersion: networking.istio.io/v1, kind: Virtualservice}", "kind", "did you mean VirtualService"),
    ],
)  # fmt: skip
def test_what_a_schema_refuses_is_said_at_its_field(text: str, path: str, says: str) -> None:
    assert [p for p, s in told(text) if says in s] == [path], told(text)


@pytest.mark.parametrize(
    "text",
    [
        rule("{host: a, trafficPolicy: {loadBalancer: {simple: RANDOM}, connectionPool: {tcp: {connectTimeout: 5s}}}}"),
        route("{parentRefs: [{name: a}], rules: [{backendRefs: [{name: b, port: 80}]}]}"),
        "{apiVersion: apps/v1, kind: Deployment, spec: {anything: 1}}",
        "{apiVersion: v1, kind: List}",
        "{}",
    ],
)
def test_what_is_sound_or_of_no_concern_is_accepted(text: str) -> None:
    assert told(text) == []


def test_a_definition_among_the_manifests_decides() -> None:
    spec: dict[str, Any] = {"type": "object", "properties": {"own": {"type": "string", "maxLength": 2}}}
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec, "metadata": {"type": "object"}}}}
    names = {"group": "networking.istio.io", "names": {"kind": "Sidecar"}, "versions": [{"name": "v1", "schema": schema}]}
    known = served([{"kind": "CustomResourceDefinition", "spec": names}, {"spec": 3}, {}])
    assert schema_faults({**SIDECAR, "spec": {"own": "ab"}}, known) == []
    assert [f.path for f in schema_faults({**SIDECAR, "spec": {"own": "abc", "egress": []}}, known)] == ["spec.own", "spec.egress"]
    assert [f.path for f in schema_faults({**SIDECAR, "apiVersion": "networking.istio.io/v9"}, known)] == ["apiVersion"]
