"""`meshdoctor proxy POD [PART]`: what one proxy says of itself."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from meshdoctor.collect import decode_envoy
from meshdoctor.collect.decode_config import listener_rows, route_rows
from meshdoctor.collect.live import collect
from meshdoctor.collect.proxies import ADMIN
from meshdoctor.commands.proxies import why_unknown
from meshdoctor.commands.session import Waiting, open_api, options, run_async
from meshdoctor.commands.terminal import wants_colour
from meshdoctor.istio.find import proxy_named
from meshdoctor.istio.sync import ProxyRow, proxy_rows
from meshdoctor.kube.pods import WHOLE
from meshdoctor.model.text import plain
from meshdoctor.reports.tables import table

COULD_NOT_SEE = 3
Rows = tuple[Sequence[str], list[Sequence[object]]]
PATHS: dict[str, str] = {
    "clusters": "/clusters?format=json",
    "endpoints": "/clusters?format=json",
    "listeners": "/config_dump?mask=dynamic_listeners,static_listeners",
    "routes": "/config_dump?mask=dynamic_route_configs,static_route_configs",
    "certs": "/certs",
}


def run(arguments: argparse.Namespace) -> int:
    """Print one part of one proxy as a table or JSON."""
    with Waiting(colour=not arguments.no_color) as waiting:
        (head, rows), unknown = run_async(_ask(arguments, waiting))
    if arguments.output == "json":
        from meshdoctor.reports import schema

        print(schema.encode([{h.lower() or "state": str(v) for h, v in zip(head, row, strict=True)} for row in rows]))
    else:
        if arguments.part == "diff":
            from meshdoctor.commands.proxy_diff import differing

            rows = differing(rows)
        print(table(head, rows, colour=wants_colour(arguments)), end="")
    if unknown:
        print(plain(f"meshdoctor: {unknown}", 600), file=sys.stderr)
    return COULD_NOT_SEE if unknown else 0


async def _ask(arguments: argparse.Namespace, waiting: Waiting) -> tuple[Rows, str]:
    """What is printed, and why it is unknown; nothing where it is known."""
    async with open_api(arguments) as api:
        mesh = await collect(api, options(arguments, api), waiting)
        pod = proxy_named(mesh, arguments.pod, arguments.namespace)
        limit = WHOLE if arguments.full else None
        if arguments.part == "sync":
            row = next(r for r in proxy_rows(mesh) if (r.namespace, r.name) == (pod.namespace, pod.name))
            return _sync(row), why_unknown(mesh) if row.state == "UNKNOWN" else ""
        if arguments.part == "diff":
            from meshdoctor.commands.proxy_diff import diff

            return await diff(api, mesh, pod, limit), ""
        answer = await api.pod_get(pod.namespace, pod.name, ADMIN, PATHS[arguments.part], limit=limit)
        return RENDER[arguments.part](answer.body), ""


def _sync(row: ProxyRow) -> Rows:
    head = ("", "TYPE", "STATE", "SENT", "ISTIOD")
    types = sorted(row.states) or ["-"]
    ages = {k: f"{row.ages[k]:.0f} s ago" for k in row.ages}
    return head, [(row.glyph, k, row.states.get(k, row.state), ages.get(k, ""), row.istiod or "none") for k in types]


def _clusters(body: bytes) -> Rows:
    head = ("", "CLUSTER", "ENDPOINTS", "HEALTHY", "CONNECTIONS", "PENDING", "REQUESTS")
    rows: list[Sequence[object]] = []
    for c in decode_envoy.clusters(body):
        healthy = sum(not h.ejected and not h.failed_active_check and h.eds_health == "HEALTHY" for h in c.hosts)
        glyph = "○" if not c.hosts else "●" if healthy == len(c.hosts) else "▲" if healthy else "✖"
        limits = [_limit(c.limits.get(k)) for k in ("max_connections", "max_pending_requests", "max_requests")]
        rows.append((glyph, c.name, len(c.hosts), healthy, *limits))
    return head, sorted(rows, key=lambda r: str(r[1]))


def _limit(value: int | None) -> str:
    """A circuit breaker's maximum; Envoy's largest number means none."""
    return "unknown" if value is None else "no limit" if value >= 4294967295 else str(value)


def _endpoints(body: bytes) -> Rows:
    head = ("", "CLUSTER", "ENDPOINT", "HEALTH", "CONNECT FAILS", "ERRORS", "ACTIVE")
    rows: list[Sequence[object]] = []
    for c in decode_envoy.clusters(body):
        for h in c.hosts:
            health = "ejected" if h.ejected else "failed check" if h.failed_active_check else h.eds_health.lower()
            glyph = "●" if health == "healthy" else "✖"
            figures = (h.stats.get("cx_connect_fail", 0), h.stats.get("rq_error", 0), h.stats.get("rq_active", 0))
            rows.append((glyph, c.name, f"{h.address}:{h.port}", health, *figures))
    return head, sorted(rows, key=lambda r: (str(r[1]), str(r[2])))


def _certs(body: bytes) -> Rows:
    head = ("ROLE", "NAMES", "SERIAL", "FROM", "UNTIL")
    return head, [(c.role, ", ".join(c.sans) or "-", c.serial, c.valid_from, c.expires) for c in decode_envoy.certs(body)]


RENDER: dict[str, Callable[[bytes], Rows]] = {
    "clusters": _clusters,
    "endpoints": _endpoints,
    "certs": _certs,
    "listeners": lambda body: (("LISTENER", "ADDRESS", "CHAINS", "STATE"), listener_rows(body)),
    "routes": lambda body: (("ROUTE", "VIRTUAL HOST", "DOMAINS", "MATCH", "DESTINATION"), route_rows(body)),
}
