"""How much a bundle may hold and how long it may take, and what is asked for it beyond a diagnosis."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial

import msgspec

from meshdoctor.collect.asked import gather_limited
from meshdoctor.istio.controlplane import istiod_pods
from meshdoctor.istio.workloads import injected_pods, is_gateway
from meshdoctor.kube.client import ApiClient
from meshdoctor.kube.listing import collection_path
from meshdoctor.kube.pods import WHOLE
from meshdoctor.model import kinds
from meshdoctor.model.errors import MeshdoctorError
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import SourceState, Unseen
from meshdoctor.model.workloads import Pod

ENVOY = 15000
DUMPS = (
    "/config_dump?mask=dynamic_listeners,static_listeners",
    "/config_dump?mask=dynamic_route_configs,static_route_configs",
    "/config_dump?mask=dynamic_active_clusters,dynamic_warming_clusters,static_clusters",
    "/config_dump?mask=dynamic_active_secrets,dynamic_warming_secrets",
    "/config_dump?include_eds&resource=dynamic_endpoint_configs",
    "/clusters?format=json",
    "/listeners?format=json",
    "/memory",
)
"""What the screens show of one Envoy, and what a diagnosis does not ask every proxy for."""
ISTIOD = ("/debug/configz", "/debug/push_status", "/debug/endpointShardz", "/debug/clusterz")
ISTIOD_PORT = 15014
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
LOG_SECONDS = 3600
Question = Callable[[], Awaitable[object]]


class Tier(msgspec.Struct, frozen=True):
    """Limits: `bytes` of the file, `seconds` from the first request on, `proxies` whose whole configuration is asked for."""

    name: str
    bytes: int
    seconds: float
    proxies: int
    log_lines: int
    raw: int  # bytes of objects before redaction, which takes a second for five million


T0 = Tier("T0", 2_000_000, 10.0, 0, 0, 15_000_000)
T1 = Tier("T1", 50_000_000, 120.0, 60, 5000, 120_000_000)
TIERS = {tier.name: tier for tier in (T0, T1)}
WRITING = 0.25  # of the time is kept for redacting and writing


async def ask_more(
    api: ApiClient, mesh: Mesh, tier: Tier, ranks: Sequence[str], seconds: float, progress: Callable[[str], None]
) -> str | None:
    """Ask what the tier holds beyond a diagnosis, the worst first, for at most so many seconds; the recorder keeps the answers.

    Gives a sentence where time ran out.
    """
    if not tier.proxies:
        return None
    jobs = [_quietly(job()) for job in _questions(api, mesh, tier, ranks)]
    progress(f"asking {len(jobs)} more questions")
    try:
        async with asyncio.timeout(max(seconds, 1.0)):
            await gather_limited(4, jobs)
    except TimeoutError:
        return "Time ran out before every proxy, log and table was read."
    return None


async def _quietly(job: Awaitable[object]) -> None:
    """One failure costs its own answer only; the recorder has kept the refusal."""
    with contextlib.suppress(MeshdoctorError):
        await job


def _questions(api: ApiClient, mesh: Mesh, tier: Tier, ranks: Sequence[str]) -> list[Question]:
    found = _tables(api, mesh)
    with contextlib.suppress(Unseen):
        for pod in istiod_pods(mesh):
            found += [partial(api.pod_get, pod.namespace, pod.name, ISTIOD_PORT, q, container="discovery") for q in ISTIOD]
            found += _logs(api, pod, "discovery", tier)
        pods = _worst_first(injected_pods(mesh), ranks)[: tier.proxies]
        found += [partial(api.pod_get, p.namespace, p.name, ENVOY, q, limit=WHOLE) for p in pods for q in DUMPS]
        found += [job for p in pods for job in _logs(api, p, "istio-proxy", tier)]
        bad = [(p, s.name) for p in mesh[Pod] for s in p.status.container_statuses if not s.ready and s.name != "istio-proxy"]
        found += [job for pod, container in bad for job in _logs(api, pod, container, tier)]
    return found


def _worst_first(pods: Iterable[Pod], ranks: Sequence[str]) -> list[Pod]:
    """Pods that are not ready, gateways, then by the rank of their namespace."""
    place = {name: number for number, name in enumerate(ranks)}
    return sorted(pods, key=lambda p: (p.is_ready, not is_gateway(p), place.get(p.namespace, len(place)), p.namespace, p.name))


def _logs(api: ApiClient, pod: Pod, container: str, tier: Tier) -> list[Question]:
    """The last hour of a container's log, and the end of the one before where it restarted."""
    status = next((s for s in pod.status.container_statuses if s.name == container), None)
    read = partial(api.logs, pod.namespace, pod.name, container, since_seconds=LOG_SECONDS, tail_lines=tier.log_lines)
    restarted = status is not None and status.restart_count > 0
    return [read, *([partial(read, previous=True)] if restarted else [])]


def _tables(api: ApiClient, mesh: Mesh) -> list[Question]:
    """Every kind as the API server prints it for kubectl: `serve` answers with them."""
    listed = [k for k in mesh.kinds if k not in kinds.BY_NAME and mesh.state(k) is SourceState.LIVE and k.PLURAL != "secrets"]
    paths = [collection_path(k, k.VERSIONS[0], None) for k in listed]
    return [partial(api.get_bytes, path, {"includeObject": "Metadata"}, {"Accept": TABLE}) for path in paths]
