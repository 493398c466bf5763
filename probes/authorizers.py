"""External authorizers of CUSTOM policies: whether there is somebody to ask."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.authorization.logged import AUTHORIZER
from meshdoctor.istio.authorization.providers import Provider, name_of, provider_of, trouble
from meshdoctor.istio.authorization.scope import covered
from meshdoctor.istio.rates import per_second
from meshdoctor.istio.workloads import services_of, workload_name
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import EndpointSlice, Service
from meshdoctor.model.envoy import AccessLogEntry, Envoy
from meshdoctor.model.findings import Evidence, Harm
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import ServiceEntry
from meshdoctor.model.security import AuthorizationPolicy
from meshdoctor.model.subject import Subject
from meshdoctor.model.text import counted
from meshdoctor.model.workloads import Pod
from probes.authorization import log_command
from probes.registry import Draft, fail, probe, quote

SHOW = "kubectl -n {} get configmap istio -o yaml"
Failed = list[tuple[Pod, AccessLogEntry]]


@probe("AZ-010", over=AuthorizationPolicy, needs=(AuthorizationPolicy, Service, ServiceEntry, EndpointSlice, Pod, Envoy))
def nobody_to_ask(mesh: Mesh, policy: AuthorizationPolicy) -> Iterator[Draft]:
    """A CUSTOM policy's provider is not in the mesh config, has no endpoint, or fails to answer: requests are refused."""
    if policy.spec.action != "CUSTOM" or policy.is_dry_run or not policy.spec.rules:
        return
    name = name_of(policy)
    wrong, provider = trouble(mesh, name), provider_of(mesh, name)
    failed = _failing(mesh, policy, "deny-due-to-bad-CUSTOM-action" if wrong else "ext_authz_error")
    evidence = [quote(policy, "spec.provider.name", name)]
    also: list[KubernetesObject | Subject] = [r.origin for r in provider.found] if provider else []
    if wrong:
        says = f"{wrong}: its rules deny all that they match"
        evidence.append(Evidence(wrong, "MeshConfig extensionProviders", "", SHOW.format(mesh.mesh_config.root_namespace)))
    elif provider is not None and (empty := _without_endpoint(mesh, provider)) is not None:
        does = "lets everything pass (failOpen)" if provider.fails_open else "is refused"
        says = f"its authorizer {empty.namespace}/{empty.name} has no ready endpoint: what the policy matches {does}"
        command = f"kubectl -n {empty.namespace} get endpointslice -l kubernetes.io/service-name={empty.name}"
        evidence.append(Evidence(f"{empty.subject} has no ready endpoint", str(empty.subject), "", command))
    elif failed:
        says = f"its authorizer {provider.service if provider else name} does not answer"
        evidence += [quote(r.origin) for r in provider.found] if provider else []
    else:
        return
    covered = dict.fromkeys(p for p, _ in failed)
    also += [*dict.fromkeys(mesh.owner(p) for p in covered), *(s for p in covered for s in services_of(mesh, p))]
    yield fail(policy, says, at="spec.provider", evidence=evidence + _shown(failed), harm=_harm(mesh, failed), also=also)


def _without_endpoint(mesh: Mesh, provider: Provider) -> Service | None:
    """The provider's Service where none of its endpoints is ready."""
    for found in provider.found:
        service = found.origin
        if not isinstance(service, Service) or not service.spec.selector:
            continue
        ready = any(e.is_ready for s in mesh.slices_of(service) for e in s.endpoints or ())
        if not ready:
            return service
    return None


def _failing(mesh: Mesh, policy: AuthorizationPolicy, words: str) -> Failed:
    """Requests of the last minute, at proxies that the policy covers, which were not decided but failed."""
    found = []
    for pod in covered(mesh, policy):
        envoy = mesh.envoy(pod)
        if envoy is None or not envoy.has("logs"):
            continue
        for entry in envoy.logs.access:
            is_newer = policy.changed is None or entry.time is None or entry.time > policy.changed
            if is_newer and words in entry.details and (AUTHORIZER.search(entry.details) or "CUSTOM" in words):
                found.append((pod, entry))
    return found


def _shown(failed: Failed) -> list[Evidence]:
    if not failed:
        return []
    pod, entry = failed[-1]
    words = f"{entry.code} {entry.flags} {entry.details} {entry.path}"
    return [Evidence(f"{counted(len(failed), 'request')} failed", f"access log of {pod.name}", words, log_command(pod))]


def _harm(mesh: Mesh, failed: Failed) -> Harm | None:
    if not failed:
        return None
    clients = (mesh.pods_by_ip.get(e.downstream_remote.rpartition(":")[0]) for _, e in failed)
    names = sorted({workload_name(mesh, c) for c in clients if c is not None})
    return Harm(tuple(names), per_second((e.time for _, e in failed), mesh.now, 60.0))
