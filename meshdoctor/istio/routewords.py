"""Matches and rules of routes in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from meshdoctor.istio.hosts import fqdn
from meshdoctor.istio.order import Match, Rule
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import Destination, HTTPMatchRequest, HTTPRoute, StringMatch, VirtualService
from meshdoctor.model.redact import redact


def match_words(kind: str, match: Match) -> str:
    """`/api*, GET, header x-user=root`, or `every request`."""
    parts = list(_http(match)) if isinstance(match, HTTPMatchRequest) else []
    if not isinstance(match, HTTPMatchRequest):
        parts += [f"SNI {', '.join(match.sni_hosts)}"] if match.sni_hosts else []
        parts += [f"addresses {', '.join(match.destination_subnets)}"] if match.destination_subnets else []
    parts += [f"port {match.port}"] if match.port else []
    parts += [f"from namespace {match.source_namespace}"] if match.source_namespace else []
    parts += [f"from {', '.join(f'{k}={v}' for k, v in match.source_labels.items())}"] if match.source_labels else []
    whole = "every request" if kind == "http" else f"every {kind.upper()} connection"
    return ", ".join(parts) or whole


def _http(match: HTTPMatchRequest) -> Iterator[str]:
    if match.uri is not None:
        yield _string(match.uri) + (" (any case)" if match.ignore_uri_case else "")
    for name in ("method", "authority", "scheme"):
        value: StringMatch | None = getattr(match, name)
        if value is not None:
            yield f"{name} {_string(value)}"
    yield from (f"header {n}={_string(v)}" for n, v in match.headers.items())
    yield from (f"without header {n}={_string(v)}" for n, v in match.without_headers.items())
    yield from (f"query {n}={_string(v)}" for n, v in match.query_params.items())


def _string(value: StringMatch) -> str:
    if value.prefix is not None:
        return f"{value.prefix}*"
    if value.regex is not None:
        return f"regex {value.regex}"
    return value.exact if value.exact is not None else "any"


def action(mesh: Mesh, owner: VirtualService, rule: Rule) -> str:
    """`catalog.shop v1 80 %, catalog.shop v2 20 %; timeout 5s`: where a rule sends requests and what it does with them."""
    said = [_destinations(mesh, owner, rule)]
    if isinstance(rule, HTTPRoute):
        if rule.redirect is not None:
            said = [f"redirect {pairs(rule.redirect)}"]
        if rule.direct_response is not None:
            said = [f"answer {rule.direct_response.get('status', '')}"]
        said += list(_options(mesh, owner, rule))
    return redact("; ".join(said))  # headers that a rule sets may hold a credential


def _destinations(mesh: Mesh, owner: VirtualService, rule: Rule) -> str:
    total = sum(r.weight for r in rule.route)
    said = []
    for each in rule.route:
        if not total or each.weight:
            share = f" {100 * each.weight / total:.3g} %" if total and each.weight != total else ""
            headers = f" (headers {pairs(each.headers)})" if each.headers else ""
            said.append(f"{destination_words(mesh, owner.namespace, each.destination)}{share}{headers}")
    return ", ".join(said) or "nowhere"


def destination_words(mesh: Mesh, namespace: str, destination: Destination) -> str:
    """`catalog.shop:8080 v1`: the host without the cluster's own suffix, port and subset."""
    host = short_host(mesh, fqdn(destination.host, namespace, mesh.cluster.domain).lower())
    port = f":{destination.port.number}" if destination.port and destination.port.number else ""
    return f"{host}{port}{f' {destination.subset}' if destination.subset else ''}"


def short_host(mesh: Mesh, host: str) -> str:
    """A Service's name without `.svc.cluster.local`."""
    return host.removesuffix(f".svc.{mesh.cluster.domain}")


def _options(mesh: Mesh, owner: VirtualService, rule: HTTPRoute) -> Iterator[str]:
    if rule.timeout:
        yield f"timeout {rule.timeout}"
    if rule.retries:
        each = f" of {rule.retries.per_try_timeout}" if rule.retries.per_try_timeout else ""
        yield f"{rule.retries.attempts} retries{each}{f' on {rule.retries.retry_on}' if rule.retries.retry_on else ''}"
    if rule.fault:
        yield from _fault(rule)
    for name, value in (("rewrite", rule.rewrite), ("headers", rule.headers), ("cors", rule.cors_policy)):
        if value:
            yield f"{name} {pairs(value)}"
    mirrors = [(rule.mirror, rule.mirror_percentage)] if rule.mirror else []
    for target, percent in (*mirrors, *((m.destination, m.percentage) for m in rule.mirrors)):
        share = f" for {percent.value:g} %" if percent else ""
        yield f"copied to {destination_words(mesh, owner.namespace, target)}{share}"


def _fault(rule: HTTPRoute) -> Iterator[str]:
    delay, abort = (rule.fault.delay, rule.fault.abort) if rule.fault else (None, None)
    if delay:
        share = f" for {delay.percentage.value if delay.percentage else delay.percent:g} %"
        yield f"delayed {delay.fixed_delay}{share if delay.percentage or delay.percent else ''}"
    if abort:
        share = f" for {abort.percentage.value:g} %" if abort.percentage else ""
        yield f"aborted with {abort.http_status or abort.grpc_status}{share}"


def pairs(value: Any) -> str:
    """`name value, other value`: a nested part of an object in a line."""
    if isinstance(value, dict):
        return ", ".join(f"{k} {pairs(v)}" for k, v in sorted(value.items()))
    if isinstance(value, (list, tuple)):
        return " ".join(pairs(v) for v in value)
    return str(value)
