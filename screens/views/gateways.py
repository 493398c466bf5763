"""Gateways: the path from an address to the certificates, station by station, for each gateway workload."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from textual.binding import Binding, BindingType

from meshdoctor.istio.gateways import bound, gateway_pods_of, services_of_pods, takes
from meshdoctor.istio.workloads import by_owner, gateway_pods
from meshdoctor.model.cluster import Service
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import Gateway, Server
from meshdoctor.model.sources import Unseen
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Pod
from screens.registry import screen
from screens.seen import Seen
from screens.text import Run, badge, duration
from screens.views.table import TableView
from screens.widgets.doc import Item
from screens.widgets.rows import Column, Row

SOON = 14 * 86400


@screen(
    key="5", name="gateways", aliases=("gw", "gateway"), title="Gateways", says="what comes in, where, and with which certificate"
)
class Gateways(TableView):
    """Every server of every gateway workload."""

    drawn_from = (
        "pods",
        "services",
        "nodes",
        "secrets",
        "endpointslices*",
        "gateways.*",
        "gatewayclasses.*",
        "virtualservices*",
        "*routes.gateway*",
        "Envoy *",
        "/[!a]* of *",
    )
    about = "From left to right the way a request takes: address, Service port, listener, hosts, routes, certificate."
    columns = (
        Column("STATE", least=16, keep=True),
        Column("HOSTS", least=21, most=60, keep=True),
        Column("LISTENER", least=18, most=30, keep=True),
        Column("ROUTES", least=10, most=60, is_name=True),
        Column("CERTIFICATE", least=24, most=60),
        Column("SERVICE PORT", least=8, most=40, is_name=True),
        Column("ADDRESS", least=10, most=40),
        Column("GATEWAY", least=10, most=40, is_name=True),
    )
    fields = frozenset({"ns", "state", "host", "port", "gateway"})
    empty = "No gateway: no pod runs as one, and no Gateway object selects any."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter", "open", "Envoy", id="gateways.open", tooltip="listeners, routes and certificates of a pod of this gateway"
        ),
        Binding("l", "logs", "access log", id="gateways.logs", tooltip="requests of all pods of this gateway"),
        Binding("y", "yaml", "YAML", id="gateways.yaml", tooltip="the Gateway as it is now"),
    ]

    def rows_of(self, seen: Seen) -> Iterable[Row]:
        mesh = seen.mesh
        if mesh is None:
            return
        workloads = by_owner(mesh, gateway_pods(mesh))
        chosen: dict[Subject, list[Gateway]] = {owner: [] for owner in workloads}
        orphans = []
        for gateway in mesh[Gateway]:
            pods = gateway_pods_of(mesh, gateway)
            owners = {mesh.owner(p) for p in pods}
            for owner in owners:
                chosen.setdefault(owner, []).append(gateway)
                workloads.setdefault(owner, list(pods))
            if not owners:
                orphans.append(gateway)
        for owner, gateways in chosen.items():
            yield _heading(owner, workloads[owner])
            yield from _servers(mesh, owner, workloads[owner], gateways)
        if orphans:
            yield Row("orphans", (Run("Gateways that no pod serves", "bad"),), is_heading=True)
            for gateway in orphans:
                yield from (_row(mesh, gateway, s, n, None, []) for n, s in enumerate(gateway.spec.servers))

    def detail_of(self, row: Row) -> list[Item]:
        gateway, server, pods = row.payload
        running = Item(", ".join(p.name for p in pods) or "no pod", label="PODS")
        if gateway is None:
            says = "No Gateway object selects these pods: nothing is let in here but what the chart's own listeners take."
            return [Item(says), running]
        cells = dict(zip((c.title for c in self.columns), row.cells, strict=True))
        mesh = self.seen.mesh if self.seen else None
        items = [
            Item((Run(f"{gateway.subject}", "strong"), Run(f"  {', '.join(server.hosts)}"))),
            Item((_as_run(cells["ADDRESS"]), Run(" → "), _as_run(cells["SERVICE PORT"])), label="ENTERS"),
            Item((_as_run(cells["LISTENER"]), Run(_told(mesh, pods), "dim")), label="LISTENER"),
        ]
        if server.tls is not None:
            items.append(Item((_as_run(cells["CERTIFICATE"]),), label="TLS"))
        return [*items, Item(_bound(mesh, gateway) if mesh else "", label="ROUTES"), running]

    def name_in(self, row: Row) -> str:
        return row.fields["gateway"] if row.fields else row.key

    def offers(self, action: str) -> bool:
        if action == "yaml":
            return self.row is not None and self.row.payload[0] is not None
        return super().offers(action)

    async def open(self, row: Row) -> None:
        from screens.views.envoy import EnvoyView

        pods = row.payload[2]
        if pods:
            await self.boss.open(EnvoyView(pods[0].subject))
        else:
            self.boss.say("No pod serves this Gateway.", "warn")

    async def action_logs(self) -> None:
        from screens.views.access_log import AccessLog

        pods = self.row.payload[2] if self.row is not None else []
        if pods:
            await self.boss.open(AccessLog(pods[0].subject))

    async def action_yaml(self) -> None:
        from screens.views.yaml import YamlView

        if self.row is not None and self.row.payload[0] is not None:
            await self.boss.open(YamlView(self.row.payload[0].subject))


def _as_run(cell: Run | str) -> Run:
    return cell if isinstance(cell, Run) else Run(cell)


def _bound(mesh: Mesh, gateway: Gateway) -> str:
    try:
        routes = [f"{v.namespace}/{v.name} ({', '.join(v.spec.hosts)})" for v in bound(mesh, gateway)]
    except Unseen as unseen:
        return f"? UNKNOWN  {unseen}"
    return "; ".join(routes) or "no VirtualService is bound"


def _told(mesh: Mesh | None, pods: list[Pod]) -> str:
    """By how many of the pods' Envoys the listener is known."""
    told = [p for p in pods if mesh and (e := mesh.envoy(p)) is not None and e.has("listeners")]
    return f"   as {len(told)} of {len(pods)} Envoys told" if told else "   as configured; no Envoy of it was asked"


def _heading(owner: Subject, pods: list[Pod]) -> Row:
    ready = sum(p.is_ready for p in pods)
    state = "ok" if ready == len(pods) else "bad" if ready == 0 else "warn"
    glyph = {"ok": "●", "bad": "✖", "warn": "◐"}[state]
    return Row(f"{owner}", (Run(f"{glyph} {owner}  {ready}/{len(pods)} ready", state),), is_heading=True)


def _servers(mesh: Mesh, owner: Subject, pods: list[Pod], gateways: list[Gateway]) -> Iterator[Row]:
    for gateway in sorted(gateways, key=lambda g: (g.namespace, g.name)):
        for number, server in enumerate(gateway.spec.servers):
            yield _row(mesh, gateway, server, number, owner, pods)
    if not gateways:
        yield Row(f"{owner} none", (badge("absent"), "no Gateway selects it"), payload=(None, None, pods))


def _row(mesh: Mesh, gateway: Gateway, server: Server, number: int, owner: Subject | None, pods: list[Pod]) -> Row:
    port, address = _entrance(mesh, server, tuple(pods))
    routes, certificate = _routes(mesh, gateway, server), _certificate(mesh, server, pods)
    listener = _listener(mesh, server, pods)
    parts = (port, routes, certificate, listener)
    ready = any(p.is_ready for p in pods)
    worst = "FAIL" if not ready or any(p.role == "bad" for p in parts) else "WARN" if any(p.role == "warn" for p in parts) else "OK"
    cells = (
        badge(worst),
        ", ".join(server.hosts),
        listener,
        routes,
        certificate,
        port,
        address,
        f"{gateway.namespace}/{gateway.name}",
    )
    fields = {
        "ns": gateway.namespace,
        "state": worst,
        "host": " ".join(server.hosts),
        "port": f"{server.port.number}",
        "gateway": gateway.name,
    }
    key = f"{owner} {gateway.namespace}/{gateway.name} {number}"
    return Row(key, cells, fields, is_fault=worst != "OK", payload=(gateway, server, pods))


def _entrance(mesh: Mesh, server: Server, pods: tuple[Pod, ...]) -> tuple[Run, Run]:
    """The Service port that leads to the listener, and the address it has outside."""
    try:
        services = services_of_pods(mesh, pods)
    except Unseen as unseen:
        return Run(f"? {unseen.source.state}", "unknown"), Run("")
    for service in services:
        for port in service.spec.ports:
            if server.port.number in (port.target, port.port):
                return Run(f"{service.name}:{port.port}"), _address(service)
    return Run("✖ no Service port" if pods else "✖ no pod", "bad"), Run("")


def _address(service: Service) -> Run:
    known = (*service.addresses, *service.spec.external_ips)
    if known:
        return Run(", ".join(known))
    return Run("▲ pending", "warn") if service.spec.type == "LoadBalancer" else Run(f"in cluster {service.spec.cluster_ip}", "dim")


def _routes(mesh: Mesh, gateway: Gateway, server: Server) -> Run:
    try:
        found = [v for v in bound(mesh, gateway) if any(takes(gateway, server, v, h) for h in v.spec.hosts)]
    except Unseen as unseen:
        return Run(f"? {unseen.source.state}", "unknown")
    if found:
        return Run(", ".join(f"{v.namespace}/{v.name}" for v in found))
    is_redirect = server.tls is not None and server.tls.https_redirect
    return Run("redirects to HTTPS") if is_redirect else Run("▲ none bound", "warn")


def _listener(mesh: Mesh, server: Server, pods: list[Pod]) -> Run:
    """Protocol and port; bound, where a pod's Envoy told."""
    mode = f" {server.tls.mode}" if server.tls and server.tls.mode else ""
    text = f"{server.port.protocol} {server.port.number}{mode}"
    told = [e.listeners for p in pods if (e := mesh.envoy(p)) is not None and e.has("listeners")]
    if told and not any(address.endswith(f":{server.port.number}") for several in told for address in several):
        return Run(f"▲ {text}", "warn")
    return Run(f"● {text}" if told else text, "ok" if told else "")


def _certificate(mesh: Mesh, server: Server, pods: list[Pod]) -> Run:
    """The certificate of a TLS server: its Secret, and when it ends where a pod's Envoy told."""
    from meshdoctor.istio.certificates import seconds_left

    names = server.tls.credentials if server.tls else ()
    if not names:
        return Run("", "dim")
    name, where = names[0], pods[0].namespace if pods else ""
    ends = [
        left
        for p in pods
        if (e := mesh.envoy(p)) is not None and e.has("secret_certs")
        for c in e.secret_certificates
        if c.role == "leaf" and c.name.removeprefix("kubernetes://").rpartition("/")[2] == name
        if (left := seconds_left(c, mesh.now)) is not None
    ]
    if ends:
        left = min(ends)
        role = "bad" if left <= 0 else "warn" if left < SOON else "ok"
        word = f"ends in {duration(left)}" if left > 0 else f"ended {duration(-left)} ago"
        return Run(f"{'●▲✖'[('ok', 'warn', 'bad').index(role)]} {word}: {name}", role)
    try:
        there = mesh.secret_exists(where, name)
    except Unseen:
        return Run(f"? {name} not seen", "unknown")
    return Run(f"{name} exists", "") if there else Run(f"✖ {name} missing", "bad")
