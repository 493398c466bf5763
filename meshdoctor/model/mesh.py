"""The snapshot that rules judge: immutable, indexed, and honest about what it did not see."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from meshdoctor.model.applied import applied
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import EndpointSlice, Secret, Service
from meshdoctor.model.dryrun import DryRun
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.findings import Cluster
from meshdoctor.model.istiod import Istiod, MeshConfig
from meshdoctor.model.manifest import Complaint, Manifest
from meshdoctor.model.prometheus import Prometheus
from meshdoctor.model.sources import Source, SourceState, Unseen
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Job, Pod, ReplicaSet

T = TypeVar("T", bound=KubernetesObject)

DERIVED = {"mesh_config", "slices", "pods_by_ip"}  # cached on a Mesh from its tables
LATE = ("_envoys", "prometheus", "extra_sources", "notes")  # what a mesh has when everybody has told
USABLE = {SourceState.LIVE, SourceState.STALE, SourceState.ABSENT}


class NotYet(BaseException):
    """Something was read that a mesh does not have yet. No rule may take it for a failure of its own, hence no Exception."""


class Table(Generic[T]):
    """All objects of one kind that could be read; lookups are by namespace and name, or by label."""

    def __init__(self, objects: Iterable[T], source: Source) -> None:
        # in one order, whoever gave them: the same mesh gives the same words
        self._objects = tuple(sorted(objects, key=_place))
        self.source = source
        self.memo: dict[Any, Any] = {}  # what `meshdoctor.istio` derives of these objects alone

    def said_by(self, source: Source) -> Table[T]:
        """The same objects, and all that was derived of them, with another word on where they come from."""
        same = copy(self)
        same.source = source
        return same

    def __iter__(self) -> Iterator[T]:
        """What was seen; with rights in some namespaces only, theirs."""
        return iter(self._objects)

    def __len__(self) -> int:
        return len(self._objects)

    def everywhere(self) -> Iterator[T]:
        """As iterating, but raises Unseen where only some namespaces could be read: for rules that need all."""
        if self.source.namespaces is not None:
            raise Unseen(self.source)
        return iter(self._objects)

    def get(self, namespace: str, name: str) -> T | None:
        """That object, or None where it does not exist; Unseen where its namespace could not be read."""
        self._must_see(namespace)
        return self._by_key.get((namespace, name))

    def seen(self, key: tuple[str, str]) -> T | None:
        """The object of this namespace and name among those that were seen."""
        return self._by_key.get(key)

    def within(self, namespace: str) -> tuple[T, ...]:
        """The objects of a namespace; Unseen where it could not be read."""
        self._must_see(namespace)
        return self._by_namespace.get(namespace, ())

    def matching(self, namespace: str, labels: dict[str, str]) -> tuple[T, ...]:
        """The objects of a namespace that carry all these labels."""
        if not labels:
            return self.within(namespace)
        self._must_see(namespace)
        (key, value), *rest = labels.items()
        some = self._by_label(key).get((namespace, value), ())
        return tuple(o for o in some if all(o.labels.get(k) == v for k, v in rest)) if rest else some

    @property
    def namespaces(self) -> Iterable[str]:
        return self._by_namespace.keys()

    def _must_see(self, namespace: str) -> None:
        if self.source.namespaces is not None and namespace not in self.source.namespaces:
            raise Unseen(self.source)

    @cached_property
    def _by_key(self) -> dict[tuple[str, str], T]:
        return {_place(o): o for o in self._objects}

    @cached_property
    def _by_namespace(self) -> dict[str, tuple[T, ...]]:
        return _grouped([(o.metadata.namespace, o) for o in self._objects])

    def _by_label(self, key: str) -> dict[tuple[str, str], tuple[T, ...]]:
        """The objects that have a label, by namespace and value. Few labels are asked for: by all of them it took ten times
        as long."""
        known: dict[str, dict[tuple[str, str], tuple[T, ...]]] = self.memo.setdefault("by_label", {})
        found = known.get(key)
        if found is None:
            pairs = [(o.metadata, o) for o in self._objects if key in o.metadata.labels]
            found = known[key] = _grouped([((m.namespace, m.labels[key]), o) for m, o in pairs])
        return found


def _place(thing: KubernetesObject) -> tuple[str, str]:
    return thing.metadata.namespace, thing.metadata.name


def _grouped(pairs: Iterable[tuple[Any, T]]) -> dict[Any, tuple[T, ...]]:
    lists: dict[Any, list[T]] = {}
    for key, value in pairs:
        lists.setdefault(key, []).append(value)
    return {key: tuple(values) for key, values in lists.items()}


class Mesh:
    """One moment of a mesh.

    `mesh[Pod]` is the table of a kind; it raises Unseen where the kind was denied or failed, and is empty where the API
    does not serve it. What istiod, the proxies and Prometheus said is in `istiods`, `envoys` and `prometheus`.
    `now` is the API server's clock, so that ages are right on a wrong laptop and in a recording.
    """

    def __init__(
        self,
        tables: dict[type[KubernetesObject], Table[Any]],
        *,
        now: datetime,
        cluster: Cluster | None = None,
        istiods: Iterable[Istiod] = (),
        envoys: Iterable[Envoy] = (),
        prometheus: Prometheus | None = None,
        sources: Iterable[Source] = (),
        notes: Iterable[str] = (),
        mesh_config: MeshConfig | Source | None = None,
        dry_runs: Iterable[DryRun] = (),
        manifests: Iterable[Manifest] = (),
        complaints: Iterable[Complaint] = (),
        only_given: bool = False,
        mesh_networks: dict[str, Any] | None = None,
        remote_accounts: Iterable[str] = (),
    ) -> None:
        self._tables = tables
        self.now = now
        self.cluster = cluster or Cluster()
        self.istiods = tuple(istiods)
        self._envoys = {(e.namespace, e.name): e for e in envoys}
        self.prometheus = prometheus
        self.extra_sources = tuple(sources)
        self.notes = tuple(notes)
        self._mesh_config = mesh_config
        self.dry_runs = tuple(dry_runs)  # asked for with --active only
        self.manifests = tuple(manifests)  # as they were written, where files are the source
        self.complaints = tuple(complaints)  # what of the files could not be read
        self.only_given = only_given  # manifests are all there is: nothing runs that could be seen
        self.mesh_networks = mesh_networks or {}  # `networks` of MeshNetworks, as it was written
        self.remote_accounts = frozenset(remote_accounts)  # TRUST-DOMAIN/ns/NAMESPACE/sa/NAME of other clusters
        self.reads: set[type[KubernetesObject]] | None = None  # the test of `needs` looks here
        self.memo: dict[Any, Any] = {}  # what `meshdoctor.istio` derives and rules find once per snapshot

    def __getitem__(self, kind: type[T]) -> Table[T]:
        if self.reads is not None:
            self.reads.add(kind)
        table: Table[T] | None = self._tables.get(kind)
        if table is None:
            raise Unseen(Source(name=kind.resource(), state=SourceState.SKIPPED, reason="was not collected"))
        if table.source.state not in USABLE:
            raise Unseen(table.source)
        return table

    def told(self, istiods: Iterable[Istiod], mesh_config: MeshConfig | Source | None) -> Mesh:
        """The same objects, with what istiod said of them."""
        return Mesh(self._tables, now=self.now, cluster=self.cluster, istiods=istiods, mesh_config=mesh_config)

    def awaiting(self) -> Mesh:
        """This mesh while its proxies and Prometheus are still being asked: reading what they say raises NotYet."""
        made = copy(self)
        made.memo = {}
        made.__dict__ = {k: v for k, v in made.__dict__.items() if k not in LATE}
        return made

    def complete(self, whole: Mesh) -> None:
        """Take in the rest. What was derived so far holds on: it cannot have been derived from what was not there."""
        self.__dict__ |= {k: v for k, v in whole.__dict__.items() if k not in DERIVED and k != "memo"}

    if not TYPE_CHECKING:  # where it is seen, a misspelt attribute passes for one of any type

        def __getattr__(self, name: str) -> Any:
            """Called for what is not there only."""
            if name in LATE:
                raise NotYet(name)
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def overlaid(self, things: Iterable[KubernetesObject], **given: Iterable[Any]) -> Mesh:
        """This mesh as it would be with these objects applied: new ones, and others of the same kind, namespace and name."""
        new: dict[type[KubernetesObject], dict[tuple[str, str], KubernetesObject]] = {}
        for thing in things:
            new.setdefault(type(thing), {})[thing.namespace, thing.name] = thing
        tables: dict[type[KubernetesObject], Table[Any]] = {}
        for kind, by_key in new.items():
            old = self._tables.get(kind)
            if old is None:  # an empty table is false, and may be one that was denied
                old = Table((), Source(name=kind.resource()))
            kept = [o for o in old if (o.namespace, o.name) not in by_key]
            given_now = (applied(o, old.seen(key), self.now) for key, o in by_key.items())
            tables[kind] = Table([*kept, *given_now], old.source)
        made = self.with_tables(tables)
        replaced = {t.subject for by_key in new.values() for t in by_key.values()}
        made.manifests = (*(m for m in self.manifests if m.subject not in replaced), *given.get("manifests", ()))
        made.complaints = tuple(given.get("complaints", ()))
        made.notes = (*self.notes, *given.get("notes", ()))
        return made

    def replaced(self, kinds: Iterable[type[KubernetesObject]], keep: Callable[[Any], Any]) -> Mesh:
        """This mesh with `keep` of each object of some kinds; left out where that is None."""
        some = ((k, t) for k in kinds if (t := self._tables.get(k)) is not None)
        return self.with_tables({k: Table([made for o in t if (made := keep(o)) is not None], t.source) for k, t in some})

    def with_tables(self, tables: Mapping[type[KubernetesObject], Table[Any]]) -> Mesh:
        """This mesh with other objects of some kinds; what is found from them is found anew."""
        made = copy(self)
        made.memo = {}
        made.__dict__ = {k: v for k, v in made.__dict__.items() if k not in DERIVED}
        made._tables = {**self._tables, **tables}
        return made

    def heard(self, envoys: Iterable[Envoy], prometheus: Prometheus | None) -> Mesh:
        """This mesh with what proxies and Prometheus said beyond what it has; parts of a proxy are added to its others."""
        made = copy(self)
        made.memo = {}
        made._envoys = dict(self._envoys)
        for each in envoys:
            old = made._envoys.get((each.namespace, each.name))
            parts, missing = (old.parts, old.missing) if old else ({}, {})
            both = {"parts": {**parts, **each.parts}, "missing": {**missing, **each.missing}}
            made._envoys[each.namespace, each.name] = msgspec.structs.replace(each, **both)
        if prometheus is not None and self.prometheus is not None:
            both = {
                "parts": {**self.prometheus.parts, **prometheus.parts},
                "missing": {**self.prometheus.missing, **prometheus.missing},
            }
            made.prometheus = msgspec.structs.replace(prometheus, **both)
        else:
            made.prometheus = prometheus or self.prometheus
        return made

    def state(self, kind: type[KubernetesObject]) -> SourceState:
        table = self._tables.get(kind)
        return SourceState.SKIPPED if table is None else table.source.state  # an empty table is false

    def given(self, kind: type[KubernetesObject]) -> bool:
        """Whether an absent object of a kind surely does not exist: not so where manifests are all there is, none of it."""
        table = self._tables.get(kind)
        return not self.only_given or (table is not None and len(table) > 0)

    @property
    def kinds(self) -> tuple[type[KubernetesObject], ...]:
        return tuple(self._tables)

    @property
    def sources(self) -> tuple[Source, ...]:
        return (*(t.source for t in self._tables.values()), *self.extra_sources)

    @property
    def envoys(self) -> Iterable[Envoy]:
        return self._envoys.values()

    def envoy(self, pod: Pod) -> Envoy | None:
        """What that pod's proxy said; None where it was not asked at all."""
        return self._envoys.get((pod.namespace, pod.name))

    @cached_property
    def mesh_config(self) -> MeshConfig:
        """The mesh config of the first istiod that told it, else that of its ConfigMap.

        Manifests alone have Istio's defaults; raises Unseen where a live one could not be read.
        """
        told = next((i.mesh_config for i in self.istiods if i.has("mesh")), None)
        if told is not None:
            return told
        if isinstance(self._mesh_config, Source):
            raise Unseen(self._mesh_config)
        return self._mesh_config or MeshConfig()

    def owner(self, pod: Pod) -> Subject:
        """The top controller of a pod: Deployment rather than ReplicaSet; the Pod itself where it has none.

        A ReplicaSet that is gone or may not be read is told by its name: Deployment name plus the template's hash.
        """
        known: dict[Pod, Subject] = self.memo.setdefault("owners", {})  # asked of every pod by many rules
        found = known.get(pod)
        if found is None:
            found = known[pod] = self._owner(pod)
        return found

    def _owner(self, pod: Pod) -> Subject:
        for reference in pod.metadata.owner_references:
            if reference.controller:
                break
        else:
            return pod.subject
        group = reference.api_version.rpartition("/")[0]
        if reference.kind == "ReplicaSet":
            return self._deployment_of(pod, reference.name)
        if reference.kind == "Job":
            return self._job_or_cronjob(pod, reference.name)
        return Subject(group=group, kind=reference.kind, namespace=pod.namespace, name=reference.name)

    def _job_or_cronjob(self, pod: Pod, name: str) -> Subject:
        table = self._tables.get(Job)
        known: Job | None = table._by_key.get((pod.namespace, name)) if table else None
        owner = next((o for o in known.metadata.owner_references if o.controller), None) if known else None
        if owner is None:
            return Subject(group="batch", kind="Job", namespace=pod.namespace, name=name)
        return Subject(group=owner.api_version.rpartition("/")[0], kind=owner.kind, namespace=pod.namespace, name=owner.name)

    def _deployment_of(self, pod: Pod, replicaset: str) -> Subject:
        table = self._tables.get(ReplicaSet)
        known: ReplicaSet | None = table._by_key.get((pod.namespace, replicaset)) if table else None
        if known:
            owner = next((o for o in known.metadata.owner_references if o.controller), None)
            if owner is None:
                return known.subject
            return Subject(group=owner.api_version.rpartition("/")[0], kind=owner.kind, namespace=pod.namespace, name=owner.name)
        template_hash = pod.labels.get("pod-template-hash")
        name = replicaset.removesuffix(f"-{template_hash}") if template_hash else replicaset
        kind = "Deployment" if name != replicaset else "ReplicaSet"
        return Subject(group="apps", kind=kind, namespace=pod.namespace, name=name)

    @cached_property
    def slices(self) -> dict[tuple[str, str], tuple[EndpointSlice, ...]]:
        """EndpointSlices by (namespace, Service)."""
        return _grouped(((s.namespace, s.service), s) for s in self[EndpointSlice] if s.service)

    def slices_of(self, service: Service) -> tuple[EndpointSlice, ...]:
        self[EndpointSlice].within(service.namespace)
        return self.slices.get((service.namespace, service.name), ())

    @cached_property
    def pods_by_ip(self) -> dict[str, Pod]:
        """Running pods by their address; those on the host's network are left out."""
        return {p.status.pod_ip: p for p in self[Pod] if p.status.pod_ip and not p.spec.host_network and not p.is_finished}

    def secret_exists(self, namespace: str, name: str) -> bool:
        """Whether a Secret exists (metadata only); Unseen where Secrets may not be listed."""
        return self[Secret].get(namespace, name) is not None
