"""Identities of workloads."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.workloads import by_owner, sidecar_pods
from meshdoctor.model.findings import Evidence
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.workloads import Pod
from probes.registry import Draft, fail, get, probe


@probe("PS-003", needs=(Pod,))
def default_service_account(mesh: Mesh) -> Iterator[Draft]:
    """A workload with a sidecar runs as the default ServiceAccount: policies cannot tell it from others."""
    shared = [p for p in sidecar_pods(mesh) if p.service_account == "default"]
    for owner, pods in by_owner(mesh, shared).items():
        pod = str(pods[0].subject)
        command = f"kubectl -n {owner.namespace} get pod {pods[0].name} -o jsonpath={{.spec.serviceAccountName}}"
        yield fail(
            owner,
            "it runs as the ServiceAccount default of its namespace",
            at="spec.template.spec.serviceAccountName" if owner.kind != "Pod" else "spec.serviceAccountName",
            evidence=(
                Evidence(f"{pod} runs as default", pod, "serviceAccountName: default", command),
                Evidence(f"{owner}", str(owner), "serviceAccountName", get(owner)),
            ),
            also=pods,
        )
