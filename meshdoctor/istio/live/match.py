"""What Envoy matches a request by: filter chains, domains of virtual hosts, routes.

Source: envoyproxy.io, FilterChainMatch, VirtualHost.domains, RouteMatch, HeaderMatcher, QueryParameterMatcher.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qs

import msgspec

from meshdoctor.model.envoy_config import (
    ChainMatch,
    FilterChain,
    Listener,
    Route,
    RouteConfig,
    RouteMatch,
    StringMatcher,
    ValueMatch,
    VirtualHost,
)


class Connection(msgspec.Struct, frozen=True):
    """What a listener sees of a connection: where it goes to, and its server name where it is TLS."""

    ip: str = ""
    port: int = 0
    sni: str = ""
    is_tls: bool = False


def chain_of(listener: Listener, connection: Connection) -> FilterChain | None:
    """The filter chain that takes a connection: the most specific that fits, else the default one."""
    fit = [(rank, c) for c in listener.filter_chains if (rank := _rank(c.filter_chain_match, connection)) is not None]
    return max(fit, key=lambda f: f[0])[1] if fit else listener.default_filter_chain


def _rank(match: ChainMatch, connection: Connection) -> tuple[int, ...] | None:
    """How specific a match is, in the order in which Envoy compares; None where it does not fit."""
    if match.destination_port and match.destination_port != connection.port:
        return None
    lengths = [p.prefix_len for p in match.prefix_ranges if _within(connection.ip, p.address_prefix, p.prefix_len)]
    names = [_name_rank(n, connection.sni) for n in match.server_names]
    transport = "tls" if connection.is_tls else "raw_buffer"
    if (match.prefix_ranges and not lengths) or (match.server_names and max(names) < 0):
        return None
    if match.transport_protocol not in ("", transport):
        return None
    if match.application_protocols and (connection.is_tls or "http/1.1" not in match.application_protocols):
        return None
    return (
        match.destination_port > 0,
        max(lengths, default=-1),
        max(names, default=-1),
        bool(match.transport_protocol),
        bool(match.application_protocols),
    )


def _within(ip: str, prefix: str, length: int) -> bool:
    try:
        return ipaddress.ip_address(ip) in ipaddress.ip_network(f"{prefix}/{length}", strict=False)
    except ValueError:
        return False


def _name_rank(pattern: str, name: str) -> int:
    if pattern == name:
        return 10_000
    fits = pattern.startswith("*") and name.endswith(pattern[1:])
    return len(pattern) if fits else -1


def virtual_host_of(config: RouteConfig, authority: str) -> VirtualHost | None:
    """The virtual host of a Host header: exact, then the longest `*.suffix`, the longest `prefix.*`, `*`."""
    authority = authority.lower()
    if config.ignore_port_in_host_matching and not authority.endswith("]"):
        authority = re.sub(r":\d+$", "", authority)
    best: tuple[tuple[int, int], VirtualHost] | None = None
    for host in config.virtual_hosts:
        for domain in host.domains:
            rank = _domain_rank(domain.lower(), authority)
            if rank is not None and (best is None or rank > best[0]):
                best = rank, host
    return best[1] if best else None


def _domain_rank(domain: str, authority: str) -> tuple[int, int] | None:
    if domain == authority:
        return 3, 0
    if domain == "*":
        return 0, 0
    if domain.startswith("*"):
        return (2, len(domain)) if authority.endswith(domain[1:]) and len(authority) >= len(domain) else None
    if domain.endswith("*"):
        return (1, len(domain)) if authority.startswith(domain[:-1]) and len(authority) >= len(domain) else None
    return None


def route_of(routes: Iterable[Route], path: str, headers: Mapping[str, str]) -> tuple[int, Route] | None:
    """The first route that takes a request, and its number. `headers` has `:method`, `:authority` and `:scheme` too."""
    return next(((n, r) for n, r in enumerate(routes) if takes(r.match, path, headers)), None)


def takes(match: RouteMatch, path: str, headers: Mapping[str, str]) -> bool:
    """Whether a route takes a request: path, headers and query parameters, all of them."""
    bare, _, query = path.partition("?")
    given = {name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()}
    return (
        _path(match, bare)
        and all(_value(m, headers.get(m.name.lower())) for m in match.headers)
        and all(_value(m, given.get(m.name)) for m in match.query_parameters)
    )


def _path(match: RouteMatch, path: str) -> bool:
    folded = path if match.case_sensitive else path.lower()

    def fold(text: str) -> str:
        return text if match.case_sensitive else text.lower()

    if match.path is not None:
        return folded == fold(match.path)
    if match.prefix is not None:
        return folded.startswith(fold(match.prefix))
    if match.path_separated_prefix is not None:
        prefix = fold(match.path_separated_prefix)
        return folded == prefix or folded.startswith(f"{prefix}/")
    return match.safe_regex is None or _fully(match.safe_regex.regex, path)


def _value(match: ValueMatch, value: str | None) -> bool:
    if value is None and match.treat_missing_header_as_empty:
        value = ""
    if match.present_match is not None:
        return ((value is not None) == match.present_match) != match.invert_match
    if value is None:
        return match.invert_match
    return _says(match, value) != match.invert_match


def _says(match: ValueMatch, value: str) -> bool:
    if match.range_match is not None:
        return value.lstrip("-").isdigit() and match.range_match.start <= int(value) < match.range_match.end
    old = StringMatcher(match.exact_match, match.prefix_match, match.suffix_match, None, match.safe_regex_match)
    return _string(match.string_match or old, value)


def _string(wanted: StringMatcher, value: str) -> bool:
    def fold(text: str) -> str:
        return text.lower() if wanted.ignore_case else text

    value = fold(value)
    if wanted.exact is not None:
        return value == fold(wanted.exact)
    if wanted.prefix is not None:
        return value.startswith(fold(wanted.prefix))
    if wanted.suffix is not None:
        return value.endswith(fold(wanted.suffix))
    if wanted.contains is not None:
        return fold(wanted.contains) in value
    return wanted.safe_regex is None or _fully(wanted.safe_regex.regex, value)


def _fully(pattern: str, text: str) -> bool:
    try:
        return re.fullmatch(pattern, text) is not None
    except re.error:
        return False
