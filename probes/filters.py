"""EnvoyFilters: patches of the proxies' own configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from meshdoctor.istio.nack import reaches
from meshdoctor.istio.selecting import SELECTABLE, is_mesh_wide, labels_of, selected, unknown_workloads
from meshdoctor.istio.sync import proxy_rows
from meshdoctor.istio.workloads import is_gateway
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.envoyfilters import EnvoyConfigObjectPatch, EnvoyFilter
from meshdoctor.model.findings import Evidence, Severity
from meshdoctor.model.istiod import Istiod, ProxySync
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.workloads import Pod
from probes.registry import Draft, fail, probe, quote
from probes.xds import connected

RECENT = timedelta(hours=24)
SHIPPED = re.compile(r"^(tcp-)?(stats-filter|metadata-exchange)-\d")  # Istio's own, before 1.21
RELATIVE = {"INSERT_BEFORE", "INSERT_AFTER", "REPLACE", "REMOVE"}
ROUTES = {"ROUTE_CONFIGURATION", "HTTP_ROUTE"}
PUSHED_WITHIN = timedelta(seconds=5)
INBOUND, GATEWAYS = ("SIDECAR_INBOUND",), ("GATEWAY", "ANY", "")
REPLACEABLE = {"NETWORK_FILTER", "HTTP_FILTER", "VIRTUAL_HOST"}


@probe("EF-001", over=EnvoyFilter, needs=(EnvoyFilter,))
def filter_hits_everything(mesh: Mesh, envoy_filter: EnvoyFilter) -> Iterator[Draft]:
    """An EnvoyFilter in the root namespace selects nothing: one edit of it hits every proxy of the mesh."""
    spec = envoy_filter.spec
    chosen = spec.target_refs or (spec.workload_selector and spec.workload_selector.wanted)
    if envoy_filter.namespace != mesh.mesh_config.root_namespace or chosen or SHIPPED.match(envoy_filter.name):
        return
    recent = envoy_filter.changed is not None and mesh.now - envoy_filter.changed < RECENT
    kinds = ", ".join(dict.fromkeys(p.apply_to for p in spec.config_patches))
    yield fail(
        envoy_filter,
        "it is in the root namespace without workloadSelector or targetRefs: it patches every proxy"
        + (", and it was changed in the last 24 hours" if recent else ""),
        at="spec.workloadSelector",
        evidence=(quote(envoy_filter, "spec.workloadSelector", f"none; it patches {kinds}"),),
        severity="high" if recent else None,
    )


@probe("EF-002", over=EnvoyFilter, needs=(EnvoyFilter, Envoy, Istiod, *SELECTABLE))
def without_effect(mesh: Mesh, envoy_filter: EnvoyFilter) -> Iterator[Draft]:
    """An EnvoyFilter does nothing: it is for no proxy, what it adds is in no listener, or whether it counts is left to chance.

    A patch relative to others without a priority counts only if it comes after them. The order by age is often the
    right one: it is a remark, unless a proxy is seen that was left as it was.
    """
    unused = tuple(_for_nobody(mesh, envoy_filter))
    yield from unused
    idle = _idle(envoy_filter, unused)
    yield from _not_there(mesh, envoy_filter, idle)
    versioned: set[str] = set()
    for index, patch in enumerate(envoy_filter.spec.config_patches):
        if patch.operation in RELATIVE and not _impossible(patch) and not envoy_filter.spec.priority:
            twice = patch.filter_name != "" and patch.filter_name in versioned
            says = f"{patch.operation} depends on what came before, and there is no priority"
            if twice:
                says += f"; an earlier patch of {patch.filter_name} holds for some proxy versions only"
            code = "IST0155" if twice else "IST0151"
            at = f"spec.configPatches[{index}].patch.operation"
            severity: Severity = "low" if index not in idle and _is_missed(mesh, envoy_filter, patch) else "info"
            yield fail(envoy_filter, says, at=at, codes=(code,), severity=severity)
        if patch.proxy_version:
            versioned.add(patch.filter_name)


def _for_nobody(mesh: Mesh, envoy_filter: EnvoyFilter) -> Iterator[Draft]:
    """Its selector matches no workload, or a patch is for proxies of a version that none of its workloads has."""
    wanted = labels_of(envoy_filter)
    if wanted and next(selected(mesh, envoy_filter), None) is None:
        at, words = "spec.workloadSelector.labels", ", ".join(f"{k}={v}" for k, v in wanted.items())
        where = "of the mesh" if is_mesh_wide(mesh, envoy_filter) else f"in {envoy_filter.namespace}"
        says = f"it is for {words}, and no workload {where} has these labels"
        lacking = unknown_workloads(mesh)
        yield fail(envoy_filter, says, at=at, evidence=(quote(envoy_filter, at, words),), codes=(), lacking=lacking)
        return
    versions = {p.version for p in _connected(mesh, envoy_filter) if p.version}
    for index, patch in enumerate(envoy_filter.spec.config_patches if versions else ()):
        if patch.proxy_version and not any(_is_of(patch.proxy_version, v) for v in versions):
            at = f"spec.configPatches[{index}].match.proxy.proxyVersion"
            says = (
                f"the patch is for proxies of version {patch.proxy_version}, and those it is for are {', '.join(sorted(versions))}"
            )
            yield fail(envoy_filter, says, at=at, codes=())


def _idle(envoy_filter: EnvoyFilter, unused: tuple[Draft, ...]) -> frozenset[int]:
    """The patches that are for no proxy: why they do nothing is said."""
    places = [f"spec.configPatches[{i}]." for i in range(len(envoy_filter.spec.config_patches))]
    nowhere = any(d.at.startswith("spec.workloadSelector") for d in unused)
    return frozenset(i for i, place in enumerate(places) if nowhere or any(d.at.startswith(place) for d in unused))


def _connected(mesh: Mesh, envoy_filter: EnvoyFilter) -> Iterator[ProxySync]:
    """The proxies that an EnvoyFilter is for, as istiod knows them."""
    for proxy in connected(mesh):
        pod = mesh[Pod].get(proxy.namespace, proxy.name)
        if pod is not None and reaches(mesh, envoy_filter, pod):
            yield proxy


def _is_of(pattern: str, version: str) -> bool:
    """Whether a version matches, anywhere, as Istio has it; a pattern that cannot be read counts as one that does."""
    try:
        return re.search(pattern, version) is not None
    except re.error:
        return True


def _is_missed(mesh: Mesh, envoy_filter: EnvoyFilter, patch: EnvoyConfigObjectPatch) -> bool:
    """Whether a proxy that was looked into lacks the filter that a patch adds, or has the one that it removes."""
    return any(
        (patch.added_filter and patch.added_filter not in filters) or patch.removed_filter in filters
        for pod, filters in _looked_into(mesh, envoy_filter)
        if _would_show(patch, pod)
    )


def _would_show(patch: EnvoyConfigObjectPatch, pod: Pod) -> bool:
    """Whether what a patch does to filters is seen in what is known of a pod: a gateway's listeners, a sidecar's inbound one."""
    contexts = GATEWAYS if is_gateway(pod) else INBOUND
    return patch.match.context in contexts and not patch.match.listener.get("portNumber")


def _not_there(mesh: Mesh, envoy_filter: EnvoyFilter, idle: frozenset[int]) -> Iterator[Draft]:
    """What a proxy in sync, which took all that it was sent, does not have of what the patches add."""
    if envoy_filter.changed is None or mesh.now - envoy_filter.changed < PUSHED_WITHIN:
        return
    for pod, known in _looked_into(mesh, envoy_filter):
        for index, patch in enumerate(envoy_filter.spec.config_patches):
            name = patch.added_filter
            if name and index not in idle and name not in known and _would_show(patch, pod):
                at = f"spec.configPatches[{index}]"
                command = f"istioctl proxy-config listener {pod.name}.{pod.namespace} -o yaml"
                proof = Evidence(f"{pod.name} has no filter {name}", "/config_dump", "not among its listeners' filters", command)
                says = f"{name} is not in the listeners of {pod.name}: what the patch matches is not there"
                shown = (quote(envoy_filter, at, patch.operation), proof)
                yield fail(envoy_filter, says, at=at, evidence=shown, also=(pod,), codes=())
                return


def _looked_into(mesh: Mesh, envoy_filter: EnvoyFilter) -> Iterator[tuple[Pod, frozenset[str]]]:
    """Proxies that an EnvoyFilter is for and whose filters are known, where they are in sync and refused nothing."""
    for envoy in mesh.envoys:
        refused = envoy.has("rejected") and envoy.rejected_listeners
        pod = mesh[Pod].get(envoy.namespace, envoy.name) if envoy.has("filters") and not refused else None
        if pod is not None and reaches(mesh, envoy_filter, pod) and _is_in_sync(mesh, pod):
            yield pod, envoy.filters


def _is_in_sync(mesh: Mesh, pod: Pod) -> bool:
    return any((r.namespace, r.name, r.state) == (pod.namespace, pod.name, "SYNCED") for r in proxy_rows(mesh))


@probe("EF-003", over=EnvoyFilter, needs=(EnvoyFilter,))
def impossible_operation(mesh: Mesh, envoy_filter: EnvoyFilter) -> Iterator[Draft]:
    """A patch uses an operation that does not exist for what it applies to: it is ignored."""
    for index, patch in enumerate(envoy_filter.spec.config_patches):
        code = _impossible(patch)
        if code:
            says = f"{patch.operation} does nothing to {patch.apply_to}"
            yield fail(envoy_filter, says, at=f"spec.configPatches[{index}].patch.operation", codes=(code,))


def _impossible(patch: EnvoyConfigObjectPatch) -> str:
    """istioctl's code for an operation that its target ignores; empty where it works."""
    if patch.operation == "REPLACE":
        return "" if patch.apply_to in REPLACEABLE else "IST0152"
    if patch.apply_to not in ROUTES:
        return ""
    return {"ADD": "IST0153", "REMOVE": "IST0154"}.get(patch.operation, "")
