"""VirtualService and DestinationRule: each fault at its field, and nothing where all is sound."""

from __future__ import annotations

import pytest

from tests.istio.judging import said

TO = "route: [{destination: {host: b}}]"


@pytest.mark.parametrize(
    ("rest", "paths"),
    [
        ("", []),
        ("match: [{uri: {prefix: ''}, headers: {a: {exact: b}, ':path': {regex: '/x.*'}}, port: 80, gateways: [mesh]}]", []),
        ("match: [{headers: {a: {prefix: ''}}}]", ["http[0].match[0].headers.a.prefix"]),
        ("match: [{headers: {'a b': {exact: c}}}]", ["http[0].match[0].headers.a b"]),
        ("match: [{headers: {'@request.auth.claims.x': {exact: c}}}]", ["http[0].match[0].headers.@request.auth.claims.x"]),
        ("match: [{withoutHeaders: {a: {regex: '*'}}}]", []),
        ("match: [{uri: {regex: '(?=a)'}}]", ["http[0].match[0].uri.regex"]),
        ("match: [{method: {regex: '['}}]", ["http[0].match[0].method.regex"]),
        ("match: [{port: 70000}]", ["http[0].match[0].port"]),
        ("match: [{sourceLabels: {'a/b/c': d}}]", ["http[0].match[0].sourceLabels.a/b/c"]),
        ("match: [{sourceNamespace: a.b}]", ["http[0].match[0].sourceNamespace"]),
        ("match: [{gateways: [gw.shop.svc.cluster.local]}]", ["?http[0].match[0].gateways[0]"]),
        ("match: [{gateways: [shop/gw_1]}]", ["http[0].match[0].gateways[0]"]),
        ("redirect: {uri: /}", ["http[0].route"]),
        ("fault: {}", ["http[0].fault"]),
        ("fault: {abort: {httpStatus: 100}}", ["http[0].fault.abort.httpStatus"]),
        ("fault: {abort: {grpcStatus: NOPE}}", ["http[0].fault.abort.grpcStatus"]),
        ("fault: {abort: {percentage: {value: 5}}}", ["?http[0].fault.abort"]),
        ("fault: {delay: {fixedDelay: 5s, percentage: {value: 0.00001}}}", ["http[0].fault.delay.percentage.value"]),
        ("fault: {delay: {exponentialDelay: 5s}}", ["http[0].fault.delay.exponentialDelay"]),
        ("mirror: {host: c}, mirrors: [{destination: {host: d}}]", ["http[0].mirrors"]),
        ("mirrors: [{destination: {host: '*'}, percentage: {value: 101}}]", ["http[0].mirrors[0].destination.host", "http[0].mirrors[0].percentage.value"]),
        ("mirror: {host: c}, mirrorPercent: 50", ["?http[0].mirrorPercent"]),
        ("retries: {attempts: 0, perTryTimeout: 2s}", ["http[0].retries.attempts"]),
        ("retries: {attempts: 3, retryOn: '5xx,503,nonsense'}", ["http[0].retries.retryOn"]),
        ("rewrite: {}", ["http[0].rewrite"]),
        ("rewrite: {uri: /, uriRegexRewrite: {match: a, rewrite: b}}", ["http[0].rewrite.uriRegexRewrite"]),
        ("rewrite: {authority: a}, headers: {request: {set: {host: b}}}", ["http[0].headers.request.set.host"]),
        ("headers: {request: {set: {':path': /}}, response: {add: {host: a}}}", ["http[0].headers.request.set.:path", "http[0].headers.response.add.host"]),
        ("headers: {request: {set: {a: '100%', b: '%%', c: '%REQ(x)%', d: 'p %HOSTNAME% s'}}}", ["http[0].headers.request.set.a"]),
        ("headers: {request: {set: {a: '%START_TIME(%s.%3f)%', b: '%X([\"a\", \"b\"])%'}}}", []),
        ("corsPolicy: {allowOrigins: [{}], allowMethods: [GIVE], allowHeaders: ['*', 'a b']}", ["http[0].corsPolicy.allowOrigins[0]", "http[0].corsPolicy.allowMethods[0]", "http[0].corsPolicy.allowHeaders[1]"]),
        ("timeout: 0.5ms", ["http[0].timeout"]),
        ("timeout: 1.5ms", ["http[0].timeout"]),
    ],
)  # fmt: skip
def test_rules_of_http(rest: str, paths: list[str]) -> None:
    assert said("VirtualService", f"{{hosts: [a], http: [{{{TO}{', ' if rest else ''}{rest}}}]}}") == paths


@pytest.mark.parametrize(
    ("spec", "paths"),
    [
        ("{hosts: [a]}", ["spec"]),
        ("{hosts: [a], http: [{name: x}]}", ["http[0]"]),
        ("{hosts: [a], http: [{redirect: {}}]}", ["http[0].redirect"]),
        ("{hosts: [a], http: [{redirect: {uri: /, redirectCode: 200, scheme: ftp}}]}", ["http[0].redirect.redirectCode", "http[0].redirect.scheme"]),
        ("{hosts: [a], http: [{match: [{uri: {exact: /}}], redirect: {prefixRewrite: /b}}]}", ["http[0].redirect.prefixRewrite"]),
        ("{hosts: [a], http: [{directResponse: {status: 100}}]}", ["http[0].directResponse.status"]),
        ("{hosts: [a], http: [{delegate: {name: d}}]}", []),
        (f"{{hosts: [a], http: [{{delegate: {{name: d}}, {TO}}}]}}", ["http[0].route"]),
        (f"{{gateways: [mesh], http: [{{{TO}}}]}}", ["gateways"]),
        (f"{{http: [{{delegate: {{name: d}}, {TO}}}]}}", ["http[0].delegate"]),
        (f"{{hosts: ['*'], http: [{{{TO}}}]}}", ["hosts[0]"]),
        (f"{{hosts: ['*'], gateways: [gw], http: [{{{TO}}}]}}", []),
        (f"{{hosts: [a_b, 10.0.0.1], http: [{{{TO}}}]}}", ["hosts[0]"]),
        (f"{{hosts: ['*.a.org', x.a.org], http: [{{{TO}}}]}}", ["hosts[1]"]),
        (f"{{hosts: ['*.a.org', a.org], http: [{{{TO}}}]}}", []),
        ("{hosts: [a], http: [{route: [{destination: {host: b}}, {destination: {host: c}}]}]}", ["http[0].route"]),
        ("{hosts: [a], http: [{route: [{destination: {host: b, subset: v_1, port: {number: 0}}}]}]}", ["http[0].route[0].destination.subset", "http[0].route[0].destination.port.number"]),
        (f"{{hosts: [a.org], tls: [{{match: [{{sniHosts: [b.org]}}], {TO}}}]}}", ["tls[0].match[0].sniHosts[0]"]),
        (f"{{hosts: ['*.org'], tls: [{{match: [{{sniHosts: [b.org], port: 443}}], {TO}}}]}}", []),
        (f"{{hosts: [a.org], tls: [{{match: [{{sniHosts: [10.0.0.1]}}], {TO}}}]}}", ["?tls[0].match[0].sniHosts[0]"]),
        (f"{{hosts: ['*'], gateways: [gw], tls: [{{match: [{{sniHosts: [outbound_.80_._.b.org]}}], {TO}}}]}}", []),
        (f"{{hosts: [a], tcp: [{{match: [{{destinationSubnets: [10.0.0.0/33, 10.0.0.1]}}], {TO}}}]}}", ["tcp[0].match[0].destinationSubnets[0]"]),
        ("{hosts: [a], tcp: [{match: [{port: 80}]}]}", ["tcp[0]"]),
        (f"{{hosts: [a], exportTo: ['.', shop], http: [{{{TO}}}]}}", ["exportTo[1]"]),
        (f"{{hosts: [a], exportTo: ['*', bank], http: [{{{TO}}}]}}", ["exportTo"]),
        (f"{{hosts: [a], exportTo: ['~'], http: [{{{TO}}}]}}", ["exportTo[0]"]),
    ],
)  # fmt: skip
def test_virtual_services(spec: str, paths: list[str]) -> None:
    assert said("VirtualService", spec) == paths


@pytest.mark.parametrize(
    ("rest", "paths"),
    [
        ("trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}, subsets: [{name: v1, labels: {version: v1}}], exportTo: ['.']", []),
        ("trafficPolicy: {}", ["trafficPolicy"]),
        ("trafficPolicy: {tls: {mode: MUTUAL}}", ["trafficPolicy.tls", "trafficPolicy.tls"]),
        ("trafficPolicy: {tls: {mode: MUTUAL, credentialName: c}}", []),
        ("trafficPolicy: {tls: {mode: SIMPLE, credentialName: c, caCertificates: f}}", ["trafficPolicy.tls.caCertificates"]),
        ("trafficPolicy: {tls: {mode: SIMPLE, insecureSkipVerify: true, subjectAltNames: [a]}}", ["trafficPolicy.tls.subjectAltNames"]),
        ("trafficPolicy: {tls: {mode: SIMPLE, credentialName: 'configmap://bank/c'}}", ["trafficPolicy.tls.credentialName"]),
        ("trafficPolicy: {outlierDetection: {consecutiveErrors: 5}}", ["?trafficPolicy.outlierDetection.consecutiveErrors"]),
        ("trafficPolicy: {outlierDetection: {consecutiveLocalOriginFailures: 5}}", ["trafficPolicy.outlierDetection.consecutiveLocalOriginFailures"]),
        ("trafficPolicy: {outlierDetection: {maxEjectionPercent: 101}}", ["trafficPolicy.outlierDetection.maxEjectionPercent"]),
        ("trafficPolicy: {connectionPool: {}}", ["trafficPolicy.connectionPool"]),
        ("trafficPolicy: {connectionPool: {tcp: {maxConnections: -1, idleTimeout: 0s}}}", ["trafficPolicy.connectionPool.tcp.maxConnections"]),
        ("trafficPolicy: {connectionPool: {http: {h2UpgradePolicy: UPGRADE, useClientProtocol: true}}}", ["trafficPolicy.connectionPool.http.useClientProtocol"]),
        ("trafficPolicy: {loadBalancer: {consistentHash: {maglev: {tableSize: 10}}}}", ["trafficPolicy.loadBalancer.consistentHash.maglev.tableSize"]),
        ("trafficPolicy: {loadBalancer: {consistentHash: {httpCookie: {name: '', ttl: 0s}}}}", ["trafficPolicy.loadBalancer.consistentHash.httpCookie"]),
        ("trafficPolicy: {loadBalancer: {consistentHash: {useSourceIp: true, minimumRingSize: 9}}}", ["?trafficPolicy.loadBalancer.consistentHash.minimumRingSize"]),
        ("trafficPolicy: {loadBalancer: {localityLbSetting: {failover: [{from: a, to: b}]}}}", ["?trafficPolicy.loadBalancer.localityLbSetting.failover"]),
        ("trafficPolicy: {outlierDetection: {}, loadBalancer: {localityLbSetting: {failover: [{from: a, to: a}]}}}", ["trafficPolicy.loadBalancer.localityLbSetting.failover[0]"]),
        ("trafficPolicy: {loadBalancer: {localityLbSetting: {distribute: [{from: a/*, to: {a/b: 50, a/b/c: 50}}]}}}", ["trafficPolicy.loadBalancer.localityLbSetting.distribute[0].to.a/b/c"]),
        ("trafficPolicy: {loadBalancer: {localityLbSetting: {distribute: [{from: a, to: {b: 50}}]}}}", ["trafficPolicy.loadBalancer.localityLbSetting.distribute[0].to"]),
        ("trafficPolicy: {loadBalancer: {simple: RANDOM}, portLevelSettings: [{port: {number: 80}}]}", ["trafficPolicy.portLevelSettings[0]"]),
        ("trafficPolicy: {tunnel: {protocol: GET, targetHost: a, targetPort: 80}}", ["trafficPolicy.tunnel.protocol"]),
        ("subsets: [{name: v1}, {name: v1}, {name: v.2}]", ["subsets[1].name", "subsets[2].name"]),
        ("exportTo: [bank], workloadSelector: {matchLabels: {a: b}}", ["exportTo"]),
        ("workloadSelector: {}", ["?workloadSelector"]),
    ],
)  # fmt: skip
def test_destination_rules(rest: str, paths: list[str]) -> None:
    assert said("DestinationRule", f"{{host: reviews, {rest}}}") == paths
