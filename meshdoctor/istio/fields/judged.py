"""All faults of the fields of all manifests, found once a snapshot."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from meshdoctor.istio.fields.annotations import bad_annotations
from meshdoctor.istio.fields.authentication import peer_authentication, request_authentication
from meshdoctor.istio.fields.authorization_policy import authorization_policy
from meshdoctor.istio.fields.destination_rule import destination_rule
from meshdoctor.istio.fields.envoy_filter import envoy_filter
from meshdoctor.istio.fields.extension import traffic_extension, wasm_plugin
from meshdoctor.istio.fields.gateway import gateway
from meshdoctor.istio.fields.reading import Field
from meshdoctor.istio.fields.service_entry import service_entry
from meshdoctor.istio.fields.sidecar import sidecar
from meshdoctor.istio.fields.telemetry import telemetry
from meshdoctor.istio.fields.virtual_service import virtual_service
from meshdoctor.istio.fields.workload import proxy_config, workload_entry, workload_group
from meshdoctor.istio.schema.definitions import Definition, served
from meshdoctor.istio.schema.fault import Fault
from meshdoctor.istio.schema.objects import named, schema_faults
from meshdoctor.model.manifest import Manifest
from meshdoctor.model.mesh import Mesh

Judge = Callable[[Field], Iterable[Fault]]
_NETWORKING, _SECURITY = "networking.istio.io", "security.istio.io"
JUDGES: dict[tuple[str, str], Judge] = {
    (_NETWORKING, "VirtualService"): virtual_service,
    (_NETWORKING, "DestinationRule"): destination_rule,
    (_NETWORKING, "Gateway"): gateway,
    (_NETWORKING, "ServiceEntry"): service_entry,
    (_NETWORKING, "Sidecar"): sidecar,
    (_NETWORKING, "WorkloadEntry"): workload_entry,
    (_NETWORKING, "WorkloadGroup"): workload_group,
    (_NETWORKING, "ProxyConfig"): proxy_config,
    (_NETWORKING, "EnvoyFilter"): envoy_filter,
    (_SECURITY, "AuthorizationPolicy"): authorization_policy,
    (_SECURITY, "PeerAuthentication"): peer_authentication,
    (_SECURITY, "RequestAuthentication"): request_authentication,
    ("telemetry.istio.io", "Telemetry"): telemetry,
    ("extensions.istio.io", "WasmPlugin"): wasm_plugin,
    ("extensions.istio.io", "TrafficExtension"): traffic_extension,
}
Judged = tuple[tuple[Manifest, Fault], ...]


def field_faults(mesh: Mesh) -> Judged:
    """Each manifest with each of its faults."""
    if "field faults" not in mesh.memo:
        definitions = served(m.body for m in mesh.manifests if m.body.get("kind") == "CustomResourceDefinition")
        mesh.memo["field faults"] = tuple((m, f) for m in mesh.manifests for f in faults_of(m, definitions))
    found: Judged = mesh.memo["field faults"]
    return found


def faults_of(manifest: Manifest, definitions: dict[tuple[str, str], Definition] | None = None) -> Iterator[Fault]:
    """What its schema refuses, one a field, then what istiod says of the rest; of applied ones the latter only."""
    told: dict[str, Fault] = {}
    for fault in () if manifest.is_applied else schema_faults(manifest.body, definitions):
        told.setdefault(fault.path, fault)
    yield from told.values()
    group, _, kind = named(manifest.body)
    judge = JUDGES.get((group, kind))
    seen = set()
    body = Field(manifest.body)
    for fault in (*bad_annotations(body), *judge(body)) if judge else ():
        if not _is_said(fault, told) and (fault.path, fault.says) not in seen:
            seen.add((fault.path, fault.says))
            yield fault


def _is_said(fault: Fault, told: dict[str, Fault]) -> bool:
    """Whether the schema already refuses the field, a part of it, or what it is part of."""
    for path, other in told.items():
        if path == fault.path or _within(path, fault.path):
            return True
        if _within(fault.path, path) and (other.broken or _is_meant(fault.path.removeprefix(path), other)):
            return True
    return False


def _within(inner: str, outer: str) -> bool:
    return inner.startswith((f"{outer}.", f"{outer}["))


def _is_meant(rest: str, rule: Fault) -> bool:
    """Whether a rule over several fields, by its words, is about this one: `rest` is the way from there to the field."""
    steps = [s for s in re.split(r"[.\[\]]+", rest) if s]
    return len(steps) <= 2 and (rule.path != "spec" or steps[0].lower() in rule.quote.lower())
