"""Sidecar."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.fields.common import bad_alpha_selector, bad_port, bad_port_name, bad_protocol
from meshdoctor.istio.fields.destinations import bad_destination
from meshdoctor.istio.fields.gateway import bad_namespaced_host
from meshdoctor.istio.fields.names import HTTP, TLS, UNIX, is_address, not_fqdn, not_unix, protocol_of
from meshdoctor.istio.fields.reading import Field
from meshdoctor.istio.fields.server_tls import bad_server_tls
from meshdoctor.istio.fields.traffic_policy import bad_pool
from meshdoctor.istio.schema.fault import Fault

_LOCAL = ("", "127.0.0.1", "0.0.0.0", "::1", "::")
_NO_TLS_HERE = ("subjectAltNames", "httpsRedirect", "credentialName", "credentialNames", "tlsCertificates")


def sidecar(body: Field) -> Iterator[Fault]:
    spec = body["spec"]
    selector = spec["workloadSelector"]
    yield from bad_alpha_selector(selector)
    if selector and not selector["labels"].size:
        yield selector.doubtful("has no labels: it selects every workload of the namespace")
    parts = [spec["outboundTrafficPolicy"], spec["inboundConnectionPool"]]
    if spec and not spec["egress"].size and not spec["ingress"].size and not any(parts):
        yield spec.wrong("says nothing: it needs egress, ingress or a policy")
    yield from _bad_ingresses(spec["ingress"].items)
    yield from bad_pool(spec["inboundConnectionPool"])
    yield from _bad_egresses(spec["egress"].items, body["metadata"]["namespace"].text)
    yield from _bad_outbound(spec["outboundTrafficPolicy"])


def _bad_ingresses(listeners: list[Field]) -> Iterator[Fault]:
    numbers: set[float] = set()
    for listener in listeners:
        port = listener["port"]
        if not port:
            yield listener.wrong("has no port")
            continue
        if port["number"].number in numbers:
            yield port["number"].wrong(f"is {port['number'].value}, as that of an earlier listener is")
        numbers.add(port["number"].number)
        yield from _bad_sidecar_port(port)
        yield from bad_port(port["number"])
        yield from _bad_bind(listener["bind"])
        yield from _bad_endpoint(listener["defaultEndpoint"])
        yield from _bad_ingress_tls(listener["tls"], port)
        yield from bad_pool(listener["connectionPool"])
        if listener["connectionPool"]["http"] and protocol_of(port) not in HTTP:
            yield listener["connectionPool"]["http"].doubtful("does nothing: the port is not of HTTP")


def _bad_sidecar_port(port: Field) -> Iterator[Fault]:
    if port["targetPort"].number > 0:
        yield port["targetPort"].wrong("does nothing in a Sidecar")
    if port["name"].text:
        yield from bad_port_name(port)
    yield from bad_protocol(port)


def _bad_bind(bind: Field) -> Iterator[Fault]:
    if bind.text and not is_address(bind.text):
        yield bind.wrong(f"is {bind.text!r}, which is no address")


def _bad_endpoint(endpoint: Field) -> Iterator[Fault]:
    """127.0.0.1:PORT, [::1]:PORT, 0.0.0.0:PORT, [::]:PORT, :PORT or unix://PATH."""
    if not endpoint.text:
        return
    if endpoint.text.startswith(UNIX):
        if reason := not_unix(endpoint.text.removeprefix(UNIX)):
            yield endpoint.wrong(reason)
        return
    host, colon, port = endpoint.text.rpartition(":")
    if host.strip("[]") not in _LOCAL or not colon or (":" in host and not host.startswith("[")):
        yield endpoint.wrong(f"is {endpoint.text!r}, the application is at 127.0.0.1:PORT, 0.0.0.0:PORT or unix://PATH")
    elif not port.isdigit() or not 1 <= int(port) <= 65535:
        yield endpoint.wrong(f"is {endpoint.text!r}: {port!r} is no port")


def _bad_ingress_tls(tls: Field, port: Field) -> Iterator[Fault]:
    if not tls:
        return
    for name in tls.given(*_NO_TLS_HERE):
        yield tls[name].wrong("is for gateways, a Sidecar cannot have it")
    if tls["mode"].text in ("ISTIO_MUTUAL", "AUTO_PASSTHROUGH"):
        yield tls["mode"].wrong(f"is {tls['mode'].text}, which a Sidecar cannot have")
    if protocol_of(port) not in TLS:
        yield tls.wrong(f"is set, but the port's protocol is {port['protocol'].text or 'not given'}, not HTTPS or TLS")
    yield from bad_server_tls(tls)


def _bad_egresses(listeners: list[Field], namespace: str) -> Iterator[Fault]:
    """Listeners differ in their port or socket; one without a port is the last."""
    seen: set[object] = set()
    for place, listener in enumerate(listeners):
        port, bind = listener["port"], listener["bind"]
        if not port and place < len(listeners) - 1:
            yield listener.wrong("has no port, so it takes everything: it must be the last")
        elif port:
            key = port["number"].number or bind.text
            if key in seen:
                yield listener.wrong(f"is for {key}, as an earlier listener is")
            seen.add(key)
            yield from _bad_sidecar_port(port)
            yield from _bad_egress_bind(port, bind, listener["captureMode"])
        yield from _bad_egress_hosts(listener, namespace)


def _bad_egress_bind(port: Field, bind: Field, capture: Field) -> Iterator[Fault]:
    if port["number"].number:
        yield from bad_port(port["number"])
        yield from _bad_bind(bind)
        return
    if not bind.text.startswith(UNIX):
        yield (port["number"] if port["number"] else port).wrong("has no port number, and bind is no socket (unix://PATH)")
    elif reason := not_unix(bind.text.removeprefix(UNIX)):
        yield bind.wrong(reason)
    if capture.text not in ("", "DEFAULT", "NONE"):
        yield capture.wrong(f"is {capture.text}, a socket has DEFAULT or NONE")


def _bad_egress_hosts(listener: Field, namespace: str) -> Iterator[Fault]:
    hosts = listener["hosts"]
    if not hosts.size:
        yield listener.wrong("has no hosts")
    seen: dict[str, set[str]] = {}
    for host in hosts.items:
        yield from bad_namespaced_host(host, for_gateway=False)
        place, slash, name = host.text.partition("/")
        if not slash or place.startswith("~"):
            continue
        known = seen.setdefault(namespace if place == "." else place, set())
        if known and (name == "*" or name in known or "*" in known):
            yield host.doubtful(f"is {host.text}, which an earlier host has in part or whole")
        known.add(name)
    if "*" in seen.get("*", ()) and len(seen) > 1:
        yield hosts.doubtful("has */*, which is every host: the others add nothing")


def _bad_outbound(policy: Field) -> Iterator[Fault]:
    proxy, mode = policy["egressProxy"], policy["mode"]
    if mode.text == "ALLOW_ANY_DYNAMIC_DNS":
        yield mode.wrong("is ALLOW_ANY_DYNAMIC_DNS, which only the mesh config can have")
        return
    if not proxy:
        return
    if mode.text != "ALLOW_ANY":
        yield proxy.wrong("is set, but the mode is not ALLOW_ANY")
    elif not_fqdn(proxy["host"].text):
        yield proxy["host"].wrong(not_fqdn(proxy["host"].text))
    elif not proxy["port"]:
        yield proxy.wrong("has no port")
    else:
        yield from bad_destination(proxy)
