"""Rows of what one Envoy answers: each takes the bytes of an admin path and gives what its tab shows. Pure.

The decoders are imported where they are used: they read certificates, and the first frame does not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from meshdoctor.model.envoy import ClusterStatus
from screens.text import Run, badge, duration
from screens.widgets.rows import Column, Row

SOON = 3600.0
UNLIMITED = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Tab:
    """One part of an Envoy: the path that is asked, its columns, and how the answer becomes rows."""

    name: str
    path: str
    columns: Sequence[Column]
    rows: Callable[[bytes, datetime], Iterator[Row]]
    note: str = ""


def _listeners(body: bytes, now: datetime) -> Iterator[Row]:
    from meshdoctor.collect import decode_config

    for number, (name, address, chains, state) in enumerate(decode_config.listener_rows(body)):
        said = f"{state}"
        role = "FAIL" if said.startswith("refused") else "WARN" if said in ("warming", "draining", "none") else "OK"
        cells = (badge(role, said), f"{address}", f"{chains}", f"{name}")
        yield Row(f"{number} {name}", cells, {"state": said}, is_fault=role != "OK")


def _routes(body: bytes, now: datetime) -> Iterator[Row]:
    from meshdoctor.collect import decode_config

    for number, cells in enumerate(decode_config.route_rows(body)):
        config, host, domains, match, target = (f"{c}" for c in cells)
        target = ", ".join(short(one) for one in target.split(", "))
        broken = target in ("", "BlackHoleCluster")
        goes = Run(f"▲ {target or 'nowhere'}", "warn") if broken else Run(target)
        yield Row(f"{number}", (config, domains, match, goes, host), {"route": config}, is_fault=broken)


def _clusters(body: bytes, now: datetime) -> Iterator[Row]:
    from meshdoctor.collect import decode_envoy

    for cluster in decode_envoy.clusters(body):
        direction, port, subset, host = _parts(cluster.name)
        well = sum(h.eds_health == "HEALTHY" and not h.ejected and not h.failed_active_check for h in cluster.hosts)
        total = len(cluster.hosts)
        state = "OK" if total and well == total else "absent" if not total else "FAIL" if not well else "partly"
        errors = sum(h.stats.get("rq_error", 0) + h.stats.get("cx_connect_fail", 0) for h in cluster.hosts)
        failed = Run(f"{errors:,}", "warn") if errors else Run("0", "dim")
        cells: tuple[Run | str, ...] = (
            badge(state, f"{well}/{total}"),
            host,
            port,
            subset,
            direction,
            failed,
            _limit(cluster),
        )
        yield Row(cluster.name, cells, {"name": host, "direction": direction}, is_fault=state in ("FAIL", "partly"))


def short(cluster: str) -> str:
    """A cluster's name as people say it: `catalog.shop:8080 v1` for `outbound|8080|v1|catalog.shop.svc.cluster.local`."""
    direction, port, subset, host = _parts(cluster)
    if not direction:
        return cluster
    name = "" if host == direction else host.removesuffix(".svc.cluster.local")
    said = f"{name}:{port} {subset}".strip() if name else f"{direction} {port}"
    return said if direction == "outbound" or not name else f"{direction} {said}"


def _limit(cluster: ClusterStatus) -> Run:
    most = cluster.limits.get("max_connections")
    return Run("none", "dim") if most is None or most >= UNLIMITED else Run(f"{most:,}")


def _parts(name: str) -> tuple[str, str, str, str]:
    """`outbound|8080|v1|host` taken apart; other names are the host."""
    pieces = name.split("|")
    return (pieces[0], pieces[1], pieces[2], pieces[3] or pieces[0]) if len(pieces) == 4 else ("", "", "", name)


def _endpoints(body: bytes, now: datetime) -> Iterator[Row]:
    from meshdoctor.collect import decode_envoy

    for cluster in decode_envoy.clusters(body):
        for host in cluster.hosts:
            words = [host.eds_health.lower()]
            words += ["ejected"] if host.ejected else []
            words += ["health check failed"] if host.failed_active_check else []
            well = words == ["healthy"]
            figures = [host.stats.get(k, 0) for k in ("cx_active", "rq_active", "cx_connect_fail", "rq_error", "rq_timeout")]
            bad = any(figures[2:])
            shown = [Run(f"{v:,}", "warn" if v and n > 1 else "" if v else "dim") for n, v in enumerate(figures)]
            cells: tuple[Run | str, ...] = (
                badge("OK" if well else "FAIL", ", ".join(words)),
                f"{host.address}:{host.port}",
                short(cluster.name),
                *shown,
            )
            yield Row(f"{cluster.name} {host.address}:{host.port}", cells, {"name": cluster.name}, is_fault=bad or not well)


def _certificates(body: bytes, now: datetime) -> Iterator[Row]:
    from meshdoctor.collect import decode_envoy
    from meshdoctor.istio.certificates import seconds_left

    for number, one in enumerate(decode_envoy.certs(body)):
        left = seconds_left(one, now)
        state = "UNKNOWN" if left is None else "FAIL" if left <= 0 else "WARN" if left < SOON else "OK"
        word = "" if left is None else f"ends in {duration(left)}" if left > 0 else f"ended {duration(-left)} ago"
        cells = (badge(state, word), one.role, ", ".join(one.sans), one.serial)
        yield Row(f"{number} {one.serial}", cells, {"role": one.role}, is_fault=state != "OK")


def _server(body: bytes, now: datetime) -> Iterator[Row]:
    answer = json.loads(body)
    info = answer if isinstance(answer, dict) else {}
    options = info.get("command_line_options") or {}
    node = info.get("node") or {}
    told = {
        "state": info.get("state", ""),
        "version": info.get("version", ""),
        "uptime": spaced(info.get("uptime_current_epoch", "")),
        "log level at start": options.get("log_level", ""),
        "component levels at start": options.get("component_log_level", ""),
        "concurrency": options.get("concurrency", ""),
        "drain time": spaced(options.get("drain_time", "")),
        "node": node.get("id", ""),
    }
    for name, value in told.items():
        role = "bad" if name == "state" and value not in ("LIVE", "") else ""
        yield Row(name, (name, Run(f"{value}", role)), {}, is_fault=bool(role))


def spaced(seconds: object) -> str:
    """Envoy's `104s` as all other figures have it."""
    said = f"{seconds}"
    return f"{said[:-1]} s" if said[:-1].isdecimal() and said.endswith("s") else said


MASK = "config_dump?mask="
TABS = (
    Tab(
        "listeners",
        f"{MASK}dynamic_listeners,static_listeners",
        (
            Column("STATE", 9, 60, keep=True),
            Column("ADDRESS", 12, 30, keep=True),
            Column("CHAINS", align="right"),
            Column("NAME", 16, 70),
        ),
        _listeners,
    ),
    Tab(
        "routes",
        f"{MASK}dynamic_route_configs,static_route_configs",
        (
            Column("ROUTE", 8, 40, keep=True),
            Column("DOMAINS", 24, 60, keep=True),
            Column("MATCH", 6, 40),
            Column("GOES TO", 22, 70, is_name=True, keep=True),
            Column("VIRTUAL HOST", 30, 50),
        ),
        _routes,
    ),
    Tab(
        "clusters",
        "clusters?format=json",
        (
            Column("WELL", 6, keep=True),
            Column("HOST", 24, 70, keep=True),
            Column("PORT", align="right"),
            Column("SUBSET", 6, 20),
            Column("DIRECTION", 8),
            Column("FAILED", align="right"),
            Column("MAX CONNECTIONS", align="right", most=12),
        ),
        _clusters,
    ),
    Tab(
        "endpoints",
        "clusters?format=json",
        (
            Column("STATE", 9, 40, keep=True),
            Column("ENDPOINT", 21, 46, keep=True),
            Column("SERVICE", 24, 60, is_name=True, keep=True),
            *(Column(t, align="right") for t in ("CONNS", "ACTIVE", "NO CONNECT", "ERRORS", "TIMEOUTS")),
        ),
        _endpoints,
    ),
    Tab(
        "certificates",
        "certs",
        (Column("STATE", 12, 40, keep=True), Column("ROLE", 4), Column("NAMES", 24, 100, keep=True), Column("SERIAL", 8, 44)),
        _certificates,
    ),
    Tab(
        "server",
        "server_info",
        (Column("WHAT", 16, 30, keep=True), Column("VALUE", 20, 160, keep=True)),
        _server,
        "Log levels now need a POST to /logging, which changes state: they are not read. These are those it started with.",
    ),
)
