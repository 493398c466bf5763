"""Workloads that no AuthorizationPolicy speaks of."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.running import WORKLOADS, workloads
from meshdoctor.istio.selecting import labels_of
from meshdoctor.model.findings import Evidence
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.security import AuthorizationPolicy
from probes.registry import Draft, fail, get, probe

Scope = dict[tuple[str, str] | None, list[dict[str, str]]]


@probe(
    "MD5031",
    needs=(AuthorizationPolicy, *WORKLOADS),
    title="No AuthorizationPolicy covers this workload",
    codes=("KIA1301",),
    severity="info",
)
def workload_not_covered(mesh: Mesh) -> Iterator[Draft]:
    """No AuthorizationPolicy selects a workload that is about to run: it will take what comes.

    A remark for manifests that hold policies: of workloads that run without one, many do so on purpose.
    """
    if not mesh.given(AuthorizationPolicy):
        return
    table = mesh[AuthorizationPolicy]
    root = mesh.mesh_config.root_namespace
    scopes = {n: _by_label(table.within(n)) for n in table.namespaces}
    for workload in workloads(mesh):
        if workload.pods or workload.namespace == root:
            continue
        if not any(_covers(scopes[n], workload.labels) for n in (workload.namespace, root) if n in scopes):
            says = "no AuthorizationPolicy covers it: every caller is let through"
            proof = [Evidence("no policy selects it", str(workload.subject), f"{workload.labels}", get(workload.subject))]
            yield fail(workload.subject, says, at="workload", evidence=proof)


def _by_label(policies: tuple[AuthorizationPolicy, ...]) -> Scope:
    """What policies of one namespace select, by the first label of each; nothing stands for all of the namespace.

    A policy with targetRefs covers what is behind its waypoint or gateway: that is taken for all, too.
    """
    found: Scope = {}
    for policy in policies:
        labels = labels_of(policy)
        found.setdefault(next(iter(labels.items()), None), []).append(labels)
    return found


def _covers(scope: Scope, labels: dict[str, str]) -> bool:
    keys = (None, *labels.items())
    return any(w.items() <= labels.items() for key in keys for w in scope.get(key, ()))
