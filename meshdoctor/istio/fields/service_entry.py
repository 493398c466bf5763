"""ServiceEntry."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.fields.common import bad_alpha_selector, bad_exports, bad_port, bad_port_name, bad_protocol
from meshdoctor.istio.fields.names import HTTP, TLS, is_address, is_subnet, not_domain, not_fqdn, protocol_of
from meshdoctor.istio.fields.reading import Field
from meshdoctor.istio.fields.workload import bad_entry, bad_entry_ports
from meshdoctor.istio.schema.fault import Fault

_DNS = ("DNS", "DNS_ROUND_ROBIN")
_DYNAMIC = {"http", "http2", "grpc", "tls"}
_TCP = {"tcp", "https", "tls", "mongo", "redis", "mysql"}


def service_entry(body: Field) -> Iterator[Fault]:
    spec = body["spec"]
    if not spec:
        return
    resolution = spec["resolution"].text or "NONE"
    yield from _bad_selector(spec)
    yield from _bad_hosts(spec, resolution)
    for address in spec["addresses"].items:
        if not is_subnet(address.text):
            yield address.wrong(f"is {address.text!r}, which is neither an address nor a CIDR block")
        elif "/" in address.text and resolution not in ("NONE", "STATIC"):
            yield address.wrong(f"is a CIDR block, which only resolution NONE and STATIC can have, not {resolution}")
    yield from _bad_ports(spec)
    yield from _unaddressed(spec, resolution, body)
    yield from _bad_resolution(spec, resolution, body)
    yield from _bad_sharing(spec, resolution)
    yield from bad_exports(spec["exportTo"], body["metadata"]["namespace"].text, service_entry=True)


def _bad_selector(spec: Field) -> Iterator[Fault]:
    selector = spec["workloadSelector"]
    yield from bad_alpha_selector(selector)
    if selector and not selector["labels"].size:
        yield selector.doubtful("has no labels: it selects every workload of the namespace")
    if selector and spec["endpoints"]:
        yield spec["endpoints"].wrong("stands beside workloadSelector: only one of them may be set")


def _bad_hosts(spec: Field, resolution: str) -> Iterator[Fault]:
    if not spec["hosts"].size:
        yield spec.wrong("has no hosts")
    for host in spec["hosts"].items:
        reason = not_domain(host.text)
        if host.text == "*" or reason:
            yield host.wrong("is *, a ServiceEntry is about some hosts" if host.text == "*" else reason)
        elif "*" in host.text and not host.text.startswith("*.") and resolution != "DYNAMIC_DNS":
            yield host.doubtful(f"is {host.text}: a wildcard stands for whole labels (*.example.com)")


def _bad_ports(spec: Field) -> Iterator[Fault]:
    seen: dict[str, set[object]] = {"name": set(), "number": set()}
    for port in spec["ports"].items:
        for kind, known in seen.items():
            value = port[kind].text or port[kind].number
            if value in known:
                yield port[kind].wrong(f"is {value}, as that of an earlier port is")
            known.add(value)
        if port["targetPort"].number:
            yield from bad_port(port["targetPort"])
        yield from bad_port_name(port)
        yield from bad_protocol(port)
        yield from bad_port(port["number"])


def _unaddressed(spec: Field, resolution: str, body: Field) -> Iterator[Fault]:
    """A port of TCP is told by its address, which Istio allots by itself but for resolution NONE."""
    switched_off = body["metadata"]["labels"]["networking.istio.io/enable-autoallocate-ip"].text.lower() == "false"
    if spec["addresses"].size or (resolution != "NONE" and not switched_off):
        return
    for port in spec["ports"].items:
        if protocol_of(port) in ("", "tcp"):
            yield port.doubtful("is of TCP, but there are no addresses: it takes all connections to that port")


def _bad_resolution(spec: Field, resolution: str, body: Field) -> Iterator[Fault]:
    """What goes with a way of resolution."""
    ports = {p["name"].text for p in spec["ports"].items}
    if resolution == "NONE":
        if spec["endpoints"].size:
            yield spec["endpoints"].wrong("is set, but resolution NONE sends requests where the client wanted them to go")
        if spec["workloadSelector"]:
            yield spec["workloadSelector"].doubtful("does nothing with resolution NONE")
    elif resolution == "STATIC":
        for endpoint in spec["endpoints"].items:
            yield from bad_entry(endpoint, ports, only_addresses=True)
    elif resolution in _DNS:
        yield from _bad_dns(spec, resolution, ports)
    elif resolution == "DYNAMIC_DNS":
        yield from _bad_dynamic(spec, body)


def _bad_dns(spec: Field, resolution: str, ports: set[str]) -> Iterator[Fault]:
    endpoints = spec["endpoints"].items
    bad = next((h for h in spec["hosts"].items if not_fqdn(h.text)), None)
    if not endpoints and bad is not None:
        yield bad.wrong(f"is {bad.text!r}, which no DNS resolves: give endpoints, or full names")
    if resolution == "DNS_ROUND_ROBIN" and len(endpoints) > 1:
        yield spec["endpoints"].wrong(f"has {len(endpoints)} entries, DNS_ROUND_ROBIN takes one")
    for endpoint in endpoints:
        address = endpoint["address"]
        if not is_address(address.text) and not_fqdn(address.text):
            yield (address if address else endpoint).wrong(f"has {address.text!r}, which is neither a host nor an address")
        yield from bad_entry_ports(endpoint, ports)
    first = next((p for p in spec["ports"].items if protocol_of(p) in _TCP), None)
    if spec["addresses"].size and spec["hosts"].size > 1 and first is not None:
        yield spec["hosts"].doubtful("names several hosts with one address: connections of TCP cannot be told apart")


def _bad_dynamic(spec: Field, body: Field) -> Iterator[Fault]:
    for host in spec["hosts"].items:
        if not host.text.startswith("*"):
            yield host.wrong(f"is {host.text}, resolution DYNAMIC_DNS is for wildcards")
    for name in ("addresses", "endpoints"):
        if spec[name].size:
            yield spec[name].wrong("is set, but resolution DYNAMIC_DNS looks up what the request names")
    for port in spec["ports"].items:
        if protocol_of(port) not in _DYNAMIC:
            said = port["protocol"] if port["protocol"] else port
            yield said.wrong("has no protocol of HTTP, HTTP2, GRPC and TLS: others do not name their host")
    waypoint = body["metadata"]["labels"]["istio.io/use-waypoint"].text
    if spec["location"].text == "MESH_INTERNAL" and waypoint and waypoint.lower() != "none":
        yield spec["location"].wrong("is MESH_INTERNAL, which with DYNAMIC_DNS no waypoint serves")


def _bad_sharing(spec: Field, resolution: str) -> Iterator[Fault]:
    """Several hosts share a port only where a request names its host: HTTP and TLS."""
    if resolution == "NONE" or spec["hosts"].size <= 1:
        return
    plain = next((p for p in spec["ports"].items if protocol_of(p) not in HTTP | TLS), None)
    if plain is not None:
        said = plain["protocol"] if plain["protocol"] else plain
        yield said.wrong("is neither HTTP nor TLS, but there are several hosts: connections cannot be told apart")
