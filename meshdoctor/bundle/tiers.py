"""How much a bundle may hold and how long it may take, and what is asked for it beyond a diagnosis."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial

import msgspec

from meshdoctor.bundle import rest
from meshdoctor.collect.asked import gather_limited
from meshdoctor.istio.controlplane import istiod_pods
from meshdoctor.istio.workloads import injected_pods, is_gateway
from meshdoctor.kube.client import ApiClient
from meshdoctor.kube.pods import WHOLE
from meshdoctor.model.errors import MeshdoctorError
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Unseen
from meshdoctor.model.workloads import Pod

ENVOY = 15000
DUMPS = (
    "/config_dump?mask=bootstrap",
    "/config_dump?mask=dynamic_listeners,static_listeners",
    "/config_dump?mask=dynamic_route_configs,static_route_configs",
    "/config_dump?mask=dynamic_active_clusters,dynamic_warming_clusters,static_clusters",
    "/config_dump?mask=dynamic_active_secrets,dynamic_warming_secrets",
    "/config_dump?include_eds&mask=dynamic_endpoint_configs,static_endpoint_configs",
    "/clusters?format=json",
    "/listeners?format=json",
    "/memory",
)
"""What the screens show of one Envoy, and what a diagnosis does not ask every proxy for."""
ISTIOD = ("/debug/configz", "/debug/push_status", "/debug/endpointShardz", "/debug/clusterz")
ISTIOD_PORT = 15014
LOG_SECONDS = 3600
LOG_BYTES = 8_000_000  # far above so many lines: the API server cuts a log at its end, where the newest lines are
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
T1 = Tier("T1", 50_000_000, 120.0, 60, 2000, 120_000_000)
TIERS = {tier.name: tier for tier in (T0, T1)}
WRITING = 0.25  # of the time is kept for redacting and writing


async def ask_more(
    api: ApiClient,
    mesh: Mesh,
    tier: Tier,
    ranks: Sequence[str],
    seconds: float,
    progress: Callable[[str, float], None],
    answers: Mapping[str, object],
) -> str | None:
    """Ask what the tier holds beyond a diagnosis, the worst first, for at most so many seconds; the recorder keeps the answers.

    `answers` is what it has kept so far; `progress` is told what is asked and the share that is done. Gives a sentence where
    time ran out.
    """
    if not tier.proxies:
        return None
    done = 0

    async def quietly(label: str, job: Question, count: int) -> None:
        """One failure costs its own answer only; the recorder has kept the refusal."""
        nonlocal done
        progress(f"{label} ({done} of {count})", done / count)
        with contextlib.suppress(MeshdoctorError, msgspec.DecodeError):
            await job()
        done += 1

    try:
        async with asyncio.timeout(max(seconds, 1.0)):
            questions = _questions(api, mesh, tier, ranks)
            questions += await _rest(api, rest.lists_of(answers))
            await gather_limited(4, [quietly(label, job, len(questions)) for label, job in questions])
    except TimeoutError:
        return "Time ran out before every proxy, log and table was read."
    return None


async def _rest(api: ApiClient, read: set[str]) -> list[tuple[str, Question]]:
    """Every other kind and the schemas of all; `read` are the lists that there are already."""
    found: list[tuple[str, Question]] = []
    with contextlib.suppress(MeshdoctorError, msgspec.DecodeError):
        for path in await rest.listable(api):
            found.append((path.rpartition("/")[2], partial(rest.read_kind, api, path, read)))
        for path, given in await rest.schemas(api):
            found.append((f"schema of {path.removeprefix(rest.OPENAPI)}", partial(api.get_bytes, path, given)))
    return found


def _questions(api: ApiClient, mesh: Mesh, tier: Tier, ranks: Sequence[str]) -> list[tuple[str, Question]]:
    """What is asked of pods, each with words that say what it is."""
    found: list[tuple[str, Question]] = []
    with contextlib.suppress(Unseen):
        for pod in istiod_pods(mesh):
            named = partial(api.pod_get, pod.namespace, pod.name, ISTIOD_PORT, container="discovery")
            found += [(f"istiod {pod.name}", partial(named, q)) for q in ISTIOD]
            found += _logs(api, pod, "discovery", tier)
        pods = _worst_first(injected_pods(mesh), ranks)[: tier.proxies]
        asked = partial(api.pod_get, port=ENVOY, limit=WHOLE)
        found += [(f"Envoy of {p.name}", partial(asked, p.namespace, p.name, path=q)) for p in pods for q in DUMPS]
        found += [job for p in pods for job in _logs(api, p, "istio-proxy", tier)]
        bad = [(p, s.name) for p in mesh[Pod] for s in p.status.container_statuses if not s.ready and s.name != "istio-proxy"]
        found += [job for pod, container in bad for job in _logs(api, pod, container, tier)]
    return found


def _worst_first(pods: Iterable[Pod], ranks: Sequence[str]) -> list[Pod]:
    """Pods that are not ready, gateways, then by the rank of their namespace."""
    place = {name: number for number, name in enumerate(ranks)}
    return sorted(pods, key=lambda p: (p.is_ready, not is_gateway(p), place.get(p.namespace, len(place)), p.namespace, p.name))


def _logs(api: ApiClient, pod: Pod, container: str, tier: Tier) -> list[tuple[str, Question]]:
    """The last hour of a container's log, and the end of the one before where it restarted."""
    status = next((s for s in pod.status.container_statuses if s.name == container), None)
    restarted = status is not None and status.restart_count > 0
    return [
        (
            f"log of {pod.name}",
            partial(
                api.logs,
                pod.namespace,
                pod.name,
                container,
                since_seconds=LOG_SECONDS,
                tail_lines=tier.log_lines,
                limit_bytes=LOG_BYTES,
                previous=previous,
            ),
        )
        for previous in ((False, True) if restarted else (False,))
    ]
