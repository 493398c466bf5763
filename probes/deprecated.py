"""What later releases of Istio will not know: API versions, annotations and fields."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from meshdoctor.istio.annotations import known
from meshdoctor.istio.injection import INJECT
from meshdoctor.model.kinds import WORKLOADS
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import (
    DestinationRule,
    Gateway,
    NetworkingObject,
    ServiceEntry,
    Sidecar,
    VirtualService,
    WorkloadEntry,
)
from probes.annotations import KINDS, annotated, place
from probes.registry import Draft, fail, probe, quote

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
OLD_VERSION = re.compile(r"(networking\.istio\.io/v1alpha3|rbac\.istio\.io/\S+|authentication\.istio\.io/\S+)")
WITH_V1: tuple[type[NetworkingObject], ...] = (VirtualService, DestinationRule, Gateway, ServiceEntry, Sidecar, WorkloadEntry)


@probe("UP-004", needs=(*WITH_V1, *KINDS, *WORKLOADS))
def deprecated(mesh: Mesh) -> Iterator[Draft]:
    """An object is kept in an API version, or has an annotation or a field, that Istio is going to drop."""
    yield from _versions(mesh)
    yield from _fields(mesh)
    yield from _annotations(mesh)
    yield from _in_templates(mesh)


def _versions(mesh: Mesh) -> Iterator[Draft]:
    for kind in WITH_V1:
        for thing in mesh[kind]:
            found = OLD_VERSION.search(_applied_as(thing.annotations.get(LAST_APPLIED, "")))
            if found:
                at = f"metadata.annotations[{LAST_APPLIED}]"
                says = f"it was applied as {found[0]}: later releases will not know that version"
                yield fail(thing, says, at=at, evidence=(quote(thing, at, f"apiVersion: {found[0]}"),), codes=())


def _applied_as(text: str) -> str:
    try:
        applied = json.loads(text) if text else {}
    except ValueError:
        return ""
    return str(applied.get("apiVersion", "")) if isinstance(applied, dict) else ""


def _fields(mesh: Mesh) -> Iterator[Draft]:
    for virtual_service in mesh[VirtualService]:
        for i, rule in enumerate(virtual_service.spec.http):
            if rule.fault and rule.fault.delay and rule.fault.delay.percent:
                at = f"spec.http[{i}].fault.delay.percent"
                yield fail(virtual_service, "fault.delay.percent is deprecated: use percentage", at=at, codes=("IST0002",))
    for sidecar in mesh[Sidecar]:
        policy = sidecar.spec.outbound_traffic_policy
        if policy and policy.egress_proxy:
            at = "spec.outboundTrafficPolicy.egressProxy"
            yield fail(sidecar, "egressProxy is deprecated", at=at, codes=("IST0002",))


def _annotations(mesh: Mesh) -> Iterator[Draft]:
    for thing, name, value, found in annotated(mesh):
        if found is not None and found.deprecated and not (name == INJECT and INJECT in thing.labels):
            proof = (quote(thing, place(name), value),)
            yield fail(thing, f"annotation {name} is deprecated", at=place(name), evidence=proof, codes=("IST0135",))


def _in_templates(mesh: Mesh) -> Iterator[Draft]:
    for workload in (w for kind in WORKLOADS for w in mesh[kind]):
        meta = workload.template.metadata
        for name, value in meta.annotations.items():
            found = known().get(name)
            if found is not None and found.deprecated and name != INJECT:
                at = f"spec.template.{place(name)}"
                says = f"annotation {name} of its pods is deprecated"
                yield fail(workload, says, at=at, evidence=(quote(workload, at, value),), codes=())
