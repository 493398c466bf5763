"""The other kinds: each fault at its field, and nothing where all is sound."""

from __future__ import annotations

import pytest

from tests.istio.judging import said

PATCH = "patch: {operation: MERGE, value: {a: b}}"
FILTER = "envoy.filters.network.http_connection_manager"


@pytest.mark.parametrize(
    ("server", "paths"),
    [
        ("port: {number: 80, name: http, protocol: HTTP}, hosts: [a.org, shop/*.b.org, '*', 10.0.0.1]", []),
        ("port: {number: 80, name: http, protocol: HTTP}, hosts: [a, bank_1/a.org, '*a.org']", ["servers[0].hosts[0]", "servers[0].hosts[1]", "servers[0].hosts[2]"]),
        ("port: {number: 80, name: http, protocol: HTTP}, hosts: [a.org], tls: {httpsRedirect: true}", []),
        ("port: {number: 80, name: http, protocol: HTTP}, hosts: [a.org], tls: {mode: SIMPLE, credentialName: c}", ["servers[0].tls"]),
        ("port: {number: 443, name: https, protocol: HTTPS}, hosts: [a.org]", ["servers[0]"]),
        ("port: {number: 443, name: https, protocol: HTTPS}, hosts: [a.org], tls: {mode: SIMPLE}", ["servers[0].tls", "servers[0].tls"]),
        ("port: {number: 443, name: https, protocol: HTTPS}, hosts: [a.org], tls: {mode: MUTUAL, serverCertificate: f, privateKey: k}", ["servers[0].tls"]),
        ("port: {number: 443, name: https, protocol: HTTPS}, hosts: [a.org], tls: {mode: ISTIO_MUTUAL, credentialName: c}", ["servers[0].tls.credentialName"]),
        ("port: {number: 443, name: tls, protocol: TLS}, hosts: [a.org], tls: {mode: PASSTHROUGH, credentialName: c}", ["?servers[0].tls.credentialName"]),
        ("port: {number: 443, name: tls, protocol: TLS}, hosts: [a.org], tls: {mode: SIMPLE, credentialName: c, minProtocolVersion: TLSV1_0}", ["?servers[0].tls.minProtocolVersion"]),
        ("port: {number: 443, name: tls, protocol: TLS}, hosts: [a.org], tls: {mode: SIMPLE, credentialName: c, cipherSuites: [NOPE, AES128-SHA, AES128-SHA]}", ["?servers[0].tls.cipherSuites", "?servers[0].tls.cipherSuites"]),
        ("port: {number: 443, name: tls, protocol: TLS}, hosts: [a.org], tls: {mode: SIMPLE, serverCertificate: f, privateKey: k, caCrl: c}", ["servers[0].tls.caCrl"]),
        ("port: {number: 80, name: http, protocol: SPDY}, hosts: [a.org]", ["servers[0].port.protocol"]),
        ("port: {number: 80, name: http, protocol: HTTP}, hosts: [a.org], bind: nowhere", ["servers[0].bind"]),
        ("port: {number: 80, name: http, protocol: HTTP}, hosts: [a.org], bind: 'unix:///s'", ["servers[0].port.number"]),
    ],
)  # fmt: skip
def test_gateways(server: str, paths: list[str]) -> None:
    assert said("Gateway", f"{{servers: [{{{server}}}]}}") == paths


def test_gateways_as_a_whole() -> None:
    assert said("Gateway", "{selector: {a: b}}") == ["spec"]
    server = "{port: {number: %d, name: http, protocol: HTTP}, hosts: [a.org]}"
    assert said("Gateway", f"{{servers: [{server % 80}, {server % 81}]}}") == ["servers[1].port.name"]
    assert said("Gateway", f"{{servers: [{server % 80}]}}", name="a.b") == ["metadata.name"]


@pytest.mark.parametrize(
    ("rest", "paths"),
    [
        ("hosts: [a.org], ports: [{number: 443, name: tls, protocol: TLS}], resolution: DNS", []),
        ("hosts: ['*'], resolution: NONE", ["hosts[0]"]),
        ("hosts: [a.org], ports: [{number: 80, name: a, protocol: TCP}, {number: 81, name: b, protocol: HTTP}]", ["?ports[0]"]),
        ("hosts: [a.org], ports: [{number: 80, name: a, protocol: TCP}], addresses: [10.0.0.1]", []),
        ("hosts: [a_b.org]", ["hosts[0]"]),
        ("hosts: ['*.a.org'], resolution: DNS", ["hosts[0]"]),
        ("hosts: ['*.a.org'], resolution: DNS, endpoints: [{address: b.org}]", []),
        ("hosts: [a.org], addresses: [10.0.0.0/8], resolution: DNS", ["spec"]),
        ("hosts: [a.org], addresses: [10.0.0.300]", ["addresses[0]"]),
        ("hosts: [a.org], resolution: DNS, ports: [{number: 80, name: a}, {number: 81, name: a}]", ["ports[1]"]),
        ("hosts: [a.org], ports: [{number: 80, name: a_b, protocol: SPDY}]", ["ports[0].name", "ports[0].protocol"]),
        ("hosts: [a.org], resolution: STATIC, endpoints: [{address: b.org}, {address: 10.0.0.1, ports: {x: 80}}]", ["endpoints[0].address", "endpoints[1].ports.x"]),
        ("hosts: [a.org], workloadSelector: {labels: {a: b}}", ["?workloadSelector"]),
        ("hosts: [a.org, b.org], resolution: STATIC, ports: [{number: 80, name: a, protocol: TCP}]", ["ports[0].protocol"]),
        ("hosts: ['*.a.org'], resolution: DYNAMIC_DNS, ports: [{number: 443, name: a, protocol: TLS}]", []),
        ("hosts: [a.org], resolution: DYNAMIC_DNS, addresses: [10.0.0.1], ports: [{number: 80, name: a, protocol: TCP}]", ["hosts[0]", "addresses", "ports[0].protocol"]),
        ("hosts: [a.org], exportTo: ['~']", []),
        ("hosts: [a.org], exportTo: ['~', bank]", ["exportTo"]),
    ],
)  # fmt: skip
def test_service_entries(rest: str, paths: list[str]) -> None:
    assert said("ServiceEntry", f"{{{rest}}}") == paths


@pytest.mark.parametrize(
    ("kind", "spec", "paths"),
    [
        ("WorkloadEntry", "{address: 10.0.0.1, ports: {http: 80}, labels: {a: b}}", []),
        ("WorkloadEntry", "{address: 'a b'}", ["address"]),
        ("WorkloadEntry", "{network: n}", ["?spec"]),
        ("WorkloadGroup", "{template: {}, metadata: {labels: {a: '-'}}}", ["metadata.labels.a"]),
        ("WorkloadGroup", "{template: {}, probe: {periodSeconds: 3}}", ["probe"]),
        ("ProxyConfig", "{selector: {matchLabels: {a: b}}, concurrency: 0}", []),
        ("Sidecar", "{egress: [{hosts: ['./*', 'istio-system/*', '~bank/*']}]}", []),
        ("Sidecar", "{}", ["spec"]),
        ("Sidecar", "{egress: [{hosts: [a.org]}]}", ["egress[0].hosts[0]"]),
        ("Sidecar", "{egress: [{hosts: ['./*']}, {hosts: ['bank/*']}]}", ["egress[0]"]),
        ("Sidecar", "{egress: [{hosts: ['./*', shop/a.org]}]}", ["?egress[0].hosts[1]"]),
        ("Sidecar", "{egress: [{hosts: ['*/*', bank/a.org]}]}", ["?egress[0].hosts"]),
        ("Sidecar", "{egress: [{port: {number: 80, protocol: HTTP}, hosts: ['./*']}, {port: {number: 80, protocol: HTTP}, hosts: ['./*']}]}", ["egress[1]"]),
        ("Sidecar", "{ingress: [{port: {number: 80, protocol: HTTP}, defaultEndpoint: '10.0.0.1:80'}]}", ["ingress[0].defaultEndpoint"]),
        ("Sidecar", "{ingress: [{port: {number: 80, protocol: HTTP}, defaultEndpoint: '127.0.0.1:x'}]}", ["ingress[0].defaultEndpoint"]),
        ("Sidecar", "{ingress: [{port: {number: 80, protocol: HTTP}, defaultEndpoint: '[::1]:80'}]}", []),
        ("Sidecar", "{ingress: [{port: {number: 80, protocol: HTTP}, tls: {mode: SIMPLE, serverCertificate: a, privateKey: b}}]}", ["ingress[0].tls"]),
        ("Sidecar", "{outboundTrafficPolicy: {mode: REGISTRY_ONLY, egressProxy: {host: a}}}", ["outboundTrafficPolicy.egressProxy"]),
        ("Sidecar", "{workloadSelector: {}, egress: [{hosts: ['./*']}]}", ["?workloadSelector"]),
        ("PeerAuthentication", "{selector: {matchLabels: {a: b}}, portLevelMtls: {'80': {mode: STRICT}}}", []),
        ("RequestAuthentication", "{jwtRules: [{issuer: a, jwks: '{\"keys\": []}', audiences: [b]}]}", []),
        ("RequestAuthentication", "{jwtRules: [{issuer: a, jwks: nonsense}]}", ["jwtRules[0].jwks"]),
        ("RequestAuthentication", "{jwtRules: [{issuer: a, jwks: '{\"keys\": [{\"kty\": \"oct\", \"k\": \"x\"}]}'}]}", ["?jwtRules[0].jwks"]),
        ("Telemetry", "{tracing: [{randomSamplingPercentage: 10}, {}]}", ["?tracing"]),
        ("Telemetry", "{accessLogging: [{filter: {expression: 'response.code >= 400 ||'}}]}", ["accessLogging[0].filter.expression"]),
        ("Telemetry", "{accessLogging: [{filter: {expression: 'response.code >= 400 && has(request.headers)'}}]}", []),
        ("WasmPlugin", "{url: 'oci://a.org/b:1', sha256: ''}", []),
        ("WasmPlugin", "{url: 'docker.io/b:1', targetRefs: [{kind: Deployment, name: a}]}", ["targetRefs[0].kind"]),
        ("TrafficExtension", "{lua: {inlineCode: x}}", []),
    ],
)  # fmt: skip
def test_further_kinds(kind: str, spec: str, paths: list[str]) -> None:
    assert said(kind, spec) == paths


@pytest.mark.parametrize(
    ("rest", "paths"),
    [
        ("rules: [{from: [{source: {principals: [a/ns/b/sa/c]}}], to: [{operation: {ports: ['80']}}], when: [{key: source.ip, values: [10.0.0.0/8]}]}]", []),
        ("action: DENY", ["spec"]),
        ("action: CUSTOM, rules: [{}]", ["spec"]),
        ("action: CUSTOM, provider: {name: p}, rules: [{from: [{source: {namespaces: [a]}}], when: [{key: request.auth.principal, values: [b]}]}]", ["rules[0].from[0].source.namespaces", "rules[0].when[0].key"]),
        ("provider: {name: p}, rules: [{}]", ["provider"]),
        ("rules: [{from: [], to: [{operation: {}}]}]", ["rules[0].from", "rules[0].to[0].operation"]),
        ("rules: [{from: [{source: {ipBlocks: [10.0.0.0/40], serviceAccounts: ['a/*'], trustDomains: ['a*b']}}]}]", ["rules[0].from[0].source.serviceAccounts[0]", "rules[0].from[0].source.trustDomains[0]", "rules[0].from[0].source.ipBlocks[0]"]),
        ("rules: [{to: [{operation: {ports: ['80', http], paths: ['/a/{*}/{**}', '/{**}/{*}', '/a{b}']}}]}]", ["rules[0].to[0].operation.ports[1]", "rules[0].to[0].operation.paths[1]", "rules[0].to[0].operation.paths[2]"]),
        ("rules: [{when: [{key: source.ip}, {key: nonsense, values: [a]}, {key: 'request.headers[a]', values: ['']}]}]", ["rules[0].when[0]", "rules[0].when[1].key", "rules[0].when[2].values[0]"]),
        ("action: DENY, rules: [{to: [{operation: {paths: [/a]}}]}]", ["?rules[0]"]),
        ("action: DENY, rules: [{to: [{operation: {paths: [/a], ports: ['80']}}]}]", []),
    ],
)  # fmt: skip
def test_authorization_policies(rest: str, paths: list[str]) -> None:
    assert said("AuthorizationPolicy", f"{{{rest}}}") == paths


@pytest.mark.parametrize(
    ("patch", "paths"),
    [
        (f"applyTo: CLUSTER, match: {{cluster: {{service: a}}}}, {PATCH}", []),
        (f"applyTo: CLUSTER, match: {{listener: {{portNumber: 80}}}}, {PATCH}", ["configPatches[0].match.listener"]),
        ("applyTo: CLUSTER", ["configPatches[0]"]),
        ("applyTo: CLUSTER, patch: {operation: ADD}", ["configPatches[0].patch"]),
        (f"applyTo: CLUSTER, match: {{proxy: {{proxyVersion: '['}}}}, {PATCH}", ["configPatches[0].match.proxy.proxyVersion"]),
        (f"applyTo: LISTENER, match: {{listener: {{filterChain: {{filter: {{name: a}}}}}}}}, {PATCH}", ["?configPatches[0].match.listener.filterChain.filter"]),
        (f"applyTo: HTTP_FILTER, match: {{listener: {{filterChain: {{filter: {{name: a, subFilter: {{name: b}}}}}}}}}}, {PATCH}", ["configPatches[0].match.listener.filterChain.filter.name"]),
        (f"applyTo: HTTP_FILTER, match: {{listener: {{filterChain: {{filter: {{name: {FILTER}, subFilter: {{name: envoy.router}}}}}}}}}}, {PATCH}", ["?configPatches[0].match.listener.filterChain.filter.subFilter.name"]),
        ("applyTo: HTTP_FILTER, patch: {operation: INSERT_FIRST, value: {name: envoy.lua}}", ["?configPatches[0].patch.value"]),
        ("applyTo: CLUSTER, patch: {operation: MERGE, value: {x: {'@type': type.googleapis.com/envoy.api.v2.auth.UpstreamTlsContext}}}", ["configPatches[0].patch.value.x.@type"]),
    ],
)  # fmt: skip
def test_envoy_filters(patch: str, paths: list[str]) -> None:
    assert said("EnvoyFilter", f"{{configPatches: [{{{patch}}}]}}") == ["~spec", *paths]


@pytest.mark.parametrize(
    ("kind", "spec", "value", "found"),
    [
        ("AuthorizationPolicy", "{}", "true", False),
        ("AuthorizationPolicy", "{}", "perhaps", True),
        ("AuthorizationPolicy", "{action: AUDIT}", "true", True),
        ("PeerAuthentication", "{}", "true", True),
    ],
)
def test_a_dry_run_is_for_policies_that_allow_or_deny(kind: str, spec: str, value: str, found: bool) -> None:
    paths = said(kind, spec, annotations={"istio.io/dry-run": value})
    assert paths == (["metadata.annotations.istio.io/dry-run"] if found else [])


def test_what_no_waypoint_serves() -> None:
    spec = "{hosts: ['*.a.org'], resolution: DYNAMIC_DNS, location: MESH_INTERNAL, ports: [{number: 443, name: a, protocol: TLS}]}"
    assert said("ServiceEntry", spec) == []
    assert said("ServiceEntry", spec, labels={"istio.io/use-waypoint": "w"}) == ["location"]
