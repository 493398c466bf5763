"""What the files of a bundle hold, gathered by kind, and the recording that it makes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from meshdoctor.bundle.archive import Answer
from meshdoctor.bundle.lists import PARTIAL, Object
from meshdoctor.bundle.recording import Recording
from meshdoctor.collect.reading.secrets import shown
from meshdoctor.kube.listing import NAMESPACES
from meshdoctor.model import kinds
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import Namespace

Kind = type[KubernetesObject]
JSON = "application/json"
WHY = "is not in the bundle"


class Found:
    """Objects by kind and name. `complete` are the kinds of which every object is here, though there may be none; `inside`
    the namespaces that were looked into, where the bundle goes by namespaces."""

    def __init__(self) -> None:
        self.objects: dict[Kind, dict[tuple[str, str], Object]] = {}
        self.complete: set[Kind] = set()
        self.by_namespace: dict[Kind, bool] = {}
        self.inside: set[str] = set()
        self.answers: dict[str, Answer] = {}
        self.version = ""
        self.newest: datetime | None = None
        self.others = 0

    def add(self, thing: Object, *, inside: bool) -> None:
        """Take one object in; kinds that nothing reads are counted."""
        kind = kinds.kind_of(str(thing.get("apiVersion", "")), str(thing.get("kind", "")))
        metadata = thing.get("metadata")
        if kind is None or not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
            self.others += 1
            return
        if kind in kinds.METADATA_ONLY:
            thing = {"metadata": shown(thing)["metadata"]}
        key = (str(metadata.get("namespace") or ("default" if kind.NAMESPACED else "")), metadata["name"])
        self.objects.setdefault(kind, {})[key] = thing
        self.by_namespace[kind] = inside and self.by_namespace.get(kind, True)

    def lists(self, kind: Kind, *, inside: bool) -> None:
        """A list of that kind was in the bundle, empty or not."""
        self.objects.setdefault(kind, {})
        self.by_namespace[kind] = inside and self.by_namespace.get(kind, True)

    def recording(self, form: str, at: datetime) -> Recording:
        """The answers of an API server that knows no more than this."""
        answers = dict(self.answers)
        unseen = {}
        for kind in kinds.ALL:
            path = _path(kind)
            if kind in self.objects or kind in self.complete:
                answers[f"api GET {path}"] = self._list(kind)
            else:
                unseen[path] = WHY
        if not self.objects and not self.answers:
            return Recording()
        answers["api GET /version"] = Answer(200, JSON, msgspec.json.encode({"gitVersion": self.version}))
        return Recording(title=form, about=form, recorded_at=at, answers=answers, context=form, unseen=unseen)

    def _list(self, kind: Kind) -> Answer:
        name = PARTIAL if kind in kinds.METADATA_ONLY else kind.KIND
        version = "meta.k8s.io/v1" if kind in kinds.METADATA_ONLY else f"{kind.GROUP}/{kind.VERSIONS[0]}".lstrip("/")
        body: dict[str, Any] = {"kind": f"{name}List", "apiVersion": version, "metadata": {"resourceVersion": "1"}}
        body["items"] = [thing for _, thing in sorted(self.objects.get(kind, {}).items())]
        covered = self._covered(kind)
        return Answer(200, JSON, msgspec.json.encode(body), {} if covered is None else {NAMESPACES: ",".join(covered)})

    def _covered(self, kind: Kind) -> tuple[str, ...] | None:
        """The namespaces of which a kind is here; None for all."""
        if not kind.NAMESPACED or not self.by_namespace.get(kind) or kind in self.complete:
            return None
        known = {name for _, name in self.objects.get(Namespace, {})}
        return None if known and known <= self.inside else tuple(sorted(self.inside))


def _path(kind: Kind) -> str:
    return f"/apis/{kind.GROUP}/{kind.VERSIONS[0]}/{kind.PLURAL}" if kind.GROUP else f"/api/{kind.VERSIONS[0]}/{kind.PLURAL}"
