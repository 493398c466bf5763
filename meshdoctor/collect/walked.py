"""Reads of an Envoy's configuration what one request meets, no more: a resource at a time, by name."""

from __future__ import annotations

import re
from urllib.parse import quote

from meshdoctor.collect.asked import Answers
from meshdoctor.collect.decode_walk import RESOURCES, endpoints_of_clusters, resources
from meshdoctor.collect.proxies import ADMIN
from meshdoctor.istio.live.walk import walk
from meshdoctor.istio.matching import Call
from meshdoctor.istio.steps import Step
from meshdoctor.kube.client import ApiClient
from meshdoctor.model.envoy_config import EnvoyConfig, Kind, Lacks
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.workloads import Pod

MOST = 60  # questions: a request meets one listener, one route configuration, and the clusters of one route


async def read_walk(api: ApiClient, mesh: Mesh, pod: Pod, call: Call) -> tuple[Step, ...]:
    """The steps of a call through what the pod's Envoy has now; what could not be read is a step that says so."""
    config = EnvoyConfig(found={}, asked=set(), whole=set(), missing={})
    for _ in range(MOST):
        try:
            return walk(mesh, config, pod, call)
        except Lacks as lacks:
            await _ask(api, pod, config, lacks)
    raise AssertionError("a walk ends after the clusters of one route")


async def _ask(api: ApiClient, pod: Pod, config: EnvoyConfig, lacks: Lacks) -> None:
    answers = Answers(api, pod.namespace, pod.name)
    await answers.get(lacks.kind, ADMIN, path_of(lacks.kind, lacks.names), resources)
    if lacks.kind == "endpoints" and answers.missing:  # an old recording has the hosts, without labels
        names = "|".join(re.escape(n) for n in lacks.names)
        hosts = Answers(api, pod.namespace, pod.name)
        filtered = f"/clusters?format=json&filter={quote(f'^({names})$', safe='')}"
        await hosts.get(lacks.kind, ADMIN, filtered, endpoints_of_clusters)
        answers = hosts if hosts.parts else answers
    if lacks.kind in answers.missing:
        config.missing[lacks.kind] = answers.missing[lacks.kind]
        return
    config.asked |= {(lacks.kind, name) for name in lacks.names}
    config.found |= {(lacks.kind, name): each for name, each in answers.parts[lacks.kind].items()}


def path_of(kind: Kind, names: tuple[str, ...]) -> str:
    """The question for these resources alone: `name_regex` is for the whole name."""
    pattern = "|".join(re.escape(n) for n in names)
    eds = "include_eds&" if kind == "endpoints" else ""
    return f"/config_dump?{eds}resource={RESOURCES[kind]}&name_regex={quote(pattern, safe='')}"
