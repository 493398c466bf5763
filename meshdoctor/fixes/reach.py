"""Whom a change touches: what workloads would notice, as the two snapshots tell, and which pods would restart."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from meshdoctor.fixes.plan import Plan
from meshdoctor.istio.changes.every import effects
from meshdoctor.istio.workloads import is_live
from meshdoctor.model.kinds import WORKLOADS, kind_of
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Unseen
from meshdoctor.model.subject import Subject
from meshdoctor.model.text import plain
from meshdoctor.model.workloads import HorizontalPodAutoscaler, Pod

MOST = 6  # lines of effects


def reach(mesh: Mesh, plan: Plan) -> tuple[str, ...]:
    """Who would notice, worst first, in words; what could not be told is said."""
    try:
        return (*_pods(mesh, plan), *_effects(mesh, plan))
    except Unseen as unseen:
        return (f"unknown: {unseen}",)


def _pods(mesh: Mesh, plan: Plan) -> Iterator[str]:
    target, before, after = plan.target, plan.before or {}, plan.after or {}
    if target.kind == "Namespace":
        running = sum(map(is_live, mesh[Pod].within(target.name)))
        yield f"namespace {target.name}: {running} running pods stay as they are until they are made anew"
    if target.kind == "Pod":
        yield f"pod {target.name} ends; what owns it makes another"
    if target.kind in {k.KIND for k in WORKLOADS}:
        old, new = before.get("spec", {}), after.get("spec", {})
        pods = [p for p in mesh[Pod].within(target.namespace) if is_live(p) and mesh.owner(p) == target]
        if old.get("template") != new.get("template"):
            yield f"{len(pods)} pods of {target} are replaced, one after the other"
        if old.get("replicas", 1) != new.get("replicas", 1):
            yield f"{target} goes from {old.get('replicas', 1)} to {new.get('replicas', 1)} replicas"
            yield from _autoscaled(mesh, target)


def _autoscaled(mesh: Mesh, target: Subject) -> Iterator[str]:
    for scaler in mesh[HorizontalPodAutoscaler].within(target.namespace):
        reference = scaler.spec.scale_target_ref
        if (reference.get("kind"), reference.get("name")) == (target.kind, target.name):
            yield f"the autoscaler {scaler.name} may set the number of replicas anew"


def _effects(mesh: Mesh, plan: Plan) -> Iterator[str]:
    """What differs between the mesh as it is and as it would be, for objects whose effects are known."""
    after = _after(mesh, plan)
    if after is None:
        return
    found, blind = effects(mesh, after)
    for change in found[:MOST]:
        yield f"{change.about} {change.effect}: {change.says}"
    if len(found) > MOST:
        yield f"and {len(found) - MOST} more"
    yield from (f"not compared: {b.about} ({b.reason})" for b in blind)


def _after(mesh: Mesh, plan: Plan) -> Mesh | None:
    thing = plan.after or plan.before or {}
    kind = kind_of(str(thing.get("apiVersion", "")), str(thing.get("kind", "")))
    if kind is None or kind.GROUP in ("", "apps", "batch", "autoscaling", "policy", "admissionregistration.k8s.io"):
        return None
    if plan.after is not None:
        return mesh.overlaid([msgspec.convert(plan.after, kind, strict=False)])
    return mesh.replaced((kind,), lambda o: None if o.subject == plan.target else o)


def shown(lines: tuple[str, ...]) -> tuple[str, ...]:
    """The lines as they may be printed."""
    return tuple(plain(line, 300) for line in lines)
