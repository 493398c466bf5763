"""Where pods may run: what a spread over nodes can be judged by."""

from __future__ import annotations

from meshdoctor.model.cluster import Node
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.workloads import Pod, Toleration


def schedulable_nodes(mesh: Mesh, pod: Pod) -> tuple[Node, ...]:
    """The nodes that a pod may be scheduled on: ready, not cordoned, selected, and without taints it does not tolerate."""
    return tuple(n for n in mesh[Node] if _may_run(n, pod))


def _may_run(node: Node, pod: Pod) -> bool:
    if node.spec.unschedulable or not pod.spec.node_selector.items() <= node.labels.items():
        return False
    ready = next((c for c in node.status.conditions if c.type == "Ready"), None)
    if ready is not None and ready.status != "True":
        return False
    hard = [t for t in node.spec.taints if t.effect in {"NoSchedule", "NoExecute"}]
    return all(any(_tolerates(o, t.key, t.value, t.effect) for o in pod.spec.tolerations) for t in hard)


def _tolerates(toleration: Toleration, key: str, value: str, effect: str) -> bool:
    if toleration.effect and toleration.effect != effect:
        return False
    if toleration.operator == "Exists":
        return toleration.key in ("", key)
    return toleration.key == key and toleration.value == value
