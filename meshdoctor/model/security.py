"""security.istio.io, telemetry.istio.io and extensions.istio.io."""

from __future__ import annotations

from typing import Any, ClassVar

from meshdoctor.model.base import ConditionedStatus, KubernetesObject, Record
from meshdoctor.model.networking import PolicyTargetReference, WorkloadSelector


class SecurityObject(KubernetesObject, frozen=True):
    GROUP = "security.istio.io"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1", "v1beta1")


class MutualTLS(Record, frozen=True):
    mode: str = "UNSET"


class PeerAuthenticationSpec(Record, frozen=True):
    selector: WorkloadSelector | None = None
    mtls: MutualTLS | None = None
    port_level_mtls: dict[str, MutualTLS] = {}  # workload port, as text, to its mode


class PeerAuthentication(SecurityObject, frozen=True):
    KIND = "PeerAuthentication"
    PLURAL = "peerauthentications"

    spec: PeerAuthenticationSpec = PeerAuthenticationSpec()


class Source(Record, frozen=True):
    principals: tuple[str, ...] = ()
    not_principals: tuple[str, ...] = ()
    request_principals: tuple[str, ...] = ()
    not_request_principals: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    not_namespaces: tuple[str, ...] = ()
    trust_domains: tuple[str, ...] = ()
    not_trust_domains: tuple[str, ...] = ()
    service_accounts: tuple[str, ...] = ()
    not_service_accounts: tuple[str, ...] = ()
    ip_blocks: tuple[str, ...] = ()
    not_ip_blocks: tuple[str, ...] = ()
    remote_ip_blocks: tuple[str, ...] = ()
    not_remote_ip_blocks: tuple[str, ...] = ()


class Operation(Record, frozen=True):
    hosts: tuple[str, ...] = ()
    not_hosts: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    not_ports: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    not_methods: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    not_paths: tuple[str, ...] = ()


class RuleFrom(Record, frozen=True):
    source: Source = Source()


class RuleTo(Record, frozen=True):
    operation: Operation = Operation()


class AuthorizationCondition(Record, frozen=True):
    key: str = ""
    values: tuple[str, ...] = ()
    not_values: tuple[str, ...] = ()


class Rule(Record, rename={"from_": "from"}, frozen=True):
    from_: tuple[RuleFrom, ...] = ()
    to: tuple[RuleTo, ...] = ()
    when: tuple[AuthorizationCondition, ...] = ()


class AuthorizationPolicySpec(Record, frozen=True):
    selector: WorkloadSelector | None = None
    target_ref: PolicyTargetReference | None = None
    target_refs: tuple[PolicyTargetReference, ...] = ()
    action: str = "ALLOW"
    rules: tuple[Rule, ...] = ()
    provider: dict[str, Any] | None = None

    @property
    def targets(self) -> tuple[PolicyTargetReference, ...]:
        return ((self.target_ref,) if self.target_ref else ()) + self.target_refs


TRUE = {"1", "t", "T", "TRUE", "true", "True"}  # what istiod, written in Go, takes for true


class AuthorizationPolicy(SecurityObject, frozen=True):
    KIND = "AuthorizationPolicy"
    PLURAL = "authorizationpolicies"

    spec: AuthorizationPolicySpec = AuthorizationPolicySpec()
    status: ConditionedStatus = ConditionedStatus()

    @property
    def is_dry_run(self) -> bool:
        return self.annotations.get("istio.io/dry-run", "") in TRUE


class JWTHeader(Record, frozen=True):
    name: str = ""
    prefix: str = ""


class JWTRule(Record, frozen=True):
    issuer: str = ""
    jwks_uri: str = ""
    jwks: str = ""
    audiences: tuple[str, ...] = ()
    from_headers: tuple[JWTHeader, ...] = ()
    from_params: tuple[str, ...] = ()
    from_cookies: tuple[str, ...] = ()
    space_delimited_claims: tuple[str, ...] = ()


class RequestAuthenticationSpec(Record, frozen=True):
    selector: WorkloadSelector | None = None
    target_ref: PolicyTargetReference | None = None
    target_refs: tuple[PolicyTargetReference, ...] = ()
    jwt_rules: tuple[JWTRule, ...] = ()

    @property
    def targets(self) -> tuple[PolicyTargetReference, ...]:
        return ((self.target_ref,) if self.target_ref else ()) + self.target_refs


class RequestAuthentication(SecurityObject, frozen=True):
    KIND = "RequestAuthentication"
    PLURAL = "requestauthentications"

    spec: RequestAuthenticationSpec = RequestAuthenticationSpec()


class TelemetrySpec(Record, frozen=True):
    selector: WorkloadSelector | None = None
    target_ref: PolicyTargetReference | None = None
    target_refs: tuple[PolicyTargetReference, ...] = ()
    metrics: tuple[dict[str, Any], ...] = ()
    tracing: tuple[dict[str, Any], ...] = ()
    access_logging: tuple[dict[str, Any], ...] = ()

    @property
    def targets(self) -> tuple[PolicyTargetReference, ...]:
        return ((self.target_ref,) if self.target_ref else ()) + self.target_refs


class Telemetry(KubernetesObject, frozen=True):
    GROUP = "telemetry.istio.io"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1", "v1alpha1")
    KIND = "Telemetry"
    PLURAL = "telemetries"

    spec: TelemetrySpec = TelemetrySpec()


class ExtensionSpec(Record, frozen=True):
    selector: WorkloadSelector | None = None
    target_ref: PolicyTargetReference | None = None
    target_refs: tuple[PolicyTargetReference, ...] = ()
    url: str = ""
    phase: str = ""
    fail_strategy: str = ""

    @property
    def targets(self) -> tuple[PolicyTargetReference, ...]:
        return ((self.target_ref,) if self.target_ref else ()) + self.target_refs


class WasmPlugin(KubernetesObject, frozen=True):
    GROUP = "extensions.istio.io"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1alpha1",)
    KIND = "WasmPlugin"
    PLURAL = "wasmplugins"

    spec: ExtensionSpec = ExtensionSpec()


class TrafficExtension(KubernetesObject, frozen=True):
    GROUP = "extensions.istio.io"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1alpha1",)
    KIND = "TrafficExtension"
    PLURAL = "trafficextensions"

    spec: ExtensionSpec = ExtensionSpec()
