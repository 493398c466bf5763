"""Sidecar objects that compete for one workload, or that nothing reads."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.age import by_age
from meshdoctor.istio.selecting import SELECTABLE, carrying, is_ambient, is_ambient_namespace, labels_of, selected
from meshdoctor.model.cluster import Namespace
from meshdoctor.model.findings import Severity
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import Sidecar
from probes.registry import Draft, fail, probe, quote

AT = "spec.workloadSelector"


@probe(
    "MD5011",
    needs=(Sidecar, Namespace, *SELECTABLE),
    title="Several Sidecar objects compete for one workload",
    severity="medium",
)
def sidecars_compete(mesh: Mesh) -> Iterator[Draft]:
    """Two Sidecars of a namespace have no selector, or select the same workload: only the oldest counts."""
    table = mesh[Sidecar]
    for namespace in sorted(table.namespaces):
        every = sorted(table.within(namespace), key=by_age)
        if len(every) < 2 or is_ambient_namespace(mesh, namespace):
            continue
        whole = [s for s in every if not labels_of(s)]
        if len(whole) > 1:
            codes = ("IST0111", "KIA0002") if next(carrying(mesh, namespace, {}), None) else ("IST0111",)
            for each in whole:
                how = f"all of namespace {namespace} together with {_others(each, whole)}"
                yield _one_of_several(each, whole[0], how, codes)
        yield from _on_one_workload(mesh, namespace, [s for s in every if labels_of(s)])


def _on_one_workload(mesh: Mesh, namespace: str, narrow: list[Sidecar]) -> Iterator[Draft]:
    by_workload: dict[str, list[Sidecar]] = {}
    for each in narrow if len(narrow) > 1 else ():
        for carrier in carrying(mesh, namespace, labels_of(each)):
            by_workload.setdefault(str(carrier.thing.subject), []).append(each)
    told = set()
    for workload, those in by_workload.items():
        for each in those if len(those) > 1 else ():
            if each.name not in told:
                told.add(each.name)
                yield _one_of_several(each, those[0], f"{workload} together with {_others(each, those)}", ("IST0110", "KIA0003"))


def _others(one: Sidecar, those: list[Sidecar]) -> str:
    return ", ".join(s.name for s in those if s is not one)


def _one_of_several(one: Sidecar, oldest: Sidecar, how: str, codes: tuple[str, ...]) -> Draft:
    says = f"holds for {how}: {'it is the oldest and counts' if one is oldest else f'{oldest.name} is older and counts'}"
    severity: Severity | None = "info" if one is oldest else None
    return fail(one, says, at=AT, evidence=[quote(one, AT)], also=[oldest], codes=codes, severity=severity)


@probe(
    "MD5012",
    over=Sidecar,
    needs=(Sidecar, Namespace, *SELECTABLE),
    title="Sidecar object in ambient mode",
    codes=("IST0167",),
    severity="low",
)
def sidecar_in_ambient(mesh: Mesh, sidecar: Sidecar) -> Iterator[Draft]:
    """A Sidecar holds for workloads in ambient mode, which have no sidecar that would read it."""
    labels = labels_of(sidecar)
    if labels:
        found = next((c for c in selected(mesh, sidecar) if is_ambient(mesh, c)), None)
        who = str(found.thing.subject) if found else ""
    else:
        who = f"namespace {sidecar.namespace}" if only_ambient(mesh, sidecar.namespace) else ""
    if who:
        yield fail(sidecar, f"holds for {who}, which is in ambient mode and has no sidecar", at=AT, evidence=[quote(sidecar, AT)])


def only_ambient(mesh: Mesh, namespace: str) -> bool:
    """Whether a namespace is in ambient mode and asks for no sidecars beside it."""
    found = mesh[Namespace].get("", namespace)
    return found is not None and is_ambient_namespace(mesh, namespace) and not _also_injected(found)


def _also_injected(namespace: Namespace) -> bool:
    return namespace.labels.get("istio-injection") == "enabled" or "istio.io/rev" in namespace.labels
