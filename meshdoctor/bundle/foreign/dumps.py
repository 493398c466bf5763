"""What istiod and the proxies said, in the files of a bundle."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from meshdoctor.bundle.archive import Answer
from meshdoctor.bundle.foreign.found import JSON, Found
from meshdoctor.bundle.unpack import Notes
from meshdoctor.collect import proxies

ISTIOD = 15014
_ISTIOD = re.compile(r"(?:^|/)istio/(?P<ns>[^/]+)/(?P<pod>[^/]+)/(?P<what>debug/\w+|metrics|version)$")
_PROXY = re.compile(
    r"(?:^|/)proxies/(?P<ns>[^/]+)/(?P<pod>[^/]+)/(?P<what>certs|clusters|config_dump[^/]*|listeners|memory|server_info)$"
)
_GATHERED = re.compile(
    r"(?:^|/)namespaces/(?P<ns>[^/]+)/pods?/(?P<pod>[^/]+)/(?:[^/]+/)*(?P<what>debug-syncz|config_dump_proxy|proxy_stats)\.json$"
)
_TEXT_HOST = re.compile(r"(?P<cluster>.+?)::(?P<address>\[[0-9a-f:]+\]|[^:]+):(?P<port>\d+)::(?P<name>\w+)::(?P<value>.*)")
_LIMIT = re.compile(r"(?P<cluster>.+?)::default_priority::(?P<name>max_\w+)::(?P<value>\d+)")
_HEALTH = {"failed_outlier_check": "failed_outlier_check", "failed_active_hc": "failed_active_health_check"}


def dump_answers(bodies: Mapping[str, bytes], found: Found, notes: Notes) -> dict[str, Answer]:
    """The answers of the pods' ports, as they would be given to us."""
    answers: dict[str, Answer] = {}
    for path, body in bodies.items():
        for key, answer in _answers(path, body, notes):
            answers[key] = answer
    return answers


def _answers(path: str, body: bytes, notes: Notes) -> Iterator[tuple[str, Answer]]:
    istiod, proxy, gathered = _ISTIOD.search(path), _PROXY.search(path), _GATHERED.search(path)
    match = istiod or proxy or gathered
    if match is None or not body.strip():
        return
    where = f"pod {match['ns']}/{match['pod']}"
    what = match["what"]
    try:
        if istiod:
            yield f"{where}:{ISTIOD} GET /{what}", Answer(200, JSON, body)
        elif what == "debug-syncz":
            yield f"{where}:{ISTIOD} GET /debug/syncz", Answer(200, JSON, body)
        elif what.startswith("config_dump"):
            yield from ((f"{where}:{proxies.ADMIN} GET {q}", Answer(200, JSON, b)) for q, b in _from_dump(body))
        elif what == "clusters":
            yield f"{where}:{proxies.ADMIN} GET /clusters?format=json", Answer(200, JSON, _clusters(body))
        elif what == "listeners":
            yield f"{where}:{proxies.ADMIN} GET /listeners?format=json", Answer(200, JSON, _listeners(body))
        else:
            yield f"{where}:{proxies.ADMIN} GET /{what}", Answer(200, JSON, body)
    except (msgspec.DecodeError, ValueError, TypeError, AttributeError, RecursionError):
        notes.skip("it is no dump that can be read")


def _from_dump(body: bytes) -> Iterator[tuple[str, bytes]]:
    """What Envoy answers to the narrower questions that are asked live, taken from its whole configuration."""
    configs = [c for c in msgspec.json.decode(body).get("configs", []) if isinstance(c, dict)]

    def section(name: str) -> list[dict[str, Any]]:
        return [c for c in configs if str(c.get("@type", "")).endswith(f".{name}ConfigDump")]

    dynamic = [d for c in section("Listeners") for d in c.get("dynamic_listeners", []) if isinstance(d, dict)]
    refused = [{k: d[k] for k in ("name", "error_state") if k in d} for d in dynamic]
    for entry in refused:
        if isinstance(entry.get("error_state"), dict):
            entry["error_state"] = {k: v for k, v in entry["error_state"].items() if k in ("details", "last_update_attempt")}
    yield proxies.REJECTED, _dump(refused)
    yield proxies.ALL_LISTENERS, _dump(dynamic)
    yield proxies.INBOUND, _dump([d for d in dynamic if "virtualInbound" in str(d.get("name", ""))])
    yield proxies.SECRETS, _dump(section("Secrets"))
    yield "/config_dump?mask=dynamic_listeners,static_listeners", _dump(section("Listeners"))
    yield "/config_dump?mask=dynamic_route_configs,static_route_configs", _dump(section("Routes"))
    yield "/config_dump?mask=dynamic_active_clusters,dynamic_warming_clusters,static_clusters", _dump(section("Clusters"))


def _dump(configs: list[Any]) -> bytes:
    return msgspec.json.encode({"configs": configs})


def _clusters(body: bytes) -> bytes:
    """Envoy's text of clusters as its JSON."""
    if body.lstrip()[:1] == b"{":
        return body
    hosts: dict[str, dict[tuple[str, str], dict[str, Any]]] = {}
    limits: dict[str, dict[str, Any]] = {}
    for line in body.decode("utf-8", "replace").splitlines():
        if limit := _LIMIT.fullmatch(line):
            limits.setdefault(limit["cluster"], {"priority": "DEFAULT"})[limit["name"]] = int(limit["value"])
            hosts.setdefault(limit["cluster"], {})
        elif host := _TEXT_HOST.fullmatch(line):
            entry = hosts.setdefault(host["cluster"], {}).setdefault(
                (host["address"], host["port"]), _host(host["address"], host["port"])
            )
            _take(entry, host["name"], host["value"])
    statuses = [
        {
            "name": name,
            "host_statuses": list(some.values()),
            "circuit_breakers": {"thresholds": [limits[name]] if name in limits else []},
        }
        for name, some in hosts.items()
    ]
    return msgspec.json.encode({"cluster_statuses": statuses})


def _host(address: str, port: str) -> dict[str, Any]:
    where = {"socket_address": {"address": address.strip("[]"), "port_value": int(port)}}
    return {"address": where, "stats": [], "health_status": {"eds_health_status": "HEALTHY"}}


def _take(entry: dict[str, Any], name: str, value: str) -> None:
    if name == "health_flags":
        for flag in value.strip("/").split("/"):
            if flag in _HEALTH:
                entry["health_status"][_HEALTH[flag]] = True
            elif flag in ("failed_eds_health", "degraded_eds_health"):
                entry["health_status"]["eds_health_status"] = "UNHEALTHY" if flag.startswith("failed") else "DEGRADED"
    elif value.isdecimal():
        entry["stats"].append({"name": name, "value": value})


def _listeners(body: bytes) -> bytes:
    """Envoy's text of listeners as its JSON."""
    if body.lstrip()[:1] == b"{":
        return body
    statuses = []
    for line in body.decode("utf-8", "replace").splitlines():
        name, _, where = line.partition("::")
        address, _, port = where.rpartition(":")
        if port.isdecimal():
            local = {"socket_address": {"address": address.strip("[]"), "port_value": int(port)}}
            statuses.append({"name": name, "local_address": local})
    return msgspec.json.encode({"listener_statuses": statuses})
