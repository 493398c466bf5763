"""Rules by client address at gateways, and whose address a gateway sees."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from meshdoctor.istio.authorization.rules import built
from meshdoctor.istio.authorization.scope import covered
from meshdoctor.istio.workloads import is_gateway, services_of
from meshdoctor.model.cluster import Service
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.security import AuthorizationPolicy
from meshdoctor.model.workloads import Pod
from probes.registry import Draft, fail, probe, quote

ADDRESSES = ("source.ip", "remote.ip")
CONFIG = "proxy.istio.io/config"
EXTERNAL = ("LoadBalancer", "NodePort")


@probe("AZ-009", over=AuthorizationPolicy, needs=(AuthorizationPolicy, Pod, Service))
def address_of_a_node(mesh: Mesh, policy: AuthorizationPolicy) -> Iterator[Draft]:
    """A policy at a gateway goes by client addresses, and the gateway sees that of a node or load balancer."""
    fields = _address_fields(policy)
    if policy.is_dry_run or not fields:
        return
    for pod in covered(mesh, policy):
        if not is_gateway(pod):
            continue
        topology = _topology(mesh, pod)
        trusted, by_protocol = topology.get("numTrustedProxies") or 0, topology.get("proxyProtocol") is not None
        hidden = [f for f in fields if not by_protocol and (f[1] == "source.ip" or not trusted)]
        service = next((s for s in services_of(mesh, pod) if _hides(s)), None)
        if hidden and service is not None:
            at, name = hidden[0]
            field = "remoteIpBlocks" if name == "remote.ip" else "ipBlocks"
            says = f"goes by {field} at {pod.namespace}/{mesh.owner(pod).name}, which sees the address of a node, not the client's"
            why = f"Service {service.name} has externalTrafficPolicy Cluster, and numTrustedProxies is {trusted}"
            evidence = [
                quote(policy, at),
                quote(service, "spec.externalTrafficPolicy", service.spec.external_traffic_policy or "Cluster (the default)"),
            ]
            yield fail(policy, f"{says}: {why}", at=at, why=why, evidence=evidence, also=[service, mesh.owner(pod)])
            return


def _address_fields(policy: AuthorizationPolicy) -> list[tuple[str, str]]:
    """(path, attribute) of each list of a policy that holds addresses of callers."""
    tests = (t for rule in built(policy) for alternative in rule.sources for t in alternative)
    return list(dict.fromkeys((t.path, t.attribute.name) for t in tests if t.attribute.name in ADDRESSES))


def _hides(service: Service) -> bool:
    """Whether kube-proxy puts a node's address in the place of the client's."""
    return service.spec.type in EXTERNAL and service.spec.external_traffic_policy in ("", "Cluster")


def _topology(mesh: Mesh, pod: Pod) -> dict[str, Any]:
    """The gateway's `gatewayTopology`: its own annotation's over the mesh's."""
    wide: Any = mesh.mesh_config.default_config.get("gatewayTopology")
    try:
        own: Any = yaml.safe_load(pod.annotations.get(CONFIG, ""))
    except yaml.YAMLError:
        own = None
    said: Any = own.get("gatewayTopology") if isinstance(own, dict) else None
    return {k: v for each in (wide, said) if isinstance(each, dict) for k, v in each.items()}
