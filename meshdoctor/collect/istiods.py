"""Asks every replica of istiod, of every revision: each knows only the proxies connected to itself."""

from __future__ import annotations

from functools import partial

from meshdoctor.collect import decode_istiod, decode_logs
from meshdoctor.collect.asked import Answers
from meshdoctor.collect.nodes import Node
from meshdoctor.kube.client import ApiClient
from meshdoctor.model.istiod import Istiod
from meshdoctor.model.workloads import Pod

PORT = 15014
METRICS = ("pilot_", "citadel_", "galley_", "sidecar_injection_", "webhook_patch_", "istiod_")
LOG_SECONDS = 60


async def ask_istiod(api: ApiClient, pod: Pod, node: Node | None = None) -> Istiod:
    """What one replica says: sync states, mesh config, version, metrics, and the last minute of its log."""
    answers = Answers(api, pod.namespace, pod.name, node=node)
    get = partial(answers.get, container="discovery")
    await get("syncz", PORT, "/debug/syncz", lambda body: decode_istiod.syncz(body, pod.name))
    if not answers.dead:
        await get("mesh", PORT, "/debug/mesh", decode_istiod.mesh_config)
        await get("version", PORT, "/version", lambda body: body.decode("utf-8", "replace").strip())
        await get("metrics", PORT, "/metrics", lambda body: decode_istiod.metrics(body, METRICS))
    read = partial(api.logs, pod.namespace, pod.name, "discovery", since_seconds=LOG_SECONDS, tail_lines=1000)
    await answers.keep("log", "log", read, lambda body: tuple(decode_logs.lines(body)))
    return Istiod(
        namespace=pod.namespace,
        name=pod.name,
        revision=pod.labels.get("istio.io/rev", "default"),
        parts=answers.parts,
        missing=answers.missing,
    )
