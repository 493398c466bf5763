"""WasmPlugin and TrafficExtension."""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshdoctor.istio.fields.common import bad_port, bad_selector, bad_targets
from meshdoctor.istio.fields.reading import Field
from meshdoctor.istio.schema.cel_functions import FUNCTIONS, CelFault
from meshdoctor.istio.schema.fault import Fault

_SCHEMES = ("", "file", "http", "https", "oci")
_SHA = re.compile(r"(?:[a-f0-9]{64})?", re.ASCII)
_MAX_LUA = 65_536
_MAX_NAME = 256
_MAX_SECRET = 253


def wasm_plugin(body: Field) -> Iterator[Fault]:
    spec = body["spec"]
    if not spec:
        return
    yield from bad_targets(spec)
    yield from bad_selector(spec["selector"])
    yield from _bad_wasm(spec)
    yield from _bad_ports(spec)


def traffic_extension(body: Field) -> Iterator[Fault]:
    spec = body["spec"]
    wasm, lua = spec["wasm"], spec["lua"]
    if not spec:
        return
    if bool(wasm) == bool(lua):
        yield (lua if lua else spec).wrong("stands beside wasm" if lua else "has neither wasm nor lua")
    yield from bad_targets(spec)
    yield from bad_selector(spec["selector"])
    code = lua["inlineCode"]
    if lua and not 0 < len(code.text.encode()) <= _MAX_LUA:
        yield (code if code else lua).wrong("has more than 64 KB of code" if code.text else "has no code")
    if wasm:
        yield from _bad_wasm(wasm)
    yield from _bad_ports(spec)


def _bad_wasm(plugin: Field) -> Iterator[Fault]:
    url, sha = plugin["url"], plugin["sha256"]
    if not url.text:
        yield plugin.wrong("has no url")
    elif _scheme(url.text) not in _SCHEMES:
        yield url.wrong(f"is {url.text!r}, it must be of oci://, https://, http:// or file://")
    if not _SHA.fullmatch(sha.text):
        yield sha.wrong("is no SHA-256: 64 of 0-9 and a-f")
    if len(plugin["imagePullSecret"].text) > _MAX_SECRET:
        yield plugin["imagePullSecret"].wrong(f"is longer than {_MAX_SECRET} characters")
    if len(plugin["pluginName"].text) > _MAX_NAME:
        yield plugin["pluginName"].wrong(f"is longer than {_MAX_NAME} characters")
    names: set[str] = set()
    for variable in plugin["vmConfig"]["env"].items:
        name = variable["name"]
        if not 0 < len(name.text) <= _MAX_NAME:
            yield (name if name else variable).wrong(f"is longer than {_MAX_NAME} characters" if name.text else "has no name")
        elif name.text in names:
            yield name.wrong(f"is {name.text}, as that of an earlier variable is")
        names.add(name.text)
        if variable["valueFrom"].text == "HOST" and variable["value"].text:
            yield variable["value"].wrong("is set, but valueFrom takes it from the host")


def _scheme(text: str) -> str | None:
    """The scheme of a URL, which an image of a registry need not have; None where it is no URL at all."""
    for url in (text, f"http://{text}"):
        try:
            found: str = FUNCTIONS["url"](url).scheme
        except CelFault:
            continue
        return found
    return None


def _bad_ports(spec: Field) -> Iterator[Fault]:
    for match in spec["match"].items:
        for port in match["ports"].items:
            yield from bad_port(port["number"])
