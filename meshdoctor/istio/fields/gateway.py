"""Gateway (Istio's)."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.fields.common import bad_port
from meshdoctor.istio.fields.names import HTTP, PROTOCOLS, TLS, UNIX, is_address, is_label, not_domain, not_unix, protocol_of
from meshdoctor.istio.fields.reading import Field
from meshdoctor.istio.fields.server_tls import PASSING, bad_server_tls, mode_of
from meshdoctor.istio.schema.fault import Fault


def gateway(body: Field) -> Iterator[Fault]:
    spec, name = body["spec"], body["metadata"]["name"]
    if name.text and not is_label(name.text):
        yield name.wrong(f"is {name.text}, a gateway's name is a DNS label (without dots)")
    if not spec:
        return
    if not spec["servers"].size:
        yield spec.wrong("has no servers")
    names: dict[str, Field] = {}
    for server in spec["servers"].items:
        yield from _bad_server(server)
        port = server["port"]
        if not port:
            continue
        if port["name"].text in names:
            yield port["name"].wrong(f"is {port['name'].text}, as {names[port['name'].text].path} is: names must differ")
        names.setdefault(port["name"].text, port)
        if protocol_of(port) not in HTTP and server["tls"]["httpsRedirect"].on:
            yield server["tls"]["httpsRedirect"].doubtful(f"does nothing: {port['protocol'].text} has no redirects")


def _bad_server(server: Field) -> Iterator[Fault]:
    port, bind, tls = server["port"], server["bind"], server["tls"]
    if not server["hosts"].size:
        yield server.wrong("has no hosts")
    for host in server["hosts"].items:
        yield from bad_namespaced_host(host, for_gateway=True)
    faults = list(_bad_server_port(port, bind, server))
    yield from faults
    yield from _bad_bind(port, bind)
    yield from bad_server_tls(tls)
    if faults:
        return
    protocol = protocol_of(port)
    if protocol in TLS and not tls:
        yield server.wrong(f"has no tls: {port['protocol'].text} needs it")
    elif tls and protocol not in TLS:
        plain = protocol in HTTP and mode_of(tls) in PASSING  # only a redirect
        if not plain or tls.given("caCertificates", "privateKey", "serverCertificate"):
            yield tls.wrong(f"is set, but {port['protocol'].text} has no TLS")


def _bad_server_port(port: Field, bind: Field, server: Field) -> Iterator[Fault]:
    if not port:
        yield server.wrong("has no port")
        return
    if protocol_of(port) not in PROTOCOLS:
        known = ", ".join(sorted(PROTOCOLS)).upper()
        yield (port["protocol"] if port["protocol"] else port).wrong(f"has no protocol of {known}")
    if port["number"].number > 0 or not bind.text.startswith(UNIX):
        yield from bad_port(port["number"])
    if port["targetPort"].number > 0:
        yield port["targetPort"].wrong("does nothing at a gateway")
    if not port["name"].text:
        yield (port["name"] if port["name"] else port).wrong("has no name")


def _bad_bind(port: Field, bind: Field) -> Iterator[Fault]:
    if bind.text.startswith(UNIX):
        if reason := not_unix(bind.text.removeprefix(UNIX)):
            yield bind.wrong(reason)
        if port["number"].number:
            yield port["number"].wrong("is set, but the server binds to a socket: it must be 0")
    elif bind.text and not is_address(bind.text):
        yield bind.wrong(f"is {bind.text!r}, which is no address")


def bad_namespaced_host(host: Field, *, for_gateway: bool) -> Iterator[Fault]:
    """NAMESPACE/HOST, where the host is a full name and may begin with `*.`; a gateway's may be the host alone."""
    namespace, slash, name = host.text.partition("/")
    if not slash and not for_gateway:
        yield host.wrong(f"is {host.text!r}, it must be NAMESPACE/HOST")
        return
    if not slash:
        namespace, name = "*", host.text
    allowed = ("*", ".") if for_gateway else ("*", ".", "~", "~*", "~.")
    if namespace not in allowed and not is_label(namespace if for_gateway else namespace.removeprefix("~")):
        yield host.wrong(f"is {host.text!r}: no namespace is called {namespace!r}")
    reason = not_domain(name)
    if name != "*" and "." not in name:
        yield host.wrong(f"is {host.text!r}: a short name means nothing here, write the full one")
    elif reason and not (for_gateway and is_address(name)):
        yield host.wrong(f"is {host.text!r}: it {reason}")
    elif "*" in name and name != "*" and not name.startswith("*."):
        yield host.wrong(f"is {host.text!r}: a wildcard stands for whole labels (*.example.com)")
