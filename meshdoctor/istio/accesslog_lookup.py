"""What access logs tell of a host or a cluster: who failed, how often, and the words that show it.

A line counts only if it is newer than what is judged and than the moment its pod became Ready.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import msgspec

from meshdoctor.istio.hosts import service_of
from meshdoctor.istio.rates import per_second
from meshdoctor.istio.workloads import services_of, workload_name
from meshdoctor.model.cluster import Service
from meshdoctor.model.envoy import AccessLogEntry
from meshdoctor.model.findings import Evidence, Harm
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Source, SourceState, Unseen
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Pod

UNROUTED = {"BlackHoleCluster", "PassthroughCluster"}
NO_CLUSTER = {"", "-"} | UNROUTED


class Upstream(msgspec.Struct, frozen=True):
    """The parts of a cluster's name: `outbound|8080|v1|cart.shop.svc.cluster.local`."""

    direction: str = ""
    port: int = 0
    subset: str = ""
    host: str = ""


def upstream(cluster: str) -> Upstream:
    """The parts of a cluster's name; all empty for a name of another form."""
    parts = cluster.split("|")
    if len(parts) != 4 or not parts[1].isdigit():
        return Upstream()
    return Upstream(parts[0], int(parts[1]), parts[2], parts[3].lower())


class Line(msgspec.Struct, frozen=True):
    """One line of the access log of one pod's proxy."""

    pod: Pod
    entry: AccessLogEntry
    upstream: Upstream
    window_s: float

    @property
    def flags(self) -> set[str]:
        return set(self.entry.flags.split(",")) - {"", "-"}

    @property
    def named(self) -> str:
        """The host that was asked for, without its port, as the client wrote it."""
        name = self.entry.authority.lower()
        return name.rpartition(":")[0] if name.rpartition(":")[2].isdigit() else name

    @property
    def is_outbound(self) -> bool:
        return self.upstream.direction == "outbound" or (self.upstream.direction == "" and not self.entry.inbound)


def lines(mesh: Mesh) -> tuple[Line, ...]:
    """Every line that counts, of every proxy whose log was read. Read once a snapshot."""
    known: tuple[Line, ...] | None = mesh.memo.get("access log")
    if known is None:
        made: list[Line] = []
        for envoy in mesh.envoys:
            pod = mesh[Pod].get(envoy.namespace, envoy.name)
            if pod is None or not envoy.has("logs"):
                continue
            oldest = mesh.now - timedelta(seconds=envoy.logs.window_s + 5)
            ready = pod.ready_since or oldest
            for entry in envoy.logs.access:
                if entry.time is not None and entry.time >= max(oldest, ready):
                    made.append(Line(pod, entry, upstream(entry.upstream_cluster), envoy.logs.window_s))
        known = mesh.memo["access log"] = tuple(made)
    return known


def lines_to(mesh: Mesh, host: str, since: datetime | None = None) -> tuple[Line, ...]:
    """Lines of clients (sidecars and gateways) that asked for a host of the registry, by cluster or by authority."""
    index: dict[str, tuple[Line, ...]] | None = mesh.memo.get("access log by host")
    if index is None:
        lists: dict[str, list[Line]] = {}
        for line in lines(mesh):
            if line.upstream.direction == "outbound":
                lists.setdefault(line.upstream.host, []).append(line)
            elif line.is_outbound or line.entry.upstream_cluster in NO_CLUSTER:
                lists.setdefault(_full(line, mesh.cluster.domain), []).append(line)
        index = mesh.memo["access log by host"] = {h: tuple(found) for h, found in lists.items()}
    return newer(index.get(host.lower(), ()), since)


def lines_at(mesh: Mesh, pods: Iterable[Pod]) -> tuple[Line, ...]:
    """The lines that the proxies of these pods wrote."""
    index: dict[tuple[str, str], list[Line]] | None = mesh.memo.get("access log by pod")
    if index is None:
        index = mesh.memo["access log by pod"] = {}
        for line in lines(mesh):
            index.setdefault((line.pod.namespace, line.pod.name), []).append(line)
    return tuple(x for p in pods for x in index.get((p.namespace, p.name), ()))


def _full(line: Line, domain: str) -> str:
    """The full name that an authority means to a client: `cart`, `cart.shop` and `cart.shop.svc` are Services."""
    parts = line.named.split(".")
    if len(parts) == 1:
        return f"{parts[0]}.{line.pod.namespace}.svc.{domain}"
    if len(parts) == 2 and not parts[1].isdigit():
        return f"{line.named}.svc.{domain}"
    return f"{line.named}.{domain}" if len(parts) == 3 and parts[2] == "svc" else line.named


def unrouted(mesh: Mesh) -> tuple[Line, ...]:
    """Lines of calls that no route took: let through as they are (PassthroughCluster), or refused (BlackHoleCluster)."""
    known: tuple[Line, ...] | None = mesh.memo.get("unrouted lines")
    if known is None:
        found = (x for x in lines(mesh) if x.entry.upstream_cluster in UNROUTED or x.entry.route == "block_all")
        known = mesh.memo["unrouted lines"] = tuple(found)
    else:
        mesh[Pod]
    return known


def called_service(mesh: Mesh, line: Line) -> Service | None:
    """The Service that a call without a cluster of its own was for: by the name it asked for, else by its address."""
    name = _full(line, mesh.cluster.domain) if line.named else ""
    service = service_of(mesh, name, line.pod.namespace) if name else None
    return service or service_at(mesh, line.entry.downstream_local) or service_at(mesh, line.entry.upstream_host)


def service_at(mesh: Mesh, address: str) -> Service | None:
    """The Service that has this cluster IP, or whose pod has the address (`10.1.2.3:80`)."""
    ip = address.rpartition(":")[0]
    known: dict[str, Service] | None = mesh.memo.get("services by address")
    services = mesh[Service]
    if known is None:
        known = mesh.memo["services by address"] = {s.spec.cluster_ip: s for s in services if s.spec.cluster_ip not in ("", "None")}
    if ip in known:
        return known[ip]
    pod = mesh.pods_by_ip.get(ip)
    return next(iter(services_of(mesh, pod)), None) if pod else None


def newer(found: Iterable[Line], since: datetime | None) -> tuple[Line, ...]:
    """Those after a moment."""
    return tuple(x for x in found if since is None or (x.entry.time is not None and x.entry.time > since))


def chosen(found: Iterable[Line], test: Callable[[Line], bool]) -> tuple[Line, ...]:
    return tuple(x for x in found if test(x))


def flagged(found: Iterable[Line], *flags: str) -> tuple[Line, ...]:
    """Those with one of these response flags."""
    return tuple(x for x in found if x.flags & set(flags))


def harm(mesh: Mesh, failed: Iterable[Line]) -> Harm | None:
    """The harm that these failed lines are: whose requests, how many a second. None where there are none."""
    failed = tuple(failed)
    if not failed:
        return None
    rate = per_second((x.entry.time for x in failed), mesh.now, max(x.window_s for x in failed))
    return Harm(tuple(sorted({workload_name(mesh, x.pod) for x in failed})), rate)


def clients(mesh: Mesh, found: Iterable[Line]) -> tuple[Subject, ...]:
    """The workloads whose proxies wrote these lines."""
    return tuple(dict.fromkeys(mesh.owner(x.pod) for x in found))


def shown(mesh: Mesh, failed: Iterable[Line]) -> tuple[Evidence, ...]:
    """The newest of these lines as evidence, with the command that shows more; nothing where there are none."""
    failed = tuple(failed)
    if not failed:
        return ()
    last = max(failed, key=lambda x: x.entry.time or mesh.now)
    entry, pod = last.entry, last.pod
    same = sum(1 for x in failed if x.pod.subject == pod.subject)
    words = (entry.method, entry.authority + entry.path, str(entry.code), entry.flags, entry.details)
    more = (entry.transport_failure, entry.upstream_cluster, entry.upstream_host)
    quote = " ".join(w for w in (*words, *more) if w and w != "-")
    says = f"{same} such requests in the last {last.window_s:.0f} s at {workload_name(mesh, pod)}"
    command = f"kubectl -n {pod.namespace} logs {pod.name} -c istio-proxy --since=60s"
    return (Evidence(says, f"access log of {pod.namespace}/{pod.name}", quote, command),)


def must_have(mesh: Mesh, part: str) -> None:
    """Raise Unseen where no proxy told this part: SKIPPED if there was none to ask, else for the reason it gave."""
    envoys = tuple(mesh.envoys)
    if not envoys:
        mesh[Pod].everywhere()
        raise Unseen(Source(name=f"{part} of proxies", state=SourceState.SKIPPED, reason="no proxy was asked"))
    if not any(e.has(part) for e in envoys):
        envoys[0].part(part)


def still_failing(found: Iterable[Line], fails: Callable[[Line], bool]) -> tuple[Line, ...]:
    """The failed lines of those proxies and clusters whose newest line failed: what fails now, not what failed once."""
    groups: dict[tuple[str, str, str], list[Line]] = {}
    for line in found:
        key = (line.pod.namespace, line.pod.name, line.entry.upstream_cluster)
        groups.setdefault(key, []).append(line)
    last = (max(g, key=lambda x: x.entry.time.timestamp() if x.entry.time else 0.0) for g in groups.values())
    kept = {(x.pod.namespace, x.pod.name, x.entry.upstream_cluster) for x in last if fails(x)}
    return tuple(x for k in kept for x in groups[k] if fails(x))
