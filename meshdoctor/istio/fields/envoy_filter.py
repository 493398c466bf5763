"""EnvoyFilter."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.fields.common import MAX_REGEX, bad_alpha_selector, bad_targets
from meshdoctor.istio.fields.reading import Field
from meshdoctor.istio.schema.fault import Fault
from meshdoctor.istio.schema.re2 import NotRE2, compiled

_LISTENERS = ("LISTENER", "FILTER_CHAIN", "NETWORK_FILTER", "HTTP_FILTER")
_ROUTES = ("ROUTE_CONFIGURATION", "VIRTUAL_HOST", "HTTP_ROUTE")
_MATCHES = {**dict.fromkeys(_LISTENERS, "listener"), **dict.fromkeys(_ROUTES, "routeConfiguration"), "CLUSTER": "cluster"}
_MANAGERS = ("envoy.filters.network.http_connection_manager", "envoy.http_connection_manager")
_RENAMED = {
    "envoy.buffer": "envoy.filters.http.buffer",
    "envoy.client_ssl_auth": "envoy.filters.network.client_ssl_auth",
    "envoy.cors": "envoy.filters.http.cors",
    "envoy.csrf": "envoy.filters.http.csrf",
    "envoy.ext_authz": "envoy.filters.http.ext_authz",
    "envoy.fault": "envoy.filters.http.fault",
    "envoy.grpc_http1_bridge": "envoy.filters.http.grpc_http1_bridge",
    "envoy.grpc_json_transcoder": "envoy.filters.http.grpc_json_transcoder",
    "envoy.grpc_web": "envoy.filters.http.grpc_web",
    "envoy.gzip": "envoy.filters.http.gzip",
    "envoy.health_check": "envoy.filters.http.health_check",
    "envoy.http_connection_manager": "envoy.filters.network.http_connection_manager",
    "envoy.http_dynamo_filter": "envoy.filters.http.dynamo",
    "envoy.ip_tagging": "envoy.filters.http.ip_tagging",
    "envoy.listener.http_inspector": "envoy.filters.listener.http_inspector",
    "envoy.listener.original_dst": "envoy.filters.listener.original_dst",
    "envoy.listener.original_src": "envoy.filters.listener.original_src",
    "envoy.listener.proxy_protocol": "envoy.filters.listener.proxy_protocol",
    "envoy.listener.tls_inspector": "envoy.filters.listener.tls_inspector",
    "envoy.lua": "envoy.filters.http.lua",
    "envoy.mongo_proxy": "envoy.filters.network.mongo_proxy",
    "envoy.ratelimit": "envoy.filters.network.ratelimit",
    "envoy.rate_limit": "envoy.filters.http.ratelimit",
    "envoy.redis_proxy": "envoy.filters.network.redis_proxy",
    "envoy.router": "envoy.filters.http.router",
    "envoy.squash": "envoy.filters.http.squash",
    "envoy.tcp_proxy": "envoy.filters.network.tcp_proxy",
}
# Packages of Envoy's API that are frozen: their successors are of version 3
_FROZEN = ("envoy.api.v2", "envoy.config.filter.", "envoy.config.accesslog.v2", "envoy.config.trace.v2")


def envoy_filter(body: Field) -> Iterator[Fault]:
    spec = body["spec"]
    if not spec:
        return
    yield spec.remark(
        "configures Envoy directly: what it relies on may change with every release of Istio",
        "EnvoyFilter exposes internal implementation details that may change at any time.",
    )
    selector = spec["workloadSelector"]
    yield from bad_alpha_selector(selector)
    if selector and not selector["labels"].size:
        yield selector.doubtful("has no labels: it selects every workload of the namespace")
    yield from bad_targets(spec, "workloadSelector")
    for entry in spec["configPatches"].items:
        if entry["match"]["context"].text != "WAYPOINT":
            yield from _bad_patch(entry)


def _bad_patch(entry: Field) -> Iterator[Fault]:
    """A patch says to what, what to do, and with what."""
    target, patch, operation = entry["applyTo"].text, entry["patch"], entry["patch"]["operation"].text
    if target in ("", "INVALID"):
        yield entry.wrong("has no applyTo")
    elif not patch:
        yield entry.wrong("has no patch")
    elif operation in ("", "INVALID"):
        yield patch.wrong("has no operation")
    elif operation != "REMOVE" and not patch["value"]:
        yield patch.wrong(f"has no value, which {operation} needs")
    else:
        yield from _bad_version(entry["match"]["proxy"]["proxyVersion"])
        yield from _bad_match(entry["match"], target)
        yield from _bad_value(patch["value"])
        if target in ("NETWORK_FILTER", "HTTP_FILTER") and operation not in ("REMOVE", "MERGE"):
            yield from _untyped(patch["value"])


def _bad_version(version: Field) -> Iterator[Fault]:
    if len(version.text) > MAX_REGEX:
        yield version.doubtful(f"is longer than {MAX_REGEX} characters: ignored")
        return
    try:
        compiled(version.text)
    except NotRE2 as why:
        yield version.wrong(f"is no RE2 expression: {why}")


def _bad_match(match: Field, target: str) -> Iterator[Fault]:
    """The match is of the sort of what is patched."""
    wanted = _MATCHES.get(target)
    given = [n for n in ("listener", "routeConfiguration", "cluster", "waypoint") if match[n]]
    if wanted and given and wanted not in given:
        yield match[given[0]].wrong(f"is no match for {target}: that needs {wanted}")
    elif wanted == "listener":
        yield from _bad_filter(match["listener"]["filterChain"]["filter"], target)


def _bad_filter(chosen: Field, target: str) -> Iterator[Fault]:
    name, inner = chosen["name"], chosen["subFilter"]
    if not chosen:
        return
    if target in ("LISTENER", "FILTER_CHAIN"):
        yield chosen.doubtful(f"does nothing: {target} is patched whatever its filters are")
    if not name.text:
        yield chosen.wrong("has no name")
    elif inner and target != "HTTP_FILTER":
        yield inner.wrong(f"is for HTTP_FILTER, not for {target}")
    elif inner and name.text not in _MANAGERS:
        yield name.wrong(f"is {name.text}, but only {_MANAGERS[0]} has filters within")
    elif inner and not inner["name"].text:
        yield inner.wrong("has no name")
    else:
        for each in (name, inner["name"]):
            if each.text in _RENAMED:
                yield each.doubtful(f"is {each.text}, which is called {_RENAMED[each.text]} now")


def _untyped(value: Field) -> Iterator[Fault]:
    """Envoy tells a filter by the type of its configuration, no more by its name."""
    if not any(value[n] for n in ("typed_config", "typedConfig", "config_discovery", "configDiscovery")):
        yield value.doubtful("has no typed_config: Envoy finds filters by the type of that, no more by their names")


def _bad_value(value: Field, depth: int = 0) -> Iterator[Fault]:
    """Types of Envoy's API before version 3 are unknown to it. What a type has is for Envoy to say."""
    kind = value["@type"]
    name = kind.text.rpartition("/")[2]
    if name.startswith(_FROZEN) or ".v2." in name:
        yield kind.wrong(f"is {name}, which Envoy knows no more: use the type of version 3")
    for part in () if depth > 50 else (*(v for _, v in value.entries), *value.items):
        yield from _bad_value(part, depth + 1)
