"""The proxies that told nothing of their traffic: what they send is unknown, and what others are known to send is not all."""

from __future__ import annotations

from meshdoctor.istio.scrapes import window
from meshdoctor.istio.workloads import injected_pods
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Unseen
from meshdoctor.model.workloads import Pod
from meshdoctor.topology import nodes
from meshdoctor.topology.parts import Kind, Node

Pair = tuple[Node, Node]


def blind_spots(mesh: Mesh) -> dict[tuple[str, str], str]:
    """Pods with a proxy that told nothing of their traffic, each with the reason."""
    told = {(e.namespace, e.name): _silence(e) for e in mesh.envoys}
    keys = [(p.namespace, p.name) for p in injected_pods(mesh)]
    return {key: told.get(key, "was not asked") for key in keys if told.get(key, "was not asked")}


def _silence(envoy: Envoy) -> str:
    """Why nothing is known of what a proxy sends; empty where something is."""
    try:
        window(envoy)
        return ""
    except Unseen as why:
        was_asked = envoy.has("scrapes") or "scrapes" in envoy.missing
        if envoy.has("logs") and (envoy.logs.access or not was_asked):
            return ""
        return (why.source.reason or "told nothing") if was_asked else "was not asked"


class Silent:
    """The proxies that told nothing, by the node that they belong to."""

    def __init__(self, mesh: Mesh) -> None:
        self._all = list(blind_spots(mesh).items())
        self._by_node: dict[Node, list[tuple[tuple[str, str], str]]] = {}
        for key, why in self._all:
            pod = mesh[Pod].get(*key)
            if pod is not None:
                self._by_node.setdefault(nodes.of_pod(mesh, pod), []).append((key, why))

    def taking_part(self, pair: Pair) -> list[tuple[tuple[str, str], str]]:
        """Those that may know of an edge: its client's. To a Service's workload, and from outside, anybody may send."""
        is_sender = pair[0].kind in (Kind.WORKLOAD, Kind.GATEWAY)
        return self._by_node.get(pair[0], []) if is_sender else self._all

    def why(self, pair: Pair) -> str:
        """Why an edge has no figures; empty where all proxies that would know them told, or there are none."""
        parts = self.taking_part(pair)
        if not parts:
            return ""
        (namespace, name), reason = parts[0]
        return f"{namespace}/{name}: {reason}" + (f" (and {len(parts) - 1} others)" if len(parts) > 1 else "")
