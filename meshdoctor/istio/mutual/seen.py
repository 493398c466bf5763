"""What was seen of mutual TLS between workloads: in the access logs of both sides' proxies, and by Prometheus.

A server's proxy logs the server name that its peer asked for: Istio's mutual TLS names the cluster (`outbound_.8080_._.host`),
plain text none. A refused connection has no filter chain that takes it. What nobody logged is not known; it is not zero.
Source: istio.io, "Envoy access logs" (fields); "Istio standard metrics" (`connection_security_policy`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from meshdoctor.istio.accesslog_lookup import lines
from meshdoctor.model.envoy import AccessLogEntry
from meshdoctor.model.istiod import Sample
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Source, SourceState, Unseen
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Pod

ISTIO_SNI = "outbound_."
FAILED = {"UF", "UC", "URX"}
NO_CHAIN = "filter_chain_not_found"
QUERY = "security"  # the name of the Prometheus answer
KNOCK = "/.well-known/meshdoctor-plain-text"  # the path of our own trial whether plain text is taken: that is no caller
Kind = Literal["mtls", "plaintext", "refused", "failed", "untold"]
LOGS, PROMETHEUS = "access logs", "Prometheus"


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of one client, server and port in a window: calls by mutual TLS and in plain text, plain text that was
    refused, calls that failed at the client, and calls of which the log does not tell. `port` is 0 where it is not told;
    `client` is None for an address that is no pod's. `source` is where it was seen."""

    client: Subject | None
    server: Subject
    port: int
    address: str = ""
    mtls: int = 0
    plaintext: int = 0
    refused: int = 0
    failed: int = 0
    untold: int = 0
    window_s: float = 60.0
    source: str = LOGS

    @property
    def calls(self) -> int:
        return self.mtls + self.plaintext + self.refused + self.failed + self.untold


def seen(mesh: Mesh) -> tuple[Seen, ...]:
    """Everything that was seen, by client, server and port. Found once a snapshot."""
    found: tuple[Seen, ...] | None = mesh.memo.get("mtls seen")
    if found is None:
        found = mesh.memo["mtls seen"] = tuple(_added(_inbound(mesh), _outbound(mesh)))
    return found


def server_logs(mesh: Mesh) -> frozenset[Subject]:
    """The workloads of which a proxy's log was read: that a caller is not in it says that it was not seen to call."""
    found: frozenset[Subject] | None = mesh.memo.get("mtls logs")
    if found is None:
        read = {(e.namespace, e.name) for e in mesh.envoys if e.has("logs")}
        found = mesh.memo["mtls logs"] = frozenset(mesh.owner(p) for p in mesh[Pod] if (p.namespace, p.name) in read)
    return found


def _added(*several: Iterable[Seen]) -> Iterator[Seen]:
    """One Seen for each client, server, port and source."""
    sums: dict[tuple[object, ...], Seen] = {}
    for one in (s for some in several for s in some):
        key = (one.client, one.address, one.server, one.port, one.source)
        old = sums.get(key)
        if old is None:
            sums[key] = one
            continue
        counts = {k: getattr(old, k) + getattr(one, k) for k in ("mtls", "plaintext", "refused", "failed", "untold")}
        sums[key] = msgspec.structs.replace(old, **counts, window_s=max(old.window_s, one.window_s))
    yield from sums.values()


def _inbound(mesh: Mesh) -> Iterator[Seen]:
    """From servers' proxies: each call they took or refused."""
    for line in lines(mesh):
        entry = line.entry
        address, _, port = entry.downstream_local.rpartition(":")
        is_refused = entry.upstream_cluster == "" and _has_no_chain(entry) and address in ("", line.pod.status.pod_ip)
        if entry.path == KNOCK:
            continue
        if not (is_refused or entry.upstream_cluster.lower().startswith("inbound")) or not port.isdigit():
            continue
        remote = entry.downstream_remote.rpartition(":")[0]
        caller = mesh.pods_by_ip.get(remote)
        client = mesh.owner(caller) if caller else None
        if caller is not None and caller.subject == line.pod.subject:
            continue
        address = "" if client else remote
        one = Seen(client=client, address=address, server=mesh.owner(line.pod), port=int(port), window_s=line.window_s)
        yield _counted(one, "refused" if is_refused else _security(entry))


def _has_no_chain(entry: AccessLogEntry) -> bool:
    return NO_CHAIN in entry.details or NO_CHAIN in entry.connection_details or entry.flags == "NR"


def _security(entry: AccessLogEntry) -> Kind:
    if not entry.tells_sni:
        return "untold"
    if not entry.sni:
        return "plaintext"
    return "mtls" if entry.sni.startswith(ISTIO_SNI) else "untold"


def _counted(one: Seen, kind: Kind, count: int = 1) -> Seen:
    return msgspec.structs.replace(one, **{kind: count})


def _outbound(mesh: Mesh) -> Iterator[Seen]:
    """From clients' proxies: calls that failed on their way, and calls to servers that have no proxy to log them.

    Where no proxy answers, nobody ends Istio's mutual TLS: a call that was answered there was plain text.
    """
    for line in lines(mesh):
        if not line.is_outbound:
            continue
        address, _, port = line.entry.upstream_host.rpartition(":")
        server = mesh.pods_by_ip.get(address)
        if server is None or not port.isdigit() or server.subject == line.pod.subject:
            continue
        one = Seen(client=mesh.owner(line.pod), server=mesh.owner(server), port=int(port), window_s=line.window_s)
        if line.flags & FAILED:
            yield _counted(one, "failed")
        elif server.proxy is None:
            yield _counted(one, "untold" if line.flags - {"DC"} else "plaintext")


def told_by_prometheus(mesh: Mesh, window_s: float) -> tuple[Seen, ...]:
    """What servers' proxies counted (`istio_requests_total`, `istio_tcp_connections_opened_total`), by workloads.

    Raises Unseen where Prometheus was not asked or did not answer. Ports are not among the labels.
    """
    if mesh.prometheus is None:
        raise Unseen(Source(name="Prometheus", state=SourceState.ABSENT, reason="none was found in the cluster"))
    subjects = _by_name(mesh)
    return tuple(_added(_samples(mesh.prometheus.answer(QUERY), subjects, window_s)))


def _samples(samples: Iterable[Sample], subjects: dict[tuple[str, str], Subject], window_s: float) -> Iterator[Seen]:
    for each in samples:
        told = each.labels
        server = subjects.get((told.get("destination_workload_namespace", ""), told.get("destination_workload", "")))
        client = subjects.get((told.get("source_workload_namespace", ""), told.get("source_workload", "")))
        count = round(each.value)
        if server is None or count <= 0:
            continue
        policy = told.get("connection_security_policy", "")
        kind: Kind = "mtls" if policy == "mutual_tls" else "plaintext" if policy == "none" else "untold"
        name = "" if client else f"{told.get('source_workload_namespace', '')}/{told.get('source_workload', '')}"
        one = Seen(client=client, address=name, server=server, port=0, window_s=window_s, source=PROMETHEUS)
        yield _counted(one, kind, count)


def _by_name(mesh: Mesh) -> dict[tuple[str, str], Subject]:
    owners = {mesh.owner(p) for p in mesh[Pod]}
    return {(o.namespace, o.name): o for o in owners}
