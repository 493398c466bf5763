"""Edges from access logs: whom a client's proxy asked, and who asked a server's proxy, with times, bytes, flags and TLS."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio import accesslog_lookup as log
from meshdoctor.istio.hosts import long_name
from meshdoctor.istio.workloads import is_gateway
from meshdoctor.model.mesh import Mesh
from meshdoctor.topology import nodes
from meshdoctor.topology.parts import ENVOY, Kind, Node, Traffic, is_over
from meshdoctor.topology.sums import Sum, is_same_rate

LEFT = {"DC"}  # the client ended it: nobody's failure
LOG, OF_SERVER = LOGS = ("access log", "access log of the server")
RECENT = 15.0  # seconds
APART = 5.0  # seconds that clocks may be apart
BUSY = 10  # lines from which the first one tells when it begins
Pair = tuple[Node, Node]
Lines = dict[Pair, list[log.Line]]


def figures(mesh: Mesh) -> Iterator[tuple[Pair, Traffic]]:
    """The figures of each edge that some line is about. A client's own lines count before those of whom it called."""
    sent: Lines = {}
    taken: Lines = {}
    spans = _spans(mesh)
    came = []
    ahead = clocks_ahead(mesh)
    for line in log.lines(mesh):
        if (line.pod.namespace, line.pod.name) in ahead:
            continue
        if is_incoming(line):
            came.append(line)
        else:
            _send(mesh, line, sent)
    senders = {(x.entry.request_id, server): client for (client, server), found in sent.items() for x in found}
    for line in came:
        _take(mesh, line, taken, senders)
    for pair in {**sent, **taken}:
        own, theirs = sent.get(pair, []), taken.get(pair, [])
        # a Service's workload logs what callers without a proxy send too, and misses what never reached it
        is_own = bool(own) and (pair[0].kind not in (Kind.SERVICE, Kind.ENTRY) or len(own) >= len(theirs))
        found = own if is_own else theirs
        total = Sum()
        _count(mesh, total, found, spans)
        _secured(total, theirs)
        newest = max(x.entry.time for x in found if x.entry.time)
        age_s = round(max(0.0, (mesh.now - newest).total_seconds()), 1)
        yield pair, total.traffic(ENVOY, LOG if is_own else OF_SERVER, age_s=age_s)


def clocks_ahead(mesh: Mesh) -> dict[tuple[str, str], float]:
    """Pods that logged what is to come, and by how many seconds: their rates cannot be told from their times."""
    last: dict[tuple[str, str], float] = {}
    for line in log.lines(mesh):
        if line.entry.time is not None:
            ahead = (line.entry.time - mesh.now).total_seconds()
            key = (line.pod.namespace, line.pod.name)
            if ahead > APART:
                last[key] = max(last.get(key, 0.0), ahead)
    return last


def is_incoming(line: log.Line) -> bool:
    """Whether a sidecar logged what came to its own pod; where no cluster was chosen the address that was asked tells."""
    if is_gateway(line.pod):
        return False
    if line.entry.upstream_cluster:
        return line.entry.inbound
    local = nodes.ip_of(line.entry.downstream_local)
    return local == line.pod.status.pod_ip if local else line.entry.inbound


def has_failed(line: log.Line) -> bool:
    """Whether a request got a 5xx, or a connection (which has no code) ended otherwise than by its client's leave."""
    return line.entry.code >= 500 or bool(line.entry.code == 0 and line.flags - LEFT)


def _send(mesh: Mesh, line: log.Line, sent: Lines) -> None:
    """A client's line: to the Service that it meant, and on to the pod that was asked."""
    own = nodes.of_pod(mesh, line.pod)
    called = _called(mesh, line)
    if called is not None:
        sent.setdefault((own, called), []).append(line)
        server = nodes.of_address(mesh, line.entry.upstream_host)
        if server is not None and called.kind is not Kind.OUTSIDE:
            sent.setdefault((called, server), []).append(line)
    if own.kind is Kind.GATEWAY and line.entry.downstream_remote:
        client = nodes.of_address(mesh, line.entry.downstream_remote) or nodes.STRANGERS
        sent.setdefault((client, own), []).append(line)


def _take(mesh: Mesh, line: log.Line, taken: Lines, senders: dict[tuple[str, Node], Node]) -> None:
    """A server's line: from whoever logged sending that request, else from the pod at the address, else from outside.

    Behind a gateway the address is that of the gateway's client (X-Forwarded-For): over mutual TLS it is no caller of ours.
    """
    if not line.entry.downstream_remote:
        return
    pod = mesh.pods_by_ip.get(nodes.ip_of(line.entry.downstream_remote))
    own = nodes.of_pod(mesh, line.pod)
    called = nodes.asked_for(mesh, line, pod)
    client = senders.get((line.entry.request_id, called)) if called and line.entry.request_id else None
    if client is None and (pod is not None or not nodes.is_mtls(line)):
        client = nodes.STRANGERS if pod is None else nodes.of_pod(mesh, pod)
    known = called if called is not None and called.kind is not Kind.OUTSIDE else None
    if client is not None:
        taken.setdefault((client, known or own), []).append(line)
    if known is not None:
        taken.setdefault((known, own), []).append(line)


def _called(mesh: Mesh, line: log.Line) -> Node | None:
    host = line.upstream.host or long_name(mesh, line.named, line.pod.namespace)
    return nodes.of_host(mesh, host or line.entry.upstream_host) if host or line.entry.upstream_host else None


def _count(mesh: Mesh, total: Sum, found: list[log.Line], spans: dict[tuple[str, str], float]) -> None:
    by_pod: dict[tuple[str, str], list[log.Line]] = {}
    for line in found:
        by_pod.setdefault((line.pod.namespace, line.pod.name), []).append(line)
    for key, every in by_pod.items():
        # calls that began lately are not thinned by the time before
        lines, window_s = _as_now(mesh, every, min(spans[key], _span(mesh, every)))
        for line in lines:
            total.codes[str(line.entry.code or "-")] += 1
            total.protocols.add("http" if line.entry.protocol or line.entry.code else "tcp")
            if has_failed(line):
                total.flags.update(line.flags - LEFT)
            if line.entry.duration_ms is not None and line.entry.code:
                total.took_ms.append(line.entry.duration_ms)
        total.add(len(lines), sum(map(has_failed, lines)), window_s)
        sent = [x.entry.bytes_received for x in lines if x.entry.bytes_received is not None]
        received = [x.entry.bytes_sent for x in lines if x.entry.bytes_sent is not None]
        total.add_bytes(sum(sent) if sent else None, sum(received) if received else None, window_s)


def _as_now(mesh: Mesh, lines: list[log.Line], span: float) -> tuple[list[log.Line], float]:
    """The lines that tell of now and their seconds: all of them, or the last where there were clearly more or fewer of late.

    None of them where a silence is longer than a few usual gaps.
    """
    ages = [(mesh.now - x.entry.time).total_seconds() for x in lines if x.entry.time]
    silence = min(ages, default=0.0)
    if is_over(silence, len(lines) / span):
        return [], silence
    if span <= RECENT:
        return lines, span
    late = [x for x in lines if x.entry.time and (mesh.now - x.entry.time).total_seconds() <= RECENT]
    return (lines, span) if not late or is_same_rate(len(late), RECENT, len(lines) / span) else (late, RECENT)


def _secured(total: Sum, taken: list[log.Line]) -> None:
    """Of what a server's proxy took: over mutual TLS, or not. What it refused before a route was chosen counts too."""
    for line in taken:
        if nodes.is_mtls(line):
            total.tls += 1
        else:
            total.plain += 1


def _spans(mesh: Mesh) -> dict[tuple[str, str], float]:
    """The seconds that each proxy's lines cover: a busy log is cut and begins late, a quiet one says little of its span."""
    times: dict[tuple[str, str], list[log.Line]] = {}
    for line in log.lines(mesh):
        times.setdefault((line.pod.namespace, line.pod.name), []).append(line)
    return {key: _span(mesh, found) for key, found in times.items()}


def _span(mesh: Mesh, found: list[log.Line]) -> float:
    window = found[0].window_s
    first = min((x.entry.time for x in found if x.entry.time), default=None)
    if len(found) < BUSY or first is None:
        return window
    return min(window, max((mesh.now - first).total_seconds(), 1.0))
