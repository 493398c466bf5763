"""Listeners and routes of a config dump, as rows to read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec


def _configs(body: bytes, field: str) -> Iterator[dict[str, Any]]:
    answer = msgspec.json.decode(body)
    for section in answer.get("configs", []) if isinstance(answer, dict) else []:
        yield from (entry for entry in section.get(field, []) if isinstance(entry, dict))


def listener_rows(body: bytes) -> list[Sequence[object]]:
    """(name, address, filter chains, state) of each listener."""
    rows: list[Sequence[object]] = []
    for entry in _configs(body, "dynamic_listeners"):
        state = next((s for s in ("warming", "draining", "active") if f"{s}_state" in entry), "none")
        if entry.get("error_state", {}).get("details"):
            state = "refused: " + str(entry["error_state"]["details"])
        listener = (entry.get("active_state") or entry.get("warming_state") or {}).get("listener", {})
        rows.append((entry.get("name", ""), _address(listener), len(listener.get("filter_chains", [])), state))
    for entry in _configs(body, "static_listeners"):
        listener = entry.get("listener", {})
        rows.append((listener.get("name", ""), _address(listener), len(listener.get("filter_chains", [])), "static"))
    return sorted(rows, key=lambda r: (str(r[1]), str(r[0])))


def _address(listener: dict[str, Any]) -> str:
    address = listener.get("address", {}).get("socket_address", {})
    return f"{address.get('address', '')}:{address.get('port_value', '')}" if address else ""


def route_rows(body: bytes) -> list[Sequence[object]]:
    """(route configuration, virtual host, domains, match, destination) of each route."""
    rows: list[Sequence[object]] = []
    for field in ("dynamic_route_configs", "static_route_configs"):
        for entry in _configs(body, field):
            config = entry.get("route_config", {})
            for host in config.get("virtual_hosts", []):
                domains = host.get("domains", [])
                shown = ", ".join(domains[:2]) + (f" +{len(domains) - 2}" if len(domains) > 2 else "")
                for route in host.get("routes", []):
                    rows.append((config.get("name", ""), host.get("name", ""), shown, _match(route), _goes_to(route)))
    return rows


def _match(route: dict[str, Any]) -> str:
    match = route.get("match", {})
    for key in ("path", "prefix", "path_separated_prefix"):
        if key in match:
            return f"{match[key]}{'' if key == 'path' else '*'}"
    regex = match.get("safe_regex", {}).get("regex")
    return f"~ {regex}" if regex else "any"


def _goes_to(route: dict[str, Any]) -> str:
    action = route.get("route", {})
    weighted = action.get("weighted_clusters", {}).get("clusters", [])
    if weighted:
        return ", ".join(f"{c.get('name', '')} {c.get('weight', 0)} %" for c in weighted)
    if "redirect" in route:
        return "redirect"
    if "direct_response" in route:
        return f"answers {route['direct_response'].get('status', '')}"
    return str(action.get("cluster", "") or action.get("cluster_header", ""))
