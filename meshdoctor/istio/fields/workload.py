"""WorkloadEntry, WorkloadGroup and ProxyConfig."""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshdoctor.istio.fields.common import bad_port, bad_selector
from meshdoctor.istio.fields.names import UNIX, bad_labels, is_address, is_label, not_fqdn, not_unix
from meshdoctor.istio.fields.reading import Field
from meshdoctor.istio.schema.fault import Fault

_PROBE_HEADER = re.compile(r"[-A-Za-z0-9]+", re.ASCII)
_PROBES = ("httpGet", "tcpSocket", "exec", "grpc")


def workload_entry(body: Field) -> Iterator[Fault]:
    if body["spec"]:
        yield from bad_entry(body["spec"])


def bad_entry(entry: Field, ports: set[str] | None = None, *, only_addresses: bool = False) -> Iterator[Fault]:
    """An entry has an address or at least a network. `ports` are those of the ServiceEntry that it is part of."""
    address, network = entry["address"], entry["network"]
    if not address.text and not network.text:
        yield entry.wrong("has no address")
        return
    if not address.text:
        yield entry.doubtful(f"has no address: it is reached through the gateway of network {network.text}")
    elif address.text.startswith(UNIX):
        yield from _bad_socket(entry, ports)
    elif not is_address(address.text) and (only_addresses or not_fqdn(address.text)):
        allowed = "no address" if only_addresses else "neither a host nor an address"
        yield address.wrong(f"is {address.text!r}, which is {allowed}")
    yield from bad_entry_ports(entry, ports)


def _bad_socket(entry: Field, ports: set[str] | None) -> Iterator[Fault]:
    if reason := not_unix(entry["address"].text.removeprefix(UNIX)):
        yield entry["address"].wrong(reason)
    if entry["ports"].size:
        yield entry["ports"].wrong("is set, but the address is a socket")
    if ports is not None and len(ports) != 1:
        yield entry["address"].wrong("is a socket, which serves exactly one port of the ServiceEntry")


def bad_entry_ports(entry: Field, ports: set[str] | None) -> Iterator[Fault]:
    for name, port in entry["ports"].entries:
        if ports is not None and name not in ports:
            yield port.wrong(f"is for port {name}, which the ServiceEntry has not")
        if not is_label(name):
            yield port.wrong(f"is for port {name!r}, a port's name is a DNS label")
        yield from bad_port(port)
    yield from bad_labels(entry["labels"])


def workload_group(body: Field) -> Iterator[Fault]:
    spec = body["spec"]
    if not spec:
        return
    if not spec["template"]:
        yield spec.wrong("has no template")
    yield from bad_labels(spec["metadata"]["labels"])
    if spec["probe"]:
        yield from _bad_probe(spec["probe"])


def _bad_probe(probe: Field) -> Iterator[Fault]:
    for name in ("periodSeconds", "initialDelaySeconds", "timeoutSeconds", "successThreshold", "failureThreshold"):
        if probe[name].number < 0:
            yield probe[name].wrong("is negative")
    http, tcp, command = probe["httpGet"], probe["tcpSocket"], probe["exec"]
    if not any(probe[name] for name in _PROBES):
        yield probe.wrong(f"asks nothing: it needs one of {', '.join(_PROBES)}")
    if http:
        yield from bad_port(http["port"])
        if http["scheme"].text not in ("", "HTTP", "HTTPS"):
            yield http["scheme"].wrong(f"is {http['scheme'].text}, it must be HTTP or HTTPS")
        for header in http["httpHeaders"].items:
            if not _PROBE_HEADER.fullmatch(header["name"].text):
                yield (header["name"] if header["name"] else header).wrong(f"is no name of a header: {header['name'].text!r}")
    if tcp:
        yield from bad_port(tcp["port"])
    if command and not command["command"].size:
        yield command.wrong("has no command")


def proxy_config(body: Field) -> Iterator[Fault]:
    spec = body["spec"]
    yield from bad_selector(spec["selector"])
    if spec["concurrency"].number < 0:
        yield spec["concurrency"].wrong("is negative (0 means all cores)")
