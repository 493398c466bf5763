"""Services and labels: what tells the mesh protocols, applications and versions."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.protocols import declared
from meshdoctor.model.cluster import Service
from meshdoctor.model.findings import Evidence
from meshdoctor.model.text import counted
from meshdoctor.onboarding.outcome import Outcome, breaks, holds, skips
from meshdoctor.onboarding.registry import check
from meshdoctor.onboarding.scope import Scope
from probes.registry import get, quote

APP = ("app.kubernetes.io/name", "app", "service.istio.io/canonical-name")
VERSION = ("app.kubernetes.io/version", "version", "service.istio.io/canonical-revision")


@check(
    "9",
    "Service ports name their protocol",
    weight="warning",
    problems=("RT-008", "RT-013"),
    do="Name the port http, grpc, tcp-..., or set appProtocol.",
    before=True,
)
def ports_named(scope: Scope) -> Iterator[Outcome]:
    """Every port of its Services declares a protocol by name or appProtocol."""
    ports = [(s, i, p) for s in scope.mesh[Service].within(scope.name) if s.spec.selector for i, p in enumerate(s.spec.ports)]
    if not ports:
        yield skips("no Service selects pods here")
        return
    silent = [(s, i, p) for s, i, p in ports if not declared(p)]
    for service, index, port in silent[:4]:
        at = f"spec.ports[{index}]"
        yield breaks(
            f"port {port.port} of Service {service.name} declares no protocol (name {port.name or 'none'!r})",
            quote(service, at, f"name: {port.name or 'none'}"),
            problem="RT-008",
        )
    udp = [(s, p) for s, _, p in ports if p.protocol == "UDP"]
    if udp:
        names = ", ".join(f"{s.name}:{p.port}" for s, p in udp)
        yield breaks(f"UDP goes past the mesh: {names}", quote(udp[0][0], "spec.ports", "UDP"), problem="PR-006")
    if not silent:
        command = f"kubectl -n {scope.name} get services -o yaml"
        says = f"{counted(len(ports), 'port')}, each with its protocol"
        yield holds(says, Evidence(says, f"Services of {scope.name}", "", command))


@check(
    "11",
    "Labels app and version on pod templates",
    weight="warning",
    problems=("RT-003",),
    do="Add app.kubernetes.io/name (or app) and version to the labels of the pod template.",
    before=True,
)
def labelled(scope: Scope) -> Iterator[Outcome]:
    """Every pod template says which application it is, and in which version: what telemetry and subsets go by."""
    units = scope.applications
    if not units:
        yield skips("no workload of an application is there")
        return
    lacking = 0
    for unit in units:
        labels = unit.template.metadata.labels
        missing = [word for word, names in (("app", APP), ("version", VERSION)) if not any(labels.get(n) for n in names)]
        if missing:
            lacking += 1
            shown = Evidence(f"labels of {unit.subject.name}", str(unit.subject), str(dict(labels)), get(unit.subject))
            yield breaks(f"{unit.subject} has no label {' and '.join(missing)}", shown)
    if not lacking:
        first = units[0]
        shown = Evidence("labels of a pod template", str(first.subject), str(first.template.metadata.labels), get(first.subject))
        yield holds(f"{counted(len(units), 'workload')} with app and version", shown)
