"""Asks an Envoy through its admin port: reads only, one request a pod at a time, masked and filtered."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from itertools import chain
from urllib.parse import quote

from meshdoctor.collect import decode_envoy, decode_logs
from meshdoctor.collect.asked import Answers
from meshdoctor.collect.cluster_pages import HOSTS, pages
from meshdoctor.collect.decode_walk import resources
from meshdoctor.collect.nodes import Node
from meshdoctor.kube.client import ApiClient
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.sources import Source, SourceState
from meshdoctor.model.workloads import Pod

ADMIN = 15000
LOG_SECONDS = 60
STATS = quote(r"(update_rejected|rbac\.|xds-grpc.*upstream_cx_active|^server\.(live|state|uptime)|workers_started)", safe="")
COUNT = "/stats?format=json&filter=" + quote(r"^cluster_manager\.active_clusters$", safe="")
CERTIFIED = 1400  # clusters: `/certs` takes 700 bytes and more for each
REJECTED = "/config_dump?resource=dynamic_listeners&mask=name,error_state.details,error_state.last_update_attempt"
SECRETS = "/config_dump?mask=dynamic_active_secrets,dynamic_warming_secrets"
INBOUND = "/config_dump?resource=dynamic_listeners&name_regex=virtualInbound"
ROUTES = "/config_dump?resource=dynamic_route_configs"
ALL_LISTENERS = "/config_dump?resource=dynamic_listeners"


async def ask_envoy(
    api: ApiClient,
    pod: Pod,
    *,
    gateway: bool,
    inside: bool,
    hosts: Mapping[str, int],
    begun: Answers | None = None,
    node: Node | None = None,
) -> Envoy:
    """What one proxy says. `gateway` adds listeners and secrets, `inside` what its listeners hold: filters, keys of tokens.

    `hosts` is how many its clusters may have, by letter: where these are many they are asked for in pages, and of very
    many not at all. `begun` is what it told already.
    """
    answers = begun or await begin(api, pod, gateway=gateway, node=node)
    if not answers.is_silent:
        await _ask_certs(answers, hosts, gateway=gateway)
        await _ask_clusters(answers, hosts)
        await answers.get("route_configs", ADMIN, ROUTES, lambda body: tuple(resources(body).values()))
        if inside:
            await answers.get("inside", ADMIN, ALL_LISTENERS if gateway else INBOUND, decode_envoy.inside)
            _split(answers, "inside", "jwks", "filters")
    return Envoy(namespace=pod.namespace, name=pod.name, parts=answers.parts, missing=answers.missing)


async def begin(api: ApiClient, pod: Pod, *, gateway: bool, node: Node | None = None) -> Answers:
    """What can be asked before anything is known of the mesh. Its log comes from the kubelet, not from the proxy."""
    answers, apart = (Answers(api, pod.namespace, pod.name, node=node) for _ in range(2))
    await asyncio.gather(_ask_admin(answers, gateway=gateway), ask_logs(apart))
    answers.is_silent = answers.dead
    answers.parts |= apart.parts
    answers.missing |= apart.missing
    return answers


async def _ask_admin(answers: Answers, *, gateway: bool) -> None:
    await answers.get("state", ADMIN, "/ready", decode_envoy.ready)  # `/server_info` tells it behind 100 kB of extensions
    if answers.dead:
        return
    await answers.get("stats", ADMIN, f"/stats?format=json&filter={STATS}", decode_envoy.stats)
    await answers.get("rejected", ADMIN, REJECTED, decode_envoy.rejected)
    if gateway:
        await answers.get("listeners", ADMIN, "/listeners?format=json", decode_envoy.listeners)
    if gateway:
        await _ask_secrets(answers)
    if answers.api.records:  # which Envoy it is, for whoever reads the recording
        told = Answers(answers.api, answers.namespace, answers.pod, node=answers.node)
        await told.get("info", ADMIN, "/server_info", bytes)


async def _ask_secrets(answers: Answers) -> None:
    await answers.get("secrets_dump", ADMIN, SECRETS, decode_envoy.secrets)
    _split(answers, "secrets_dump", "secrets", "secret_certs")


async def _ask_certs(answers: Answers, hosts: Mapping[str, int], *, gateway: bool) -> None:
    """`/certs` tells them once for each cluster: at 1,000 Services more than is read. Its secrets hold the same ones, once.

    Why `/certs` was of no use stays told. A gateway has told its secrets already.
    """
    clusters = await _count_clusters(answers) if sum(hosts.values()) > HOSTS else 0
    if clusters > CERTIFIED and not gateway:
        await _ask_secrets(answers)
    if clusters > CERTIFIED and answers.parts.get("secret_certs"):
        reason = f"not asked: certificates are told for each of {clusters} clusters, which is more than is read"
        name = f"/certs of {answers.namespace}/{answers.pod}"
        answers.missing["certs"] = Source(name=name, state=SourceState.SKIPPED, reason=reason)
    else:
        await answers.get("certs", ADMIN, "/certs", decode_envoy.certs)
    if "certs" in answers.missing and "secret_certs" not in answers.parts | answers.missing:
        await _ask_secrets(answers)
    if "certs" in answers.missing and answers.parts.get("secret_certs"):
        answers.parts["certs"] = answers.parts["secret_certs"]


async def _count_clusters(answers: Answers) -> int:
    """How many clusters the proxy has; 0 where it does not tell."""
    await answers.get("count", ADMIN, COUNT, decode_envoy.stats)
    answers.missing.pop("count", None)
    return int(answers.parts.pop("count", {}).get("cluster_manager.active_clusters", 0))


async def ask_logs(answers: Answers) -> None:
    """The last minute of istio-proxy's log."""
    read = partial(answers.api.logs, answers.namespace, answers.pod, "istio-proxy", since_seconds=LOG_SECONDS)
    await answers.keep("logs", "istio-proxy log", read, lambda body: decode_logs.proxy_logs(body, LOG_SECONDS))


async def _ask_clusters(answers: Answers, hosts: Mapping[str, int]) -> None:
    """All pages of `/clusters`; where one is missing, none is kept: half of the clusters would look like all."""
    paths = pages(hosts)
    if not paths:
        reason = f"not asked: with {sum(hosts.values())} endpoints in the mesh the answer would hold up Envoy's main thread"
        name = f"/clusters of {answers.namespace}/{answers.pod}"
        answers.missing["clusters"] = Source(name=name, state=SourceState.SKIPPED, reason=reason)
        return
    for path in paths:
        await answers.get(path, ADMIN, path, decode_envoy.clusters)
        if path in answers.missing:
            answers.missing["clusters"] = answers.missing.pop(path)
            break
    told = [answers.parts.pop(path) for path in paths if path in answers.parts]
    if len(told) == len(paths):
        answers.parts["clusters"] = tuple(chain.from_iterable(told))


def _split(answers: Answers, whole: str, *parts: str) -> None:
    """What one answer told, each under its own name."""
    if whole in answers.parts:
        answers.parts |= zip(parts, answers.parts.pop(whole), strict=True)
    elif whole in answers.missing:
        answers.missing |= dict.fromkeys(parts, answers.missing.pop(whole))
