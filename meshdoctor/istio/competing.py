"""Objects of one kind that hold for the same namespace or workload, where only the oldest counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from meshdoctor.istio.selecting import carrying_now, labels_of
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Unseen


class Competitor(msgspec.Struct, frozen=True):
    """One of several objects: `rest` are the others, the oldest first; `scope` is what they all hold for."""

    one: KubernetesObject
    rest: tuple[KubernetesObject, ...]
    is_oldest: bool
    scope: str
    for_all: bool  # of the namespace, rather than for one workload

    @property
    def others(self) -> str:
        return ", ".join(o.name for o in self.rest)


def by_age(thing: KubernetesObject) -> tuple[float, str, str]:
    """Sort key: the oldest first, then by name, as Istio breaks ties."""
    return thing.created.timestamp() if thing.created else 0.0, thing.name, thing.namespace


def competing(mesh: Mesh, namespace: str, objects: Iterable[KubernetesObject]) -> Iterator[Competitor]:
    """Each object of a namespace that is not alone: without selector, or with one that covers a workload of another's.

    An object that competes for several workloads comes once, with the first.
    """
    objects = sorted(objects, key=by_age)
    yield from _each([o for o in objects if not labels_of(o)], f"all of namespace {namespace}", for_all=True)
    narrow = [o for o in objects if labels_of(o)]
    by_workload: dict[str, list[KubernetesObject]] = {}
    for each in narrow if len(narrow) > 1 else ():
        for carrier in carrying_now(mesh, namespace, labels_of(each)):
            by_workload.setdefault(str(carrier.thing.subject), []).append(each)
    told: set[str] = set()
    for workload, those in by_workload.items():
        for found in _each(those, workload, for_all=False):
            if found.one.name not in told:
                told.add(found.one.name)
                yield found


def _each(objects: list[KubernetesObject], scope: str, *, for_all: bool) -> Iterator[Competitor]:
    for each in objects if len(objects) > 1 else ():
        rest = tuple(o for o in objects if o is not each)
        yield Competitor(each, rest, each is objects[0], scope, for_all)


def codes_of(mesh: Mesh, found: Competitor, for_all: tuple[str, ...], for_one: tuple[str, ...]) -> tuple[str, ...]:
    """Other tools' codes for it. Kiali (KIA) says nothing of a namespace without any workload."""
    if not found.for_all:
        return for_one
    try:
        inhabited = next(carrying_now(mesh, found.one.namespace, {}), None) is not None
    except Unseen:
        inhabited = True  # only a code hangs on it
    return for_all if inhabited else tuple(c for c in for_all if not c.startswith("KIA"))
