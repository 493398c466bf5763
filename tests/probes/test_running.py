"""What istiod, the proxies and their logs tell: xDS, proxies, certificates, mutual TLS, authorization, tokens, DNS."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import EndpointSlice
from meshdoctor.model.envoy import AccessLogEntry, Envoy, LoadedCertificate, Logs
from meshdoctor.model.findings import Finding
from meshdoctor.model.istiod import Istiod, ProxySync, TypeSync
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.security import PeerAuthentication
from meshdoctor.model.sources import Source, SourceState
from meshdoctor.model.workloads import Pod
from tests.conftest import NOW, build, judge, subjects


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def pod(
    name: str, space: str, app: str, ip: str, *, proxy: bool = True, started: float = 600, ready: bool = True, extra: str = ""
) -> str:
    """A Running pod with (or without) a native sidecar."""
    side = f", initContainerStatuses: [{{name: istio-proxy, ready: {str(ready).lower()}, state: {{running: {{startedAt: '{ago(started).isoformat()}'}}}}}}]"
    containers = "initContainers: [{name: istio-proxy}], " if proxy else ""
    tls = ", security.istio.io/tlsMode: istio" if proxy else ""
    return f"""
---
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: {space}, labels: {{app: {app}{tls}}}, creationTimestamp: "{ago(started).isoformat()}"}}
spec: {{serviceAccountName: {app}, {containers}containers: [{{name: app, ports: [{{containerPort: 8080}}]}}]{extra}}}
status: {{phase: Running, podIP: {ip}, conditions: [{{type: Ready, status: "{ready}", lastTransitionTime: "{ago(started).isoformat()}"}}]{side if proxy else ""}}}
"""


def service(name: str, space: str) -> str:
    return f"\n---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {space}}}\nspec: {{selector: {{app: {name}}}, ports: [{{port: 80, targetPort: 8080}}]}}\n"


def account(name: str, space: str) -> str:
    return f"\n---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {name}, namespace: {space}}}\n"


def policy(kind: str, name: str, space: str, spec: str, seconds: float = 3600) -> str:
    group = "networking.istio.io/v1" if kind == "DestinationRule" else "security.istio.io/v1"
    if kind == "EnvoyFilter":
        group = "networking.istio.io/v1alpha3"
    return f'\n---\napiVersion: {group}\nkind: {kind}\nmetadata: {{name: {name}, namespace: {space}, creationTimestamp: "{ago(seconds).isoformat()}"}}\nspec: {spec}\n'


STRICT = policy("PeerAuthentication", "default", "bank", "{mtls: {mode: STRICT}}")
SHOP = pod("cart-1", "shop", "cart", "10.1.0.1") + service("cart", "shop") + account("cart", "shop")
BANK = pod("payment-1", "bank", "payment", "10.1.0.2") + service("payment", "bank") + account("payment", "bank") + STRICT
LEGACY = pod("report-1", "legacy", "report", "10.1.0.3", proxy=False) + service("report", "legacy") + account("report", "legacy")
ALLOW = policy(
    "AuthorizationPolicy",
    "callers",
    "bank",
    "{selector: {matchLabels: {app: payment}}, rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/cart]}}]}]}",
)
ISTIOD = """
---
apiVersion: v1
kind: Pod
metadata: {name: istiod-1, namespace: istio-d, labels: {app: istiod}}
status: {phase: Running, conditions: [{type: Ready, status: "True", lastTransitionTime: "2026-08-01T10:00:00Z"}]}
"""
SOUND = SHOP + BANK + LEGACY + ALLOW + ISTIOD


def synced(*names: str, error: str = "", sent: float = 300, acked: bool = True) -> Istiod:
    """A replica that knows these proxies."""
    listener = TypeSync(sent="2", acked="2" if acked else "1", sent_at=ago(sent), error=error)
    proxies = tuple(
        ProxySync(namespace=n.split("/")[0], name=n.split("/")[1], istiod="istiod-1", types={"LDS": listener}) for n in names
    )
    return Istiod(namespace="istio-d", name="istiod-1", parts={"syncz": proxies, "log": (), "metrics": ()})


ALL = synced("shop/cart-1", "bank/payment-1")


def envoy(name: str, *entries: AccessLogEntry, lines: tuple[str, ...] = (), **parts: object) -> Envoy:
    space, _, short = name.partition("/")
    logs = Logs(access=entries, lines=tuple((NOW, line) for line in lines))
    return Envoy(namespace=space, name=short, parts={"logs": logs, "state": "LIVE", "certs": (), "clusters": (), **parts})


def entry(seconds: float = 10, **fields: Any) -> AccessLogEntry:
    return AccessLogEntry(time=ago(seconds), **fields)


def judged(problem: str, extra: str = "", *, istiod: Istiod = ALL, envoys: tuple[Envoy, ...] = ()) -> list[Finding]:
    return judge(mesh(extra, istiod=istiod, envoys=envoys), problem)


def mesh(extra: str = "", *, istiod: Istiod = ALL, envoys: tuple[Envoy, ...] = ()) -> Mesh:
    return build(SOUND + extra, istiods=[istiod], envoys=envoys)


RULES = "XDS-001 XDS-002 XDS-003 XDS-006 PRX-001 PRX-002 PRX-004 PRX-007 CRT-004 MTL-001 MTL-002 MTL-003 MTL-004 MTL-005 AZ-001 AZ-002 AZ-004 AZ-005 AZ-007 DNS-001"


@pytest.mark.parametrize("problem", RULES.split())
def test_a_sound_mesh_gives_nothing(problem: str) -> None:
    assert judged(problem, envoys=(envoy("shop/cart-1"), envoy("bank/payment-1"))) == []


# xDS


def test_a_refusal_leads_to_the_filter_that_reaches_the_pod() -> None:
    spec = "{workloadSelector: {labels: {app: %s}}, configPatches: [{applyTo: HTTP_FILTER, patch: {value: {code: 'function broken_handle('}}}]}"
    filters = policy("EnvoyFilter", "broken", "shop", spec % "cart") + policy("EnvoyFilter", "other", "shop", spec % "web")
    refusing = synced("shop/cart-1", error="script load error: broken_handle")
    assert subjects(judged("XDS-001", filters, istiod=refusing), "FAIL") == ["EnvoyFilter shop/broken"]


@pytest.mark.parametrize(("sent", "count"), [(10, 0), (45, 2)])
def test_stale_means_not_acknowledged_for_half_a_minute(sent: float, count: int) -> None:
    late = synced("shop/cart-1", "bank/payment-1", sent=sent, acked=False)
    assert len(judged("XDS-002", istiod=late)) == count


def test_a_proxy_that_no_replica_knows() -> None:
    findings = judged("XDS-003", istiod=synced("shop/cart-1"))
    assert subjects(findings) == ["Pod bank/payment-1"]


def test_a_proxy_that_no_replica_knows_and_that_does_not_answer() -> None:
    hangs = Source(name="/server_info of bank/payment-1", state=SourceState.ERROR, reason="timed out")
    silent = Envoy(namespace="bank", name="payment-1", missing={"server_info": hangs})
    (finding,) = judged("XDS-003", istiod=synced("shop/cart-1"), envoys=(silent,))
    assert "it hangs" in finding.summary


def test_a_young_proxy_is_still_on_its_way() -> None:
    young = pod("new-1", "shop", "new", "10.1.0.9", started=20)
    assert judged("XDS-003", young) == []


@pytest.mark.parametrize(("address", "count"), [("istiod-old.istio-d.svc:15012", 1), ("istiod.example.com:15012", 0)])
def test_a_young_proxy_with_nowhere_to_go_is_not(address: str, count: int) -> None:
    young = pod("new-1", "shop", "new", "10.1.0.9", started=20)
    young = young.replace(
        "creationTimestamp", f"annotations: {{proxy.istio.io/config: 'discoveryAddress: {address}'}}, creationTimestamp"
    )
    assert len(judged("XDS-003", young)) == count


def test_absence_is_unknown_where_a_replica_did_not_tell() -> None:
    denied = Source(name="/debug/syncz", state=SourceState.DENIED, reason="create pods/portforward is forbidden")
    silent = Istiod(namespace="istio-d", name="istiod-2", missing={"syncz": denied})
    findings = judge(build(SOUND, istiods=[synced("shop/cart-1"), silent]), "XDS-003")
    assert [(f.status, "portforward" in f.summary) for f in findings] == [("UNKNOWN", True)]


def test_nobody_is_disconnected_before_istiod_was_asked() -> None:
    assert judge(build(SOUND), "XDS-003") == []


# Proxies and certificates


def test_an_oom_killed_native_sidecar() -> None:
    killed = pod("fat-1", "shop", "fat", "10.1.0.8").replace(
        "state: {running",
        f"lastState: {{terminated: {{reason: OOMKilled, finishedAt: '{ago(60).isoformat()}'}}}}, state: {{running",
    )
    assert subjects(judged("PRX-001", killed)) == ["Pod shop/fat-1"]
    assert judged("PRX-001", killed.replace(ago(60).isoformat(), ago(3 * 86400).isoformat())) == []


@pytest.mark.parametrize("limit", ["32Mi", ""])
def test_an_envoy_that_was_killed_within_a_container_that_says_completed(limit: str) -> None:
    ended = f"lastState: {{terminated: {{reason: Completed, exitCode: 0, finishedAt: '{ago(9).isoformat()}'}}}}, state: {{running"
    room = f"{{name: istio-proxy, resources: {{limits: {{memory: {limit}}}}}}}" if limit else "{name: istio-proxy}"
    killed = pod("fat-1", "shop", "fat", "10.1.0.8").replace("state: {running", ended).replace("{name: istio-proxy}", room)
    says = envoy("shop/fat-1", lines=("warn\tEnvoy may have been out of memory killed. Check memory usage and limits.",))
    assert subjects(judged("PRX-001", killed, envoys=(says,))) == (["Pod shop/fat-1"] if limit else [])


def test_a_proxy_says_why_it_is_not_ready() -> None:
    waiting = pod("wait-1", "shop", "wait", "10.1.0.7", ready=False)
    says = envoy("shop/wait-1", lines=("Envoy proxy is NOT ready: config received from XDS server, but was rejected",))
    findings = judged("PRX-002", waiting, envoys=(says,))
    assert [(str(f.subject), "rejected" in f.summary) for f in findings] == [("Pod shop/wait-1", True)]


def test_a_drained_proxy_that_nobody_deletes() -> None:
    assert subjects(judged("PRX-007", envoys=(envoy("shop/cart-1", state="DRAINING"),))) == ["Pod shop/cart-1"]


@pytest.mark.parametrize(("left", "is_fault"), [(20, False), (5, True), (-1, True)])
def test_a_certificate_that_is_not_renewed(left: float, is_fault: bool) -> None:
    end = NOW + timedelta(hours=left)
    leaf = LoadedCertificate(
        name="default", sans=("spiffe://cluster.local/ns/shop/sa/cart",), valid_from=end - timedelta(hours=24), expires=end
    )
    assert bool(judged("CRT-004", envoys=(envoy("shop/cart-1", certs=(leaf,)),))) == is_fault


# Mutual TLS


REFUSED: dict[str, Any] = {"details": "filter_chain_not_found", "flags": "NR", "downstream_local": "10.1.0.2:8080"}


def test_plain_text_to_a_strict_server_names_the_caller() -> None:
    findings = judged("MTL-001", envoys=(envoy("bank/payment-1", entry(downstream_remote="10.1.0.3:5000", **REFUSED)),))
    assert subjects(findings) == ["Pod legacy/report-1"]
    assert findings[0].harm is not None


@pytest.mark.parametrize("caller", ["10.1.0.1:5000", "10.9.9.9:5000"])
def test_a_caller_with_a_sidecar_or_unknown_is_not_accused(caller: str) -> None:
    assert judged("MTL-001", envoys=(envoy("bank/payment-1", entry(downstream_remote=caller, **REFUSED)),)) == []


def test_lines_from_before_the_policy_do_not_count() -> None:
    logs = envoy("bank/payment-1", entry(30, downstream_remote="10.1.0.3:5000", **REFUSED))
    fresh = policy("PeerAuthentication", "default", "bank", "{mtls: {mode: STRICT}}", 5)
    found = judge(build(SOUND.replace(STRICT, fresh), envoys=[logs]), "MTL-001")
    assert found == []


@pytest.mark.parametrize(
    ("spec", "is_fault"),
    [
        ("{host: payment.bank.svc.cluster.local, trafficPolicy: {tls: {mode: DISABLE}}}", True),
        (
            "{host: payment.bank.svc.cluster.local, trafficPolicy: {portLevelSettings: [{port: {number: 80}, tls: {mode: SIMPLE}}]}}",
            True,
        ),
        (
            "{host: payment.bank.svc.cluster.local, subsets: [{name: a, labels: {app: payment}, trafficPolicy: {tls: {mode: DISABLE}}}]}",
            True,
        ),
        ("{host: payment.bank.svc.cluster.local, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}", False),
        ("{host: payment, trafficPolicy: {tls: {mode: DISABLE}}}", False),  # payment of the rule's own namespace: there is none
        ("{host: cart, trafficPolicy: {tls: {mode: DISABLE}}}", False),  # PERMISSIVE takes plain text
    ],
)
def test_tls_switched_off_towards_strict(spec: str, is_fault: bool) -> None:
    assert subjects(judged("MTL-002", policy("DestinationRule", "r", "shop", spec))) == (
        ["DestinationRule shop/r"] if is_fault else []
    )


def test_mutual_tls_forced_on_a_pod_without_a_sidecar() -> None:
    spec = "{host: report.legacy.svc.cluster.local, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}"
    assert subjects(judged("MTL-003", policy("DestinationRule", "r", "shop", spec))) == ["DestinationRule shop/r"]


def test_the_younger_of_two_policies_is_ignored() -> None:
    second = policy("PeerAuthentication", "second", "bank", "{mtls: {mode: PERMISSIVE}}", 60)
    findings = judged("MTL-004", second)
    assert subjects(findings, "WARN")[0] == "PeerAuthentication bank/second"
    assert [f.severity for f in findings] == ["medium", "info"]  # the older one is named too, and decides


@pytest.mark.parametrize(("port", "is_fault"), [("80", True), ("8080", False)])
def test_port_level_needs_the_workload_port(port: str, is_fault: bool) -> None:
    spec = f'{{selector: {{matchLabels: {{app: payment}}}}, portLevelMtls: {{"{port}": {{mode: PERMISSIVE}}}}}}'
    assert bool(judged("MTL-005", policy("PeerAuthentication", "p", "bank", spec))) == is_fault


# Authorization


DENIED: dict[str, Any] = {
    "code": 403,
    "details": "rbac_access_denied_matched_policy[none]",
    "downstream_local": "10.1.0.2:8080",
    "method": "GET",
}


def test_a_caller_that_no_allow_policy_matches() -> None:
    web = pod("web-1", "shop", "web", "10.1.0.4")
    refused = envoy("bank/payment-1", entry(downstream_remote="10.1.0.4:5000", **DENIED))
    findings = judged("AZ-001", web, envoys=(refused,))
    assert subjects(findings) == ["AuthorizationPolicy bank/callers"]
    assert "source.principals" in findings[0].why


def test_a_condition_that_the_log_line_does_not_tell() -> None:
    spec = "{selector: {matchLabels: {app: cart}}, rules: [{when: [{key: 'request.headers[x-tenant]', values: [gold]}]}]}"
    web = pod("web-1", "shop", "web", "10.1.0.4") + policy("AuthorizationPolicy", "gold", "shop", spec)
    line = entry(downstream_remote="10.1.0.4:5000", **(DENIED | {"downstream_local": "10.1.0.1:8080"}))
    (found,) = judged("AZ-001", web, envoys=(envoy("shop/cart-1", line),))
    assert (str(found.subject), found.path) == ("AuthorizationPolicy shop/gold", "spec.rules[0]")
    assert "x-tenant" in found.why


def test_a_refusal_that_would_be_allowed_now_is_over() -> None:
    assert judged("AZ-001", envoys=(envoy("bank/payment-1", entry(downstream_remote="10.1.0.1:5000", **DENIED)),)) == []


def test_a_deny_rule_is_named_by_the_log() -> None:
    deny = policy("AuthorizationPolicy", "no-carts", "bank", "{action: DENY, rules: [{from: [{source: {namespaces: [shop]}}]}]}")
    line = entry(
        code=403, details="rbac_access_denied_matched_policy[ns[bank]-policy[no-carts]-rule[0]]", downstream_remote="10.1.0.1:5000"
    )
    assert subjects(judged("AZ-002", deny, envoys=(envoy("bank/payment-1", line),))) == ["AuthorizationPolicy bank/no-carts"]
    assert judged("AZ-002", envoys=(envoy("bank/payment-1", line),)) == []  # the policy is gone


@pytest.mark.parametrize(
    ("principal", "is_fault"),
    [
        ("cluster.local/ns/shop/sa/cart", False),
        ("cluster.local/ns/shop/sa/catr", True),
        ("spiffe://cluster.local/ns/shop/sa/cart", True),
        ("other.domain/ns/shop/sa/cart", True),
        ("cart", True),
        ("*", False),
        ("cluster.local/ns/shop/*", False),
    ],
)
def test_principals(principal: str, is_fault: bool) -> None:
    spec = f'{{rules: [{{from: [{{source: {{principals: ["{principal}"]}}}}]}}]}}'
    assert bool(judged("AZ-004", policy("AuthorizationPolicy", "p", "bank", spec))) == is_fault


def test_a_policy_that_selects_nothing() -> None:
    spec = "{selector: {matchLabels: {app: paiment}}, rules: [{}]}"
    assert subjects(judged("AZ-005", policy("AuthorizationPolicy", "p", "bank", spec))) == ["AuthorizationPolicy bank/p"]


def test_allow_nothing_with_and_without_companions() -> None:
    assert subjects(judged("AZ-007", policy("AuthorizationPolicy", "none", "shop", "{}"))) == ["AuthorizationPolicy shop/none"]
    assert judged("AZ-007", policy("AuthorizationPolicy", "none", "bank", "{}")) == []  # payment has its own ALLOW


# DNS, and what is not seen


DNS = """
---
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system, labels: {k8s-app: kube-dns}}
spec: {selector: {k8s-app: kube-dns}, ports: [{port: 53}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: coredns, namespace: kube-system}
spec: {replicas: 2, selector: {matchLabels: {k8s-app: kube-dns}}, template: {metadata: {labels: {k8s-app: kube-dns}}}}
"""


def test_dns_without_endpoints() -> None:
    assert subjects(judged("DNS-001", DNS)) == ["Deployment kube-system/coredns"]


BLIND: list[tuple[str, type[KubernetesObject], str]] = [
    ("XDS-003", Pod, ""),
    ("PRX-001", Pod, ""),
    ("PRX-007", Pod, ""),
    ("MTL-001", Pod, ""),
    (
        "MTL-002",
        PeerAuthentication,
        policy("DestinationRule", "r", "shop", "{host: payment.bank.svc.cluster.local, trafficPolicy: {tls: {mode: DISABLE}}}"),
    ),
    ("MTL-004", PeerAuthentication, ""),
    ("AZ-001", Pod, ""),
    ("AZ-005", Pod, ""),
    ("DNS-001", EndpointSlice, DNS),
]


@pytest.mark.parametrize(("problem", "kind", "extra"), BLIND)
def test_what_is_not_seen_is_unknown(problem: str, kind: type[KubernetesObject], extra: str) -> None:
    findings = judge(build(SOUND + extra, unseen=[kind], istiods=[ALL]), problem)
    assert [f.status for f in findings] == ["UNKNOWN"]
    assert f"list {kind.resource()} is forbidden" in findings[0].summary
