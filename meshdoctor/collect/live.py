"""One look at a live mesh: objects, every istiod, the proxies that look bad, Prometheus. Partial failure is recorded."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from meshdoctor.collect.asked import Answers, gather_limited
from meshdoctor.collect.cluster_pages import hosts_by_letter
from meshdoctor.collect.configured import configured
from meshdoctor.collect.istiods import ask_istiod
from meshdoctor.collect.meanwhile import Meanwhile, Work
from meshdoctor.collect.metrics import HISTORY, LONGEST, LONGEST_HISTORY, ask_prometheus
from meshdoctor.collect.nodes import Nodes
from meshdoctor.collect.objects import Kind, Listed, begin_pods, list_kinds, read_config_maps
from meshdoctor.collect.proxies import ask_envoy, begin
from meshdoctor.collect.suspects import MOST, Choice, choose
from meshdoctor.collect.traffic import ask_traffic
from meshdoctor.istio.controlplane import (
    cluster_domain,
    control_plane_namespaces,
    control_planes,
    injectors,
    is_istiod,
    istiod_pods,
)
from meshdoctor.istio.injection import INJECT, called
from meshdoctor.istio.selecting import labels_of
from meshdoctor.istio.telemetry import TRAFFIC
from meshdoctor.istio.workloads import is_gateway
from meshdoctor.kube.client import ApiClient, Discovery
from meshdoctor.model import kinds
from meshdoctor.model.cluster import ConfigMap, Namespace
from meshdoctor.model.dryrun import DryRun
from meshdoctor.model.envoy import Envoy, Said
from meshdoctor.model.envoyfilters import EnvoyFilter
from meshdoctor.model.errors import MeshdoctorError, NoIstio
from meshdoctor.model.findings import Cluster
from meshdoctor.model.gatewayapi import Gateway
from meshdoctor.model.istiod import Istiod, MeshConfig
from meshdoctor.model.mesh import Mesh, Table
from meshdoctor.model.prometheus import QUERIES, Prometheus
from meshdoctor.model.security import RequestAuthentication
from meshdoctor.model.sources import Source, SourceState, Unseen
from meshdoctor.model.workloads import Pod

CONFIG_MAPS = ("istio", "istio-sidecar-injector", "istio-ca-root-cert")
AT_ONCE = 8
ISTIO = "istio"  # a label that istiod and most gateways carry
GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"  # one that those of the Gateway API carry

Progress = Callable[[str], None]


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What to collect. `namespace` is read where not all may be; `istio_namespace` narrows the control plane."""

    namespace: str | None = None
    istio_namespace: str | None = None
    most_proxies: int = MOST
    active: bool = False  # also create test pods with dryRun=All
    traffic_s: float = 0.0  # look twice at the counters of proxies, so many seconds apart, instead of asking them for all else
    tested: tuple[str, ...] = ()  # where to create them; where none is named, in up to 20 namespaces that are injected
    history: bool = False  # also ask Prometheus who sent plain text within 7 days
    wanted: tuple[Kind, ...] = kinds.LISTED + kinds.METADATA_ONLY


class Runtime(msgspec.Struct):
    """What the running parts said."""

    istiods: tuple[Istiod, ...] = ()
    envoys: tuple[Envoy, ...] = ()
    prometheus: Prometheus | None = None
    config_maps: Table[Any] | None = None
    choice: Choice | None = None
    dry_runs: tuple[DryRun, ...] = ()


def _quiet(_: str) -> None:
    """Progress that nobody watches."""


def _nobody(_: Runtime) -> None:
    """Nothing is done meanwhile."""


async def collect(api: ApiClient, options: Options, progress: Progress = _quiet, work: Work | None = None) -> Mesh:
    """One snapshot. Raises only when the cluster as a whole cannot be read, or has no Istio.

    `work` is done on it while the proxies and Prometheus are awaited, as far as it comes meanwhile.
    """
    progress("reading objects")
    meanwhile = Meanwhile(None if options.active else work)  # test pods are awaited as well
    begun: list[asyncio.Task[Any]] = []
    try:
        pods = begin_pods(api, options.namespace) if Pod in options.wanted else None
        begun += [pods] if pods else []
        discovery, kubernetes = await asyncio.gather(api.discover(), api.version())
        early = asyncio.create_task(ask_early(api, discovery, options))
        begun.append(early)
        listed = await list_kinds(api, discovery, options.wanted, options.namespace, pods)
        found = assemble(api, listed, Runtime(), kubernetes=kubernetes)
        require_istio(found, options)

        def told(runtime: Runtime) -> None:
            meanwhile.begin(assemble(api, listed, runtime, kubernetes=kubernetes))

        runtime = await ask_running(api, found, options, progress, await early, told)
    finally:
        for task in begun:
            task.cancel()
        await meanwhile.end()
    return meanwhile.completed(assemble(api, listed, runtime, kubernetes=kubernetes))


class Early(msgspec.Struct, frozen=True):
    """What was asked while the long lists were still on their way."""

    istiods: tuple[Istiod, ...] = ()
    proxies: dict[tuple[str, str], Answers] = {}
    nodes: Nodes = msgspec.field(default_factory=Nodes)


async def ask_early(api: ApiClient, discovery: Discovery, options: Options) -> Early:
    """The replicas of istiod and the gateways, found by their labels. What is not found so, is found among all pods."""
    labels = [ISTIO, *([GATEWAY_NAME] if discovery.version_of(Gateway) else [])]
    found = {(p.namespace, p.name): p for several in await asyncio.gather(*(_labelled(api, x) for x in labels)) for p in several}
    wanted = [p for p in found.values() if is_istiod(p.labels) and options.istio_namespace in (None, p.namespace)]
    pods = {where: p for where, p in found.items() if is_gateway(p) and _answers(p)}
    if options.traffic_s:
        pods = {}  # counters are asked for later, of all proxies at once
    nodes = Nodes()
    begun, istiods = await asyncio.gather(
        gather_limited(AT_ONCE, [begin(api, p, gateway=True, node=nodes.of(p)) for p in pods.values()]),
        gather_limited(AT_ONCE, [ask_istiod(api, p, nodes.of(p)) for p in wanted]),
    )
    return Early(tuple(istiods), dict(zip(pods, begun, strict=True)), nodes)


async def _labelled(api: ApiClient, label: str) -> list[Pod]:
    try:
        pods = await api.list(Pod, label_selector=label)
    except MeshdoctorError:
        return []  # it is said of all pods why not
    return [p for p in pods.objects if p.status.phase == "Running"]


async def ask_running(
    api: ApiClient,
    mesh: Mesh,
    options: Options,
    progress: Progress = _quiet,
    early: Early | None = None,
    told: Callable[[Runtime], None] = _nobody,
) -> Runtime:
    """What istiod, the chosen proxies and Prometheus say, given the objects. Those in `early` have told already.

    `told` is given what is known when all but proxies and Prometheus have told.
    """
    try:
        replicas = [p for p in istiod_pods(mesh) if options.istio_namespace in (None, p.namespace)]
    except Unseen:
        return Runtime()
    progress(f"asking {len(replicas)} istiod")
    queries = QUERIES | (TRAFFIC if options.traffic_s else {}) | (HISTORY if options.history else {})
    longest = LONGEST_HISTORY if options.history else LONGEST
    prometheus = asyncio.create_task(_prometheus(api, mesh, queries, longest))  # nothing waits for it but the end
    try:
        asked = await _ask_pods(api, mesh, replicas, options, progress, early or Early(), told)
        return msgspec.structs.replace(asked, prometheus=await prometheus)
    finally:
        prometheus.cancel()


async def _ask_pods(
    api: ApiClient,
    mesh: Mesh,
    replicas: list[Pod],
    options: Options,
    progress: Progress,
    early: Early,
    known: Callable[[Runtime], None],
) -> Runtime:
    """The replicas of istiod first: what they say tells which proxies look bad."""
    told = {(i.namespace, i.name): i for i in early.istiods}
    running = [p for p in replicas if p.status.phase == "Running"]
    asked, config_maps = await asyncio.gather(
        gather_limited(AT_ONCE, [ask_istiod(api, p, early.nodes.of(p)) for p in running if (p.namespace, p.name) not in told]),
        read_config_maps(api, _config_map_names(mesh, options)),
    )
    told |= {(i.namespace, i.name): i for i in asked}
    istiods = [told[p.namespace, p.name] for p in running]
    runtime = Runtime(tuple(istiods), config_maps=config_maps)
    informed = mesh.told(istiods, _configured(config_maps))
    if options.traffic_s:
        progress(f"watching traffic for {options.traffic_s:g} s")
        counted = await ask_traffic(api, mesh, options.traffic_s)
        return msgspec.structs.replace(runtime, envoys=tuple(counted))
    choice = choose(informed, istiods, options.most_proxies)
    known(runtime)
    progress(f"asking {len(choice.gateways) + len(choice.sidecars)} proxies")
    looked_into, hosts = _looked_into(informed), hosts_by_letter(mesh)
    asking = [
        ask_envoy(
            api,
            p,
            gateway=is_gateway(p),
            inside=looked_into(p),
            hosts=hosts,
            begun=early.proxies.get((p.namespace, p.name)),
            node=early.nodes.of(p),
        )
        for p in _askable(choice)
    ]
    envoys = await gather_limited(AT_ONCE, asking)
    tests = _tests(mesh, options) if options.active else []
    dry_runs = await gather_limited(AT_ONCE, [api.dry_run_pod(n, labels) for n, labels in tests])
    return msgspec.structs.replace(runtime, envoys=tuple(envoys), choice=choice, dry_runs=tuple(dry_runs))


def _tests(mesh: Mesh, options: Options) -> list[tuple[str, dict[str, str]]]:
    """Namespaces where a dry run shows something, and the labels of the test pod: at most twenty that are injected,
    or those that were named. Where a namespace is not enrolled the pod asks for a sidecar itself: what enrolling would do."""
    try:
        names = [n for n in mesh[Namespace] if not options.tested or n.name in options.tested]
        chosen = [(n.name, bool(called(mesh, n.labels, {}))) for n in names]
    except Unseen:
        return []
    if options.tested:
        return [(name, {} if injected else {INJECT: "true"}) for name, injected in chosen]
    return [(name, dict[str, str]()) for name, injected in chosen if injected][:MOST]


def _askable(choice: Choice) -> list[Pod]:
    """Pods whose proxy container runs: the others have nobody to answer."""
    both = (*choice.gateways, *choice.sidecars)
    return [p for p in both if _answers(p)]


def _answers(pod: Pod) -> bool:
    return (status := pod.proxy_status) is not None and status.state.running is not None


async def _prometheus(api: ApiClient, mesh: Mesh, queries: dict[str, str], longest: float) -> Prometheus | None:
    try:
        return await ask_prometheus(api, mesh, queries, longest=longest)
    except Unseen:
        return None


def _config_map_names(mesh: Mesh, options: Options) -> list[tuple[str, str]]:
    try:
        revisions = {(p.namespace, p.revision) for p in control_planes(mesh)}
        revisions |= {(n, "default") for n in control_plane_namespaces(mesh)}
    except Unseen:
        return []
    names = set()
    for namespace, revision in revisions:
        if options.istio_namespace in (None, namespace):
            suffix = "" if revision in ("", "default") else f"-{revision}"
            names |= {(namespace, name + suffix) for name in CONFIG_MAPS[:2]} | {(namespace, CONFIG_MAPS[2])}
    return sorted(names)


def _looked_into(mesh: Mesh) -> Callable[[Pod], bool]:
    """Whether some RequestAuthentication or EnvoyFilter may cover a pod: what its listeners hold is worth a question."""
    root, wanted = "", list[tuple[str, dict[str, str]]]()
    with contextlib.suppress(Unseen):
        root = mesh.mesh_config.root_namespace
        for kind in (RequestAuthentication, EnvoyFilter):
            wanted += [(thing.namespace, labels_of(thing)) for thing in mesh[kind]]

    def covered(pod: Pod) -> bool:
        return any(space in (pod.namespace, root) and labels.items() <= pod.labels.items() for space, labels in wanted)

    return covered


def require_istio(mesh: Mesh, options: Options) -> None:
    """Raise NoIstio where nothing of Istio was found and everything that would show it was seen."""
    try:
        planes = [p for p in control_planes(mesh) if options.istio_namespace in (None, p.namespace)]
        if planes or injectors(mesh):
            return
    except Unseen:
        return
    served = [k for k in mesh.kinds if k.GROUP in kinds.ISTIO_GROUPS and mesh.state(k) != "absent"]
    if not served:
        where = f" in namespace {options.istio_namespace}" if options.istio_namespace else ""
        raise NoIstio(
            f"No Istio found{where}: no istiod, no injection webhook, and no Istio kind is served.",
            "This cluster has no mesh, or it is managed from elsewhere.",
            "Check the context, or name the namespace with --istio-namespace.",
        )


def assemble(api: ApiClient, listed: Iterable[Listed], runtime: Runtime, *, kubernetes: str = "") -> Mesh:
    """The Mesh of what was listed and said."""
    moment = time.monotonic()
    tables: dict[Kind, Table[Any]] = {}
    for item in listed:
        age = round(moment - item.read_at, 1) if item.read_at else None
        # kept, since it is assembled once more when the proxies have told: what is derived by then holds on
        item.table = tables[item.kind] = item.table.said_by(msgspec.structs.replace(item.table.source, age_s=age))
    if runtime.config_maps is not None:
        tables[ConfigMap] = runtime.config_maps
    versions = tuple(sorted({i.version for i in runtime.istiods if i.has("version")}))
    mesh = Mesh(
        tables,
        now=api.now(),
        istiods=runtime.istiods,
        envoys=runtime.envoys,
        prometheus=runtime.prometheus,
        sources=_runtime_sources(runtime),
        notes=_notes(runtime),
        dry_runs=runtime.dry_runs,
        mesh_config=_configured(runtime.config_maps),
    )
    mesh.cluster = Cluster(
        context=api.credentials.context,
        server=api.credentials.server,
        user=api.credentials.user,
        kubernetes=kubernetes,
        istio=versions,
        root_namespace=_root_namespace(mesh),
        domain=_domain(mesh),
    )
    return mesh


def _root_namespace(mesh: Mesh) -> str:
    try:
        return mesh.mesh_config.root_namespace
    except Unseen:
        return ""


def _domain(mesh: Mesh) -> str:
    try:
        return cluster_domain(mesh)
    except Unseen:
        return Cluster().domain


def _notes(runtime: Runtime) -> tuple[str, ...]:
    """What was left out, and what was sent beyond reads."""
    tested = ", ".join(d.namespace for d in runtime.dry_runs)
    sent = (f"A test pod was created with dryRun=All (nothing stored) in: {tested}.",) if tested else ()
    return (*_left_out(runtime.choice), *sent)


def _left_out(choice: Choice | None) -> tuple[str, ...]:
    if choice is None or choice.left_out <= 0:
        return ()
    asked = len(choice.sidecars)
    return (
        f"{asked} of {choice.workloads} workloads were asked for their Envoy's state, worst first; "
        f"{choice.left_out} sidecars were not.",
    )


def _runtime_sources(runtime: Runtime) -> list[Source]:
    found: list[Source] = []
    everyone: list[tuple[str, str, Said]] = [("istiod", f"{i.namespace}/{i.name}", i) for i in runtime.istiods]
    everyone += [("Envoy", f"{e.namespace}/{e.name}", e) for e in runtime.envoys]
    for what, name, said in everyone:
        found.extend(said.missing.values())
        if said.parts:
            found.append(Source(name=f"{what} {name}", age_s=0.0, objects=len(said.parts)))
    if runtime.prometheus is not None:
        service = runtime.prometheus.service
        name = f"Prometheus {service.namespace}/{service.name}"
        missing = next(iter(runtime.prometheus.missing.values()), None)
        found.append(missing or Source(name=name, age_s=0.0, objects=len(runtime.prometheus.parts)))
    return found


def _configured(config_maps: Table[Any] | None) -> MeshConfig | Source:
    """The MeshConfig of a control plane's ConfigMap `istio`: what is left to read when no istiod answers."""
    found = configured(config_maps or ())
    if found is not None:
        return found
    reason = "no istiod told it, and its ConfigMap istio could not be read"
    return Source(name="mesh config", state=SourceState.ERROR, reason=reason)
