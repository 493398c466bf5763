"""Lists the objects that rules need. What is denied, absent or broken costs that kind only."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any

import msgspec

from meshdoctor.collect.asked import source_of
from meshdoctor.kube.client import ApiClient, Denied, Discovery
from meshdoctor.kube.listing import Listing
from meshdoctor.kube.together import together
from meshdoctor.model import kinds
from meshdoctor.model.admission import CustomResourceDefinition
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.errors import CredentialsError, MeshdoctorError, NotTheAPI
from meshdoctor.model.mesh import Table
from meshdoctor.model.sources import Source, SourceState
from meshdoctor.model.workloads import Pod

Kind = type[KubernetesObject]


class Listed(msgspec.Struct):
    """One kind as it was read: its table, and where a watch goes on from."""

    kind: Kind
    table: Table[Any]
    version: str = ""
    resource_version: str = ""
    namespace: str | None = None
    read_at: float = 0.0


def begin_pods(api: ApiClient, namespace: str | None) -> asyncio.Task[Listed]:
    """Lists pods before it is known what is served: every API server serves them, and theirs is the longest answer."""
    task = asyncio.create_task(_told(api, Pod, Pod.VERSIONS[0], namespace))
    task.add_done_callback(lambda done: done.cancelled() or done.exception())  # whatever fails first is what is told
    return task


async def list_kinds(
    api: ApiClient,
    discovery: Discovery,
    wanted: Iterable[Kind],
    namespace: str | None,
    pods: asyncio.Task[Listed] | None = None,
) -> list[Listed]:
    """All kinds, at once as far as the client allows. `namespace` is where to look when all of them may not be listed;
    `pods` are those that are being listed already."""

    def task(kind: Kind) -> asyncio.Task[Listed]:
        return pods if pods is not None and kind is Pod else asyncio.create_task(list_kind(api, discovery, kind, namespace))

    return list(await together([task(kind) for kind in wanted]))


async def list_kind(api: ApiClient, discovery: Discovery, kind: Kind, namespace: str | None) -> Listed:
    """One kind over all namespaces, else in the one that may be read. Never raises for what concerns this kind alone."""
    name = kind.resource()
    version = discovery.version_of(kind)
    if version is not None:
        return await _told(api, kind, version, namespace)
    unknown = discovery.unknown_version(kind)
    if unknown:
        reason = f"is served only as {unknown}, which this release does not know"
        return Listed(kind, Table((), Source(name=name, state=SourceState.ERROR, reason=reason)))
    return Listed(kind, Table((), Source(name=name, state=SourceState.ABSENT, reason="the API server does not serve it")))


async def _told(api: ApiClient, kind: Kind, version: str, namespace: str | None) -> Listed:
    """A kind that is served, or why it is not told."""
    name = kind.resource()
    try:
        return await _read(api, kind, version, None)
    except Denied as denied:
        everywhere = denied
        if namespace is None or not kind.NAMESPACED:
            return Listed(kind, Table((), source_of(name, denied)), version)
    except (CredentialsError, NotTheAPI):
        raise
    except MeshdoctorError as why:
        return Listed(kind, Table((), source_of(name, why)), version)
    try:
        return await _read(api, kind, version, namespace)
    except Denied:  # the right to ask for is the wider one
        return Listed(kind, Table((), source_of(name, everywhere)), version)
    except MeshdoctorError as why:
        return Listed(kind, Table((), source_of(name, why)), version)


async def _read(api: ApiClient, kind: Kind, version: str, namespace: str | None) -> Listed:
    metadata_only = kind in kinds.METADATA_ONLY
    listing = await api.list(kind, version=version, namespace=namespace, metadata_only=metadata_only)
    if kind is CustomResourceDefinition:
        listing = msgspec.structs.replace(listing, objects=await _with_versions(api, listing.objects))
    return _listed(kind, version, namespace, listing)


async def _with_versions(api: ApiClient, definitions: Iterable[Any]) -> tuple[Any, ...]:
    """Definitions, those of Istio and the Gateway API with their versions. Where the first cannot be read none is asked for."""
    ours = [d for d in definitions if d.name.partition(".")[2] in kinds.MESH_GROUPS]
    found: dict[str, CustomResourceDefinition] = {}
    try:
        for several in (ours[:1], ours[1:]):
            answers = await asyncio.gather(*(api.versions_of(d.name, d.metadata.resource_version) for d in several))
            for d, told in zip(several, answers, strict=True):
                found[d.name] = msgspec.structs.replace(d, spec=msgspec.to_builtins(told.spec), status=told.status)
    except MeshdoctorError:
        pass  # what was not told stays unseen, and UP-003 says so
    return tuple(found.get(d.name, d) for d in definitions)


def _listed(kind: Kind, version: str, namespace: str | None, listing: Listing[Any]) -> Listed:
    reason = None
    if listing.skipped:
        shown = "; ".join(listing.skipped[:3])
        reason = f"{len(listing.skipped)} could not be decoded and were left out: {shown}"
    source = Source(
        name=kind.resource(),
        objects=len(listing.objects),
        namespaces=listing.namespaces if namespace is None else (namespace,),
        reason=reason or _only(namespace, listing.namespaces),
    )
    table = Table(listing.objects, source)
    return Listed(kind, table, version, listing.resource_version, namespace, time.monotonic())


def _only(namespace: str | None, known: tuple[str, ...] | None) -> str | None:
    if namespace:
        return f"only namespace {namespace} may be read"
    return None if known is None else f"only {len(known)} namespaces are in the bundle: {', '.join(known[:5])}"


async def read_config_maps(api: ApiClient, wanted: Iterable[tuple[str, str]]) -> Table[Any]:
    """The control plane's ConfigMaps by (namespace, name); those that do not exist are left out."""
    kind = kinds.BY_NAME[0]
    found: list[KubernetesObject] = []
    failed: Source | None = None

    async def one(namespace: str, name: str) -> None:
        nonlocal failed
        try:
            found.append(await api.get(f"/api/v1/namespaces/{namespace}/configmaps/{name}", kind))
        except MeshdoctorError as why:
            source = source_of(kind.resource(), why)
            if source.state is not SourceState.ABSENT:
                failed = source

    await asyncio.gather(*(one(ns, name) for ns, name in wanted))
    if failed is not None:
        return Table((), failed)
    return Table(found, Source(name=kind.resource(), objects=len(found), reason="the control plane's, read by name"))
