"""Traffic policies: connection pools, outlier detection, tunnels, policies of ports."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.fields.client_tls import bad_client_tls
from meshdoctor.istio.fields.common import bad_duration, bad_port, nanoseconds
from meshdoctor.istio.fields.load_balancer import bad_load_balancer
from meshdoctor.istio.fields.names import is_address, not_fqdn
from meshdoctor.istio.fields.reading import Field
from meshdoctor.istio.schema.fault import Fault

_OF_PORTS = ("outlierDetection", "connectionPool", "loadBalancer", "tls")
_ALL = (*_OF_PORTS, "portLevelSettings", "tunnel", "proxyProtocol", "retryBudget")


def bad_traffic_policy(policy: Field, namespace: str) -> Iterator[Fault]:
    if not policy:
        return
    if not any(policy[name] for name in _ALL):
        yield policy.wrong("says nothing: it needs at least one setting")
        return
    if policy["tunnel"] and policy["proxyProtocol"]:
        yield policy["proxyProtocol"].wrong("stands beside tunnel: only one of them may be set")
    yield from _bad_settings(policy, namespace)
    for port in policy["portLevelSettings"].items:
        if not port["port"]:
            yield port.wrong("names no port")
        if not any(port[name] for name in _OF_PORTS):
            yield port.wrong("says nothing: it needs at least one setting")
        yield from _bad_settings(port, namespace)
    yield from _bad_tunnel(policy["tunnel"])


def _bad_settings(policy: Field, namespace: str) -> Iterator[Fault]:
    yield from _bad_outlier(policy["outlierDetection"])
    yield from bad_pool(policy["connectionPool"])
    yield from bad_load_balancer(policy["loadBalancer"], policy["outlierDetection"])
    yield from bad_client_tls(policy["tls"], namespace)


def _bad_outlier(outlier: Field) -> Iterator[Fault]:
    local = outlier["consecutiveLocalOriginFailures"]
    yield from bad_duration(outlier["baseEjectionTime"])
    yield from bad_duration(outlier["interval"])
    if outlier["consecutiveErrors"].number:
        yield outlier["consecutiveErrors"].doubtful("is deprecated: use consecutive5xxErrors or consecutiveGatewayErrors")
    if local.number > 0 and not outlier["splitExternalLocalOriginErrors"].on:
        yield local.wrong("counts only with splitExternalLocalOriginErrors: true")
    for name in ("maxEjectionPercent", "minHealthPercent"):
        if not 0 <= outlier[name].number <= 100:
            yield outlier[name].wrong(f"is {outlier[name].value}, a percentage is between 0 and 100")


def bad_pool(pool: Field) -> Iterator[Fault]:
    """A connection pool: counts are not negative, times are durations."""
    http, tcp = pool["http"], pool["tcp"]
    if not pool:
        return
    if not http and not tcp:
        yield pool.wrong("says nothing: it needs tcp or http")
    counts = ("http1MaxPendingRequests", "http2MaxRequests", "maxRequestsPerConnection", "maxRetries", "maxConcurrentStreams")
    for count in (*(http[n] for n in counts), tcp["maxConnections"]):
        if count.number < 0:
            yield count.wrong("is negative")
    if http["h2UpgradePolicy"].text == "UPGRADE" and http["useClientProtocol"].on:
        yield http["useClientProtocol"].wrong("keeps the client's protocol, but h2UpgradePolicy upgrades it")
    alive = http["http2KeepAlive"]
    for name in ("interval", "timeout"):
        if alive and not alive[name]:
            yield alive.wrong(f"has no {name}")
    times = [http["idleTimeout"], alive["interval"], alive["timeout"], tcp["connectTimeout"], tcp["maxConnectionDuration"]]
    idle = [tcp["idleTimeout"]] if nanoseconds(tcp["idleTimeout"]) != 0 else []  # 0s: never
    for time in (*times, *idle, tcp["tcpKeepalive"]["time"], tcp["tcpKeepalive"]["interval"]):
        yield from bad_duration(time)


def _bad_tunnel(tunnel: Field) -> Iterator[Fault]:
    if not tunnel:
        return
    protocol, host = tunnel["protocol"], tunnel["targetHost"]
    if protocol.text not in ("", "CONNECT", "POST"):
        yield protocol.wrong(f"is {protocol.text}, it must be CONNECT or POST")
    if not_fqdn(host.text) and not is_address(host.text):
        yield host.wrong(f"is {host.text!r}, which is neither a host nor an address")
    yield from bad_port(tunnel["targetPort"])
