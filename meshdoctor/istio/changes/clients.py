"""Who sends requests: the namespaces with sidecars, and how a set of them is said."""

from __future__ import annotations

from collections.abc import Iterable

from meshdoctor.istio.workloads import injected_pods, is_gateway
from meshdoctor.model.mesh import Mesh


def clients(*meshes: Mesh) -> tuple[str, ...]:
    """The namespaces that have pods with a sidecar in any of these snapshots."""
    found = {p.namespace for m in meshes for p in injected_pods(m) if not is_gateway(p)}
    return tuple(sorted(found))


def sidecars(some: Iterable[str], everybody: Iterable[str], most: int = 4) -> str:
    """`sidecars of bank and shop`, or `all sidecars`."""
    names = sorted(some)
    if len(names) > 1 and set(names) >= set(everybody):
        return "all sidecars"
    if len(names) > most:
        return f"sidecars of {', '.join(names[: most - 1])} and {len(names) - most + 1} more namespaces"
    return f"sidecars of {' and '.join([', '.join(names[:-1]), names[-1]] if len(names) > 1 else names)}"
