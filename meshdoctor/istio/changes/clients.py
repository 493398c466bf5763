"""Who sends requests: the namespaces with proxies, and how a set of them is said."""

from __future__ import annotations

from collections.abc import Iterable

from meshdoctor.istio.workloads import injected_pods, is_gateway
from meshdoctor.model.mesh import Mesh

MOST = 4  # namespaces that are named


def sidecar_namespaces(*meshes: Mesh) -> tuple[str, ...]:
    """The namespaces that have pods with a sidecar in any of these snapshots."""
    return tuple(sorted({p.namespace for m in meshes for p in injected_pods(m) if not is_gateway(p)}))


def proxy_namespaces(*meshes: Mesh) -> tuple[str, ...]:
    """Those of gateways too: they choose destinations as sidecars do."""
    return tuple(sorted({p.namespace for m in meshes for p in injected_pods(m)}))


def said_of(what: str, some: Iterable[str], everybody: Iterable[str]) -> str:
    """`sidecars of bank and shop`, or `all sidecars`."""
    names = sorted(some)
    if len(names) > 1 and set(names) >= set(everybody):
        return f"all {what}"
    if len(names) > MOST:
        return f"{what} of {', '.join(names[: MOST - 1])} and {len(names) - MOST + 1} more namespaces"
    return f"{what} of {' and '.join([', '.join(names[:-1]), names[-1]] if len(names) > 1 else names)}"
