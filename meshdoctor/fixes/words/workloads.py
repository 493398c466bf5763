"""Workloads: what their templates say, and how much the proxy may use."""

from __future__ import annotations

import re
from typing import Any

import yaml

from meshdoctor.fixes.case import Case, NoRemedy, word
from meshdoctor.model.kinds import WORKLOADS
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Pod

ANNOTATIONS = "spec.template.metadata.annotations"
PROXY_CONFIG = f"{ANNOTATIONS}[proxy.istio.io/config]"
UNITS = {"": 1, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "k": 10**3, "M": 10**6, "G": 10**9}
LEAST_MEMORY, LEAST_CPU = 512 << 20, 500


def _bytes(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(Ki|Mi|Gi|k|M|G)?", text.strip())
    if match is None:
        raise NoRemedy(f"{text!r} is no amount of memory.")
    return int(float(match[1]) * UNITS[match[2] or ""])


@word
def proxy_memory_limit(case: Case) -> str:
    """Twice the memory that the proxy has, half a gigabyte at least."""
    said = case.at(f"{ANNOTATIONS}[sidecar.istio.io/proxyMemoryLimit]") or _of_a_pod(case, "memory")
    return f"{max(2 * _bytes(str(said)), LEAST_MEMORY) >> 20}Mi"


@word
def proxy_memory(case: Case) -> str:
    """What the proxy asks for: a quarter of its limit."""
    return f"{_bytes(proxy_memory_limit(case)) >> 22}Mi"


def _of_a_pod(case: Case, resource: str) -> str:
    """The limit of a running proxy of the workload."""
    for pod in case.mesh[Pod].within(case.subject.namespace):
        if case.mesh.owner(pod) == case.subject and pod.proxy is not None:
            return str(pod.proxy.resources.limits.get(resource, "0"))
    return "0"


@word
def proxy_cpu_limit(case: Case) -> str:
    """Twice the processor time that the proxy has."""
    said = str(case.at(f"{ANNOTATIONS}[sidecar.istio.io/proxyCPULimit]") or _of_a_pod(case, "cpu"))
    milli = int(said[:-1]) if said.endswith("m") and said[:-1].isdigit() else int(float(said) * 1000)
    return f"{max(2 * milli, LEAST_CPU)}m"


@word
def istiod_memory(case: Case) -> list[Any]:
    """istiod's containers, with twice the memory for discovery."""
    containers: list[dict[str, Any]] = list(case.at("spec.template.spec.containers") or [])
    found = next((c for c in containers if c.get("name") == "discovery"), None)
    if found is None:
        raise NoRemedy("It has no container discovery.")
    resources: dict[str, Any] = dict(found.get("resources") or {})
    limits, requests = dict(resources.get("limits") or {}), dict(resources.get("requests") or {})
    now = max(_bytes(str(limits.get("memory", "0"))), _bytes(str(requests.get("memory", "0"))))
    if not now:
        raise NoRemedy("It has neither a request nor a limit of memory.")
    doubled = f"{(2 * now) >> 20}Mi"
    made = {
        **found,
        "resources": {
            **resources,
            "requests": {**requests, "memory": doubled},
            **({"limits": {**limits, "memory": doubled}} if "memory" in limits else {}),
        },
    }
    return [made if c is found else c for c in containers]


@word
def config_without_address(case: Case) -> str:
    """The workload's proxy config without an address of its own for istiod, so that the injector's counts."""
    said = yaml.safe_load(str(case.at(PROXY_CONFIG) or "")) or {}
    if not isinstance(said, dict) or "discoveryAddress" not in said:
        raise NoRemedy("Its template sets no discoveryAddress.")
    kept = {k: v for k, v in said.items() if k != "discoveryAddress"}
    return yaml.safe_dump(kept, sort_keys=False) if kept else "{}"


@word
def config_with_hold(case: Case) -> str:
    """The workload's proxy config, with the application held until the proxy has started."""
    said = yaml.safe_load(str(case.at(PROXY_CONFIG) or "")) or {}
    if not isinstance(said, dict):
        raise NoRemedy("Its proxy config is no map.")
    return yaml.safe_dump({**said, "holdApplicationUntilProxyStarts": True}, sort_keys=False)


@word
def scaled_to_zero(case: Case) -> bool:
    """Whether somebody set it to no replica."""
    if int(_replicas(case)) != 0:
        raise NoRemedy("It is not scaled to 0.")
    return True


def _replicas(case: Case) -> int:
    for kind in WORKLOADS:
        if case.subject.kind == kind.KIND:
            return case.the(kind).desired
    raise NoRemedy("It has no replicas.")


@word
def app(case: Case) -> str:
    """The label `app` of the workload's pods."""
    for pod in case.mesh[Pod].within(case.subject.namespace):
        if case.mesh.owner(pod) == case.subject and "app" in pod.labels:
            return pod.labels["app"]
    raise NoRemedy("Its pods carry no label app.")


@word
def its_namespace(case: Case) -> Subject:
    """The namespace of the finding's subject, as the object to change."""
    return Subject("", "Namespace", "", case.subject.namespace)


@word
def only_workload(case: Case) -> Subject:
    """The one workload that the finding is about beside its namespace."""
    found = {s for s in case.finding.also if s.kind in {k.KIND for k in WORKLOADS}}
    if len(found) != 1:
        raise NoRemedy(f"{len(found)} workloads are left: restart them one after the other.")
    return next(iter(found))
