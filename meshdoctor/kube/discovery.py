"""Which kinds the API server serves, and in which versions."""

from __future__ import annotations

import asyncio

import msgspec

from meshdoctor.kube.answers import not_the_api, plain_words
from meshdoctor.kube.failures import NotFound
from meshdoctor.kube.session import Session
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.errors import ClusterError, CredentialsError, NotTheAPI, Unreachable

AGGREGATED = ", ".join(
    [
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
        "application/json",
    ]
)


class Named(msgspec.Struct, frozen=True):
    """A name in metadata, or of a resource."""

    name: str = ""


class AggregatedResource(msgspec.Struct, frozen=True):
    """A resource of the aggregated answer."""

    resource: str = ""


class AggregatedVersion(msgspec.Struct, frozen=True):
    """A version with its resources; `Stale` where an aggregated API server does not answer."""

    version: str = ""
    resources: tuple[AggregatedResource, ...] = ()
    freshness: str = ""


class AggregatedGroup(msgspec.Struct, frozen=True):
    """A group of the aggregated answer."""

    metadata: Named = Named()
    versions: tuple[AggregatedVersion, ...] = ()


class Aggregated(msgspec.Struct, frozen=True):
    """The aggregated answer."""

    kind: str = ""
    items: tuple[AggregatedGroup, ...] | None = None


class PlainVersion(msgspec.Struct, frozen=True):
    """A version of the plain answer."""

    version: str = ""


class PlainGroup(msgspec.Struct, frozen=True):
    """A group of the plain answer."""

    name: str = ""
    versions: tuple[PlainVersion, ...] = ()


class Plain(msgspec.Struct, frozen=True):
    """The plain answer of /apis (groups), /api (versions) or one version (resources)."""

    kind: str = ""
    groups: tuple[PlainGroup, ...] = ()
    versions: tuple[str, ...] = ()
    resources: tuple[Named, ...] = ()


class Discovery(msgspec.Struct, frozen=True):
    """What is served, as (group, version, plural), in the server's order; `failed` are group/versions that did not answer."""

    served: tuple[tuple[str, str, str], ...]
    failed: tuple[str, ...] = ()

    def versions(self, group: str, plural: str) -> tuple[str, ...]:
        """The versions in which a resource is served, the server's preferred first."""
        return tuple(v for g, v, p in self.served if (g, p) == (group, plural))

    def version_of(self, kind: type[KubernetesObject]) -> str | None:
        """The first version that we know and the server serves; None where it serves none."""
        served = self.versions(kind.GROUP, kind.PLURAL)
        return next((v for v in kind.VERSIONS if v in served), None)

    def unknown_version(self, kind: type[KubernetesObject]) -> str | None:
        """The version that is served where we know none of those; None where we do, or nothing is served."""
        served = self.versions(kind.GROUP, kind.PLURAL)
        return served[0] if served and self.version_of(kind) is None else None


async def discover(session: Session) -> Discovery:
    """What the API server serves: two requests, or one for each group and version of an old server."""
    core, groups = await asyncio.gather(_root(session, "/api"), _root(session, "/apis"))
    if isinstance(core, Aggregated) and isinstance(groups, Aggregated):
        return _from_aggregated((*(core.items or ()), *(groups.items or ())))
    return await _walk(session)


async def _root(session: Session, path: str) -> Aggregated | Plain:
    body, _ = await session.fetch(path, headers={"Accept": AGGREGATED})
    try:
        kind = msgspec.json.decode(body, type=Plain).kind
        if kind == "APIGroupDiscoveryList":
            return msgspec.json.decode(body, type=Aggregated)
        if kind in ("APIGroupList", "APIVersions"):
            return msgspec.json.decode(body, type=Plain)
    except msgspec.DecodeError as why:
        raise not_the_api(session.credentials.server, plain_words(body)) from why
    raise not_the_api(session.credentials.server, plain_words(body))


def _from_aggregated(groups: tuple[AggregatedGroup, ...]) -> Discovery:
    served, failed = [], []
    for group in groups:
        for version in group.versions:
            served += [(group.metadata.name, version.version, r.resource) for r in version.resources]
            if version.freshness == "Stale":
                failed.append(f"{group.metadata.name}/{version.version}")
    return Discovery(tuple(served), tuple(failed))


async def _walk(session: Session) -> Discovery:
    """The plain way. A group whose server does not answer is `failed`, and costs itself only."""
    core, groups = await asyncio.gather(_plain(session, "/api"), _plain(session, "/apis"))
    wanted = [("", v) for v in core.versions] + [(g.name, v.version) for g in groups.groups for v in g.versions]
    found = await asyncio.gather(*(_resources(session, group, version) for group, version in wanted))
    served = [(g, v, r) for (g, v), names in zip(wanted, found, strict=True) for r in names or ()]
    failed = [f"{g}/{v}" for (g, v), names in zip(wanted, found, strict=True) if names is None]
    return Discovery(tuple(served), tuple(failed))


async def _plain(session: Session, path: str) -> Plain:
    body, _ = await session.fetch(path)
    try:
        return msgspec.json.decode(body, type=Plain)
    except msgspec.DecodeError as why:
        raise not_the_api(session.credentials.server, plain_words(body)) from why


async def _resources(session: Session, group: str, version: str) -> list[str] | None:
    try:
        answer = await _plain(session, f"/apis/{group}/{version}" if group else f"/api/{version}")
    except NotFound:
        return []
    except (CredentialsError, NotTheAPI, Unreachable):
        raise
    except ClusterError:
        return None
    return [r.name for r in answer.resources if "/" not in r.name]
