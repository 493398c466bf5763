"""WorkloadGroups: templates of workloads outside the cluster."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.model.cluster import ServiceAccount
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.proxies import WorkloadGroup
from meshdoctor.model.workloads import Pod
from probes.registry import Draft, fail, probe, quote


@probe(
    "MD5115",
    over=WorkloadGroup,
    needs=(WorkloadGroup, ServiceAccount, Pod),
    codes=("KIA1701",),
    title="The ServiceAccount of a WorkloadGroup does not exist",
    severity="low",
)
def account_of_group_missing(mesh: Mesh, group: WorkloadGroup) -> Iterator[Draft]:
    """Workloads of a group get their identity from its ServiceAccount: without it they cannot join."""
    name = group.spec.template.service_account
    if not name or mesh[ServiceAccount].get(group.namespace, name) is not None:
        return
    if not any(p.service_account == name for p in mesh[Pod].within(group.namespace)):
        at = "spec.template.serviceAccount"
        yield fail(
            group,
            f"there is no ServiceAccount {name} in {group.namespace}",
            at=at,
            evidence=(quote(group, at, name),),
            lacking=(ServiceAccount,),
        )


@probe(
    "MD5116",
    needs=(WorkloadGroup,),
    codes=("KIA1702",),
    title="Two WorkloadGroups give their workloads the same labels",
    severity="low",
)
def groups_alike(mesh: Mesh) -> Iterator[Draft]:
    """Two groups of a namespace have the same labels: a selector cannot tell their workloads apart."""
    alike: dict[tuple[str, frozenset[tuple[str, str]]], list[WorkloadGroup]] = {}
    for group in mesh[WorkloadGroup]:
        if labels := group.spec.metadata.labels:
            alike.setdefault((group.namespace, frozenset(labels.items())), []).append(group)
    for those in alike.values():
        for group in those if len(those) > 1 else ():
            others = [g for g in those if g is not group]
            says = f"{', '.join(str(g.subject) for g in others)} has the same labels"
            at = "spec.metadata.labels"
            yield fail(group, says, at=at, evidence=(quote(group, at, dict(group.spec.metadata.labels)),), also=others)
