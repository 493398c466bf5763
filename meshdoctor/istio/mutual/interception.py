"""Which connections of a pod go through its sidecar, and which past it.

Sources: istio.io, "Resource annotations" (`traffic.sidecar.istio.io/*`); istio, tools/istio-iptables. What the init
container was told is what holds; the annotations are read where it is not seen.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import msgspec

from meshdoctor.model.workloads import Pod

PREFIX = "traffic.sidecar.istio.io/"
INTERCEPTION = "sidecar.istio.io/interceptionMode"
INIT = ("istio-init", "istio-validation")
FLAGS = {
    "-b": "includeInboundPorts",
    "-d": "excludeInboundPorts",
    "-q": "includeOutboundPorts",
    "-o": "excludeOutboundPorts",
    "-i": "includeOutboundIPRanges",
    "-x": "excludeOutboundIPRanges",
}
OWN_PORTS = "15090,15021,15020"  # of the agent, never redirected
UNSET = {"includeInboundPorts": "*", "excludeInboundPorts": OWN_PORTS, "includeOutboundIPRanges": "*"}


class Interception(msgspec.Struct, frozen=True):
    """The setting by which a connection goes past the sidecar, and where it stands."""

    setting: str

    @property
    def path(self) -> str:
        return f"metadata.annotations[{PREFIX}{self.setting}]"


def past_inbound(pod: Pod, port: int) -> Interception | None:
    """Why connections to a port of this pod do not reach its sidecar; None where they do."""
    if not _ports(_setting(pod, "includeInboundPorts"), port):
        return Interception("includeInboundPorts")
    return Interception("excludeInboundPorts") if _ports(_setting(pod, "excludeInboundPorts"), port) else None


def past_outbound(pod: Pod, address: str, port: int) -> Interception | None:
    """Why connections of this pod to an address and port do not reach its sidecar; None where they do.

    An empty address stands for one that is not known: only ports are looked at.
    """
    if _ports(_setting(pod, "excludeOutboundPorts"), port):
        return Interception("excludeOutboundPorts")
    if address and _within(_setting(pod, "excludeOutboundIPRanges"), address):
        return Interception("excludeOutboundIPRanges")
    if _ports(_setting(pod, "includeOutboundPorts"), port) or not address:
        return None
    return None if _within(_setting(pod, "includeOutboundIPRanges"), address) else Interception("includeOutboundIPRanges")


def is_redirected(pod: Pod) -> bool:
    """Whether anything is redirected at all: not with the interception mode NONE."""
    return pod.annotations.get(INTERCEPTION, "").upper() != "NONE"


def has_settings(pod: Pod) -> bool:
    """Whether the pod has settings of its own for what is redirected."""
    return any(a.startswith((PREFIX, INTERCEPTION)) for a in pod.annotations)


def init_args(pod: Pod) -> tuple[str, ...] | None:
    """What the container that redirects was told; None where there is none."""
    return next((c.args for c in pod.all_containers if c.name in INIT), None)


def _setting(pod: Pod, name: str) -> str:
    args = init_args(pod)
    if args is not None:
        flag = next(f for f, n in FLAGS.items() if n == name)
        found = next((args[i + 1] for i, a in enumerate(args[:-1]) if a == flag), None)
        if found is not None:
            return found
    return pod.annotations.get(PREFIX + name, UNSET.get(name, ""))


def _ports(listed: str, port: int) -> bool:
    return any(p.strip() in ("*", str(port)) for p in listed.split(","))


def _within(ranges: str, address: str) -> bool:
    for each in (r.strip() for r in ranges.split(",")):
        try:
            if each == "*" or (each and ip_address(address) in ip_network(each, strict=False)):
                return True
        except ValueError:
            continue  # not a network: istio-iptables would have refused it
    return False
