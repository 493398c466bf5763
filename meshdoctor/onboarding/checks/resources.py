"""What containers ask for and may use."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.model.containers import Container
from meshdoctor.model.findings import Evidence
from meshdoctor.model.subject import Subject
from meshdoctor.model.text import counted
from meshdoctor.model.workloads import Pod
from meshdoctor.onboarding.outcome import Outcome, breaks, holds, skips
from meshdoctor.onboarding.registry import check
from meshdoctor.onboarding.scope import Scope
from probes.registry import get


@check(
    "19",
    "Requests and limits are set",
    weight="warning",
    problems=("PRX-001", "PRX-006"),
    do="Set requests for CPU and memory and a memory limit, for the application and (by annotation) for istio-proxy.",
    before=True,
)
def resources_set(scope: Scope) -> Iterator[Outcome]:
    """Every container of applications and every proxy requests CPU and memory and has a memory limit."""
    units = scope.applications
    if not units and not scope.proxies:
        yield skips("no workload is there")
        return
    lacking = 0
    for unit in units:
        for container in unit.template.spec.containers:
            if container.name != "istio-proxy" and (missing := _missing(container)):
                lacking += 1
                says = f"{unit.subject.kind} {unit.subject.name}: {container.name} has no {', '.join(missing)}"
                yield breaks(says, Evidence(says, str(unit.subject), f"resources of {container.name}", get(unit.subject)))
    bare: dict[Subject, tuple[Pod, list[str]]] = {}
    for pod in scope.proxies:
        if pod.proxy is not None and (missing := _missing(pod.proxy)):
            bare.setdefault(scope.mesh.owner(pod), (pod, missing))
    for owner, (pod, missing) in list(bare.items())[:3]:
        says = f"istio-proxy of {owner.name} has no {', '.join(missing)}"
        yield breaks(says, Evidence(says, str(pod.subject), "resources of istio-proxy", get(pod)))
    if not lacking and not bare:
        both = f"{counted(len(units), 'workload')} and {counted(len(scope.proxies), 'proxy', 'proxies')}"
        yield holds(f"{both} have requests and a memory limit")


def _missing(container: Container) -> list[str]:
    wanted = ((container.resources.requests, "cpu", "CPU request"), (container.resources.requests, "memory", "memory request"))
    missing = [words for said, name, words in wanted if name not in said]
    return missing if "memory" in container.resources.limits else [*missing, "memory limit"]
