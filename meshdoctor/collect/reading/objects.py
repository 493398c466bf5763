"""Documents to objects: lists opened, namespaces given, Secrets emptied, and what does not fit its kind told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from meshdoctor.collect.reading import secrets
from meshdoctor.collect.reading.builder import Document
from meshdoctor.model import kinds
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import Secret
from meshdoctor.model.manifest import Complaint, Manifest, Place, Wrong, file_subject
from meshdoctor.model.subject import Subject

_KINDS_OF: dict[str, set[str]] = {}
for _kind in kinds.ALL:
    _KINDS_OF.setdefault(_kind.KIND, set()).add(_kind.GROUP)
_NOT_SERVED = ("install.istio.io", "operator.istio.io")  # read by istioctl and its operator, not by istiod


class Found(msgspec.Struct):
    """One object of a file: as it was written, typed where its kind is read, and what is wrong with it."""

    manifest: Manifest | None
    thing: KubernetesObject | None
    complaints: list[Complaint]


def objects_of(document: Document, file: str, namespace: str) -> Iterator[Found]:
    """The objects of a document; nothing where it is not of Kubernetes."""
    value = document.value
    if not isinstance(value, dict) or not _of_kubernetes(value):
        return
    if str(value.get("kind", "")).endswith("List") and isinstance(value.get("items"), list):
        for item in _opened(document):
            yield from objects_of(item, file, namespace)
    else:
        yield _object(document, file, namespace)


def _of_kubernetes(value: dict[str, Any]) -> bool:
    """Whether a mapping is meant to be an object: values of charts and other files of tools have no such fields."""
    both = "kind" in value and "apiVersion" in value
    return both or (("kind" in value or "apiVersion" in value) and "metadata" in value)


def _opened(document: Document) -> Iterator[Document]:
    """The items of a list, each with its own places; those of a typed list say no kind of their own."""
    whole = document.value
    places: list[dict[str, Place]] = [{} for _ in whole["items"]]
    repeated: list[list[str]] = [[] for _ in whole["items"]]
    for path, place in document.places.items():
        index, rest = _inside(path)
        if index is not None:
            places[index][rest] = place
    for path in document.repeated:
        index, rest = _inside(path)
        if index is not None:
            repeated[index].append(rest)
    kind, version = str(whole["kind"]).removesuffix("List"), whole.get("apiVersion")
    for number, item in enumerate(whole["items"]):
        if isinstance(item, dict):
            more = {} if "kind" in item or not kind else {"apiVersion": version, "kind": kind}
            yield Document(more | item, places[number], repeated[number])


def _inside(path: str) -> tuple[int | None, str]:
    """`items[3].metadata.name` is (3, `metadata.name`); (None, ``) for what is no item."""
    if not path.startswith("items["):
        return None, ""
    number, _, rest = path[6:].partition("]")
    return (int(number), rest.removeprefix(".")) if number.isdigit() else (None, "")


def _object(document: Document, file: str, namespace: str) -> Found:
    body = document.value
    version, kind = body.get("apiVersion"), body.get("kind")
    if not (isinstance(version, str) and version and isinstance(kind, str) and kind):
        missing = "kind" if isinstance(version, str) and version else "apiVersion"
        return Found(
            None, None, [_told(document, file, "unnamed", file_subject(file), f"an object of {file} has no {missing}", "")]
        )
    known = kinds.kind_of(version, kind)
    body = _with_namespace(body, known, namespace)
    subject = _subject(body, version, kind)
    manifest = Manifest(
        subject=subject, api_version=version, body=_shown(body), file=file, places=_shown_places(body, document.places)
    )
    complaints = [
        _told(document, file, "repeated-key", subject, f"{path or 'a key'} is written twice: one value is lost", path)
        for path in document.repeated
    ]
    if says := _unknown(version, kind, known):
        complaints.append(_told(document, file, "unknown-kind", subject, says, "apiVersion"))
    if not subject.name and not _generated(body):
        complaints.append(_told(document, file, "unnamed", subject, f"a {kind} has no metadata.name", "metadata"))
    thing = None
    if known is not None:
        try:
            thing = typed(body, known)
        except msgspec.ValidationError as why:
            says, path = _misfit(why)
            complaints.append(_told(document, file, "unfit", subject, f"{subject} does not fit its kind: {says}", path))
    return Found(manifest, thing, complaints)


def typed(body: dict[str, Any], kind: type[KubernetesObject]) -> KubernetesObject:
    """An object as its kind; nulls are absent fields, as the API takes them. Raises msgspec.ValidationError."""
    return msgspec.convert(without_nulls(secrets.public(body) if kind is Secret else body), kind, strict=False)


def without_nulls(value: Any) -> Any:
    """A value without the nulls in it."""
    if isinstance(value, dict):
        return {str(k): without_nulls(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [without_nulls(v) for v in value if v is not None]
    return value


def _with_namespace(body: dict[str, Any], known: type[KubernetesObject] | None, namespace: str) -> dict[str, Any]:
    metadata = body.get("metadata")
    if known is None or not isinstance(metadata, dict):
        return body
    if not known.NAMESPACED:
        return body if "namespace" not in metadata else body | {"metadata": {k: v for k, v in metadata.items() if k != "namespace"}}
    if metadata.get("namespace") or not namespace:
        return body
    return body | {"metadata": metadata | {"namespace": namespace}}


def _subject(body: dict[str, Any], version: str, kind: str) -> Subject:
    metadata = body.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    group = version.rpartition("/")[0]
    return Subject(group, kind, str(metadata.get("namespace") or ""), str(metadata.get("name") or ""))


def _generated(body: dict[str, Any]) -> bool:
    metadata = body.get("metadata")
    return isinstance(metadata, dict) and bool(metadata.get("generateName") or metadata.get("name"))


def _unknown(version: str, kind: str, known: type[KubernetesObject] | None) -> str:
    """What is wrong with an apiVersion and kind that Istio, or Kubernetes itself, would serve if they were right."""
    group, _, _ = version.rpartition("/")
    if known is not None:
        which = version.rpartition("/")[2]
        if group in kinds.ISTIO_GROUPS and which not in known.VERSIONS:
            return f"{group} has no version {which} of {kind}: it is {' or '.join(known.VERSIONS)}"
        return ""
    elsewhere = sorted(g or "v1" for g in _KINDS_OF.get(kind, ()))
    hint = f": it is of {' or '.join(elsewhere)}" if elsewhere else ""
    if group.endswith(".istio.io") and group not in _NOT_SERVED:
        return f"Istio serves no {kind} of {version}{hint}"
    if elsewhere and "." not in group:
        return f"there is no {kind} of {version}{hint}"
    return ""


def _misfit(why: msgspec.ValidationError) -> tuple[str, str]:
    """What msgspec says, and the path it says it of."""
    says, _, path = str(why).partition(" - at `")
    path = path.rstrip("`").removeprefix("key in ").removeprefix("$").removeprefix(".")
    where = path.partition("[...]")[0]
    return f"{says.replace('`', '')}{f' at {path}' if path else ''}", where


def _shown(body: dict[str, Any]) -> dict[str, Any]:
    """A body that may be shown: that of a Secret without its data."""
    return secrets.shown(body) if body.get("kind") == "Secret" else body


def _shown_places(body: dict[str, Any], places: dict[str, Place]) -> dict[str, Place]:
    if body.get("kind") != "Secret":
        return places
    return {p: at for p, at in places.items() if not p.startswith(secrets.FIELDS)}


def _told(document: Document, file: str, wrong: Wrong, subject: Subject, says: str, path: str) -> Complaint:
    at = Manifest(subject=subject, api_version="", body={}, places=document.places).place(path)
    line, column = at or (None, None)
    return Complaint(wrong=wrong, subject=subject, says=says, path=path, file=file, line=line, column=column)
