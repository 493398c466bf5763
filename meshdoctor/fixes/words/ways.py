"""Ways that are closed or lead nowhere: policies of the network, networks' names, waypoints, names of servers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeVar

import msgspec

from meshdoctor.fixes.case import Case, NoRemedy, word
from meshdoctor.istio.authorization.showing import principal_of
from meshdoctor.istio.imports import sidecar_of
from meshdoctor.istio.protocols import declared
from meshdoctor.istio.workloads import pods_of, services_of
from meshdoctor.model.cluster import Namespace, Service
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Pod

NETWORK = "topology.istio.io/network"
BLOCKED = re.compile(r"from port (?P<port>\d+) of ")
WAYPOINT = re.compile(r"asks for waypoint (?P<namespace>[a-z0-9-]+)/(?P<name>[a-z0-9.-]+),")
LOOPBACK_PORT = re.compile(r"nobody but itself reaches port (?P<port>\d+) of ")
PRIVILEGED = re.compile(r"may not bind port (?P<port>\d+):")
T = TypeVar("T")


def _only(found: Iterable[T], what: str) -> T:
    several = tuple(dict.fromkeys(found))
    if len(several) != 1:
        raise NoRemedy(f"{len(several)} {what}: which one is meant is yours to say.")
    return several[0]


def _said(case: Case, form: re.Pattern[str], what: str) -> re.Match[str]:
    found = form.search(case.finding.summary)
    if found is None:
        raise NoRemedy(f"{what} is not known.")
    return found


def _service(case: Case) -> Service:
    """The Service that the finding is about beside its subject."""
    named = _only((s for s in case.finding.also if s.kind == "Service"), "Services are concerned")
    found = case.mesh[Service].get(*named.key)
    if found is None:
        raise NoRemedy(f"{named} is gone.")
    return found


@word
def concerned_service(case: Case) -> Subject:
    """That Service, as the object to change."""
    return _service(case).subject


@word
def blocked_ns(case: Case) -> str:
    """The namespace that a NetworkPolicy keeps others from."""
    if not case.finding.path.startswith("spec.ingress"):
        raise NoRemedy("It is closed on the way out of the client's namespace: name the gateway there.")
    return _service(case).namespace


@word
def blocked_selector(case: Case) -> str:
    """The labels by which the Service finds the pods that are not reached, as a map of YAML."""
    selector = _service(case).spec.selector
    if not selector:
        raise NoRemedy("The Service selects its pods by no labels.")
    return msgspec.json.encode(selector).decode()


@word
def blocked_port(case: Case) -> int:
    """The port of the pods that is not reached."""
    return int(_said(case, BLOCKED, "Which port is closed")["port"])


@word
def blocked_client_ns(case: Case) -> str:
    """The namespace of who is kept out."""
    return case.finding.also[-1].namespace


@word
def own_network(case: Case) -> str:
    """The network that the control plane's namespace says it is in."""
    root = case.mesh[Namespace].get("", case.mesh.mesh_config.root_namespace)
    if root is None or not root.labels.get(NETWORK):
        raise NoRemedy(f"Namespace {case.mesh.mesh_config.root_namespace} does not say in which network it is: heal MC-004 first.")
    return root.labels[NETWORK]


@word
def waypoint_ns(case: Case) -> str:
    """The namespace in which the waypoint is looked for."""
    return _said(case, WAYPOINT, "Which waypoint is asked for")["namespace"]


@word
def waypoint_name(case: Case) -> str:
    """The name of the waypoint that is asked for."""
    return _said(case, WAYPOINT, "Which waypoint is asked for")["name"]


@word
def server_names(case: Case) -> list[str]:
    """The names that the certificates of the Service's pods carry."""
    if not case.finding.path.endswith(".subjectAltNames"):
        raise NoRemedy("It is not the names that do not fit.")
    names = {f"spiffe://{name}" for pod in pods_of(case.mesh, _service(case)) if (name := principal_of(case.mesh, pod))}
    if not names:
        raise NoRemedy("Its pods have no proxy: which names their certificate has, they have to say.")
    return sorted(names)


@word
def bound_port_index(case: Case) -> int:
    """Which port of the gateway's Service leads to the one that may not be bound."""
    port = _bound(case)
    ports = case.at("spec.ports") or []
    return _only((i for i, p in enumerate(ports) if p.get("targetPort", p.get("port")) == port), f"ports lead to {port}")


@word
def high_port(case: Case) -> int:
    """The port that stands for it without privilege: 8080 for 80, 8443 for 443."""
    return 8000 + _bound(case)


def _bound(case: Case) -> int:
    return int(_said(case, PRIVILEGED, "Which port may not be bound")["port"])


@word
def tcp_port_index(case: Case) -> int:
    """Which port of the Service is TCP though a policy asks for what only HTTP has."""
    name = _service(case)
    found = re.search(rf"port (\d+) \([^)]*\) of {re.escape(f'{name.namespace}/{name.name}')} is TCP", case.finding.summary)
    numbers = [p.get("port") for p in case.at("spec.ports") or []]
    if found is None or int(found[1]) not in numbers:
        raise NoRemedy("Which port is meant is not known.")
    return numbers.index(int(found[1]))


@word
def inbound_listeners(case: Case) -> str:
    """Every port at which the workload is called, as a list of YAML: those at which it listens on localhost only lead there."""
    pod = next((p for p in case.mesh[Pod].within(case.subject.namespace) if case.mesh.owner(p) == case.subject), None)
    found = LOOPBACK_PORT.search(case.finding.summary)
    if pod is None or found is None:
        raise NoRemedy("At which port it listens on localhost is not known.")
    sidecar = sidecar_of(case.mesh, pod)
    if sidecar is not None and (sidecar.spec.workload_selector or sidecar.spec.ingress):
        raise NoRemedy(f"{sidecar.subject} holds for it: add the listener there.")
    made = {}
    for port in (p for s in services_of(case.mesh, pod) for p in s.spec.ports if isinstance(p.target, int)):
        protocol = declared(port) or "tcp"
        where = "127.0.0.1" if port.target == int(found["port"]) else "0.0.0.0"
        named = {"number": port.target, "protocol": protocol.upper(), "name": f"{protocol}-{port.target}"}
        made[port.target] = {"port": named, "defaultEndpoint": f"{where}:{port.target}"}
    return msgspec.json.encode(list(made.values())).decode()
