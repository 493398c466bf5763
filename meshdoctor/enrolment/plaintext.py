"""A real plain-text request to a workload's port: through the API server's proxy, which stands outside the mesh and has no
identity of Istio's. It is a GET of a path of our own, of which nothing that a pod answers is kept.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from meshdoctor.istio.mutual.cells import served
from meshdoctor.istio.mutual.seen import KNOCK
from meshdoctor.istio.workloads import is_live
from meshdoctor.kube.client import ApiClient, Denied
from meshdoctor.model.errors import MeshdoctorError, Unreachable
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.subject import Subject
from meshdoctor.model.text import plain
from meshdoctor.model.workloads import Pod

Outcome = Literal["answered", "refused", "unknown"]
CUT = re.compile(r"connection reset by peer|\bEOF\b|broken pipe")
MOST = 20  # workloads that are knocked at
OF_PROXY = "error trying to reach service"  # the API server's words where the pod, not it, failed
NO_ANSWER = re.compile(r"connection refused|i/o timeout|no route to host|deadline exceeded|Timeout|no such host")


class Door(msgspec.Struct, frozen=True):
    """A port of a workload, at one of its ready pods."""

    workload: Subject
    pod: str
    port: int

    def __str__(self) -> str:
        return f"{self.workload.namespace}/{self.workload.name}:{self.port}"


class Plain(msgspec.Struct, frozen=True):
    """What became of a plain-text request, in words."""

    door: Door
    outcome: Outcome
    says: str


def doors(mesh: Mesh, workloads: frozenset[Subject]) -> tuple[Door, ...]:
    """One port of each of these workloads that its Services lead to, at a ready pod with a sidecar."""
    pods: dict[Subject, Pod] = {}
    for pod in mesh[Pod]:
        if is_live(pod) and pod.is_ready and pod.proxy is not None and mesh.owner(pod) in workloads:
            pods.setdefault(mesh.owner(pod), pod)
    found: dict[Subject, Door] = {}
    for owner, port in sorted(served(mesh)):
        if owner in pods:
            found.setdefault(owner, Door(owner, pods[owner].name, port))
    return tuple(found.values())[:MOST]


async def knock(api: ApiClient, door: Door) -> Plain:
    """Send one request. Never raises: what could not be told is `unknown`, with the reason."""
    path = f"/api/v1/namespaces/{door.workload.namespace}/pods/{door.pod}:{door.port}/proxy{KNOCK}"
    try:
        await api.get_bytes(path, headers={"Accept": "*/*"})
    except Denied as why:
        if why.said and "pods/proxy" in f"{why.resource} {why.said}" and "forbidden" in why.said:
            return Plain(door, "unknown", f"{why.source_reason}: no plain-text client was available")
        return Plain(door, "answered", "answered with 403")
    except Unreachable as why:
        return Plain(door, "unknown", plain(why, 200))
    except MeshdoctorError as why:
        return told(door, str(why))
    return Plain(door, "answered", "answered")


def told(door: Door, said: str) -> Plain:
    """The application's own error is an answer; the API server's tells how the connection ended."""
    if "not recorded" in said or "not in this bundle" in said:
        return Plain(door, "unknown", "this is a recording")
    if OF_PROXY not in said:
        return Plain(door, "answered", "answered with an error of its own")
    words = plain(said.partition(OF_PROXY)[2].strip(" :."), 160)
    if "malformed HTTP" in said:
        return Plain(door, "answered", "answered, though not in HTTP")
    if CUT.search(said):
        return Plain(door, "refused", f"the connection was cut: {words}")
    return Plain(door, "unknown", f"{words}" if NO_ANSWER.search(said) else f"the API server could not tell: {words}")
