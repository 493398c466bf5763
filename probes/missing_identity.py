"""Policies that ask who the caller is, and callers that show no identity."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.authorization.identity import identity_fields
from meshdoctor.istio.authorization.logged import SILENCE, told
from meshdoctor.istio.mtls_status import MtlsStatus
from meshdoctor.istio.mtls_wide import identity_status
from meshdoctor.istio.workloads import asked_pods, workload_name
from meshdoctor.model.cluster import Service
from meshdoctor.model.envoy import AccessLogEntry, Envoy
from meshdoctor.model.findings import HINT, Evidence, Harm
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.security import AuthorizationPolicy
from meshdoctor.model.subject import Subject
from meshdoctor.model.text import counted
from meshdoctor.model.workloads import Pod
from probes.authorization import DECIDING, denials, log_command, silent
from probes.registry import Draft, fail, probe, quote

Refused = list[tuple[Pod, AccessLogEntry, Pod, str]]  # server, line, caller, path of the field


@probe("AZ-003", over=AuthorizationPolicy, needs=(AuthorizationPolicy, Pod, Envoy, Service, *DECIDING))
def identity_without_mtls(mesh: Mesh, policy: AuthorizationPolicy) -> Iterator[Draft]:
    """A policy asks who the caller is, and callers come without mutual TLS, which alone would tell."""
    paths = () if policy.spec.targets else identity_fields(policy)
    yield from _refused_callers(mesh, policy)
    status = identity_status(mesh, policy) if paths else MtlsStatus.ENABLED
    if status is MtlsStatus.ENABLED:
        return
    partly = status is MtlsStatus.PARTIALLY_ENABLED
    how = "only in part" if partly else "not"
    for at in paths:
        field = at.rpartition(".")[2]
        says = f"{field} asks for an identity, and mutual TLS is {how} used towards the workloads it selects"
        yield fail(policy, says, at=at, severity="medium" if partly else None, confidence=HINT if partly else None)


def _refused_callers(mesh: Mesh, policy: AuthorizationPolicy) -> Iterator[Draft]:
    found = _without_identity(mesh).get(policy.subject, [])
    by_caller: dict[str, Refused] = {}
    for each in found:
        by_caller.setdefault(workload_name(mesh, each[2]), []).append(each)
    for name, lines in by_caller.items():
        server, entry, client, at = lines[-1]
        why = "has no sidecar" if client.proxy is None else "calls in plain text"
        says = f"asks for an identity, and {name}, which {workload_name(mesh, server)} refuses, {why}: it shows none"
        words = f"{entry.code} {entry.details or entry.connection_details} {entry.path} from {entry.downstream_remote}"
        evidence = [
            Evidence(
                f"{counted(len(lines), 'request')} of {name} refused", f"access log of {server.name}", words, log_command(server)
            ),
            quote(policy, at),
        ]
        yield fail(policy, says, at=at, evidence=evidence, harm=Harm((name,)), also=[mesh.owner(client), mesh.owner(server)])


def _without_identity(mesh: Mesh) -> dict[Subject, Refused]:
    """Requests that an ALLOW policy refuses for the lack of any identity, by that policy. Found once a snapshot."""
    asked = asked_pods(mesh)
    known: dict[Subject, Refused] | None = mesh.memo.get("refused without identity")
    if known is None:
        known = {}
        for pod, _ in asked:
            for entry in denials(mesh, pod, SILENCE):
                what, near = told(mesh, entry, pod), silent(mesh, pod, entry)
                if near is None or what.client is None or what.request.principal != "":
                    continue
                fields = {m.path for m in near.misses if m.path.startswith(identity_fields(near.policy) or "-")}
                is_newer = near.policy.changed is None or entry.time is None or entry.time > near.policy.changed
                if fields and is_newer:
                    known.setdefault(near.policy.subject, []).append((pod, entry, what.client, min(fields)))
        mesh.memo["refused without identity"] = known
    return known
