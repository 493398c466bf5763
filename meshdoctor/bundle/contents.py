"""What was answered, put into files: lists by namespace, the control plane first, then the worst namespaces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from meshdoctor.bundle.archive import Answer
from meshdoctor.bundle.layout import answer_path, is_wrapped, list_path
from meshdoctor.bundle.lists import PARTIAL, Listed, kind_name, known_kind, namespaced, recorded_lists, written
from meshdoctor.bundle.manifest import ListHead
from meshdoctor.bundle.paths import place_of, split
from meshdoctor.bundle.tiers import ISTIOD
from meshdoctor.bundle.writer import Piece, Writer

REST, LOG, DUMP, ANSWER = 4, 3, 2, 1


class Part(msgspec.Struct, frozen=True):
    """A piece with its place in line: `urgency` 0 is the skeleton, then what a diagnosis reads, dumps, logs, the rest."""

    urgency: int
    namespace: str
    piece: Piece
    list_path: str = ""


def fill(
    writer: Writer, answers: Mapping[str, Answer], ranks: Sequence[str], scope: Sequence[str]
) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """Write all that fits, worst first. Gives which lists are here for some namespaces only, and what was left out in words.

    `ranks` are the namespaces, worst first; `scope`, where there is any, is all that may be in the bundle.
    """
    kept: dict[str, set[str]] = {}
    lost: dict[str, set[str]] = {}
    left: dict[str, int] = {}
    for part in _in_order(parts(answers), ranks):
        outside = bool(scope) and bool(part.namespace) and part.namespace not in scope
        fits = not outside and writer.add(part.piece)
        if part.list_path:
            (kept if fits else lost).setdefault(part.list_path, set()).add(part.namespace)
        elif not fits and not outside:
            left[_word(part)] = left.get(_word(part), 0) + 1
    partial = {path: tuple(sorted(kept.get(path, set()) - {""})) for path in lost}
    words = [f"{count} {what} did not fit." for what, count in left.items()]
    dropped = sorted({n for names in lost.values() for n in names if not scope or n in scope})
    if dropped:
        words.append(
            f"Objects of {len(dropped)} namespaces did not fit: {', '.join(dropped[:8])}{' …' if len(dropped) > 8 else ''}."
        )
    return partial, words


class _Meta(msgspec.Struct):
    namespace: str = ""


class _Item(msgspec.Struct):
    metadata: _Meta = msgspec.field(default_factory=_Meta)


class _Page(msgspec.Struct, rename="camel"):
    kind: str = ""
    api_version: str = ""
    metadata: msgspec.Raw = msgspec.field(default_factory=lambda: msgspec.Raw(b"{}"))
    items: list[msgspec.Raw] = []


def trimmed(
    answers: Mapping[str, Answer], ranks: Sequence[str], scope: Sequence[str], limit: int
) -> tuple[dict[str, Answer], dict[str, tuple[str, ...]]]:
    """The answers without objects of namespaces that are out of scope, or that `limit` bytes have no room for, worst kept; and
    which lists that shortened, to which namespaces. Before redaction, whose time goes with the bytes."""
    place = {name: number for number, name in enumerate(ranks)}
    pages = {k: page for k, a in answers.items() if (page := _page(k, a)) is not None}
    sizes: dict[str, int] = {}
    for page in pages.values():
        for raw in page.items:
            namespace = _namespace(raw)
            sizes[namespace] = sizes.get(namespace, 0) + len(bytes(raw))
    kept: set[str] = {""}
    room = limit - sizes.pop("", 0)
    for namespace in sorted(sizes, key=lambda n: (place.get(n, len(place)), n)):
        room -= sizes[namespace]
        if (room >= 0 or len(kept) == 1) and (not scope or namespace in scope):
            kept.add(namespace)
    if kept.issuperset(sizes):
        return dict(answers), {}
    found, partial = dict(answers), {}
    for key, page in pages.items():
        page.items = [raw for raw in page.items if _namespace(raw) in kept]
        found[key] = msgspec.structs.replace(answers[key], body=msgspec.json.encode(page))
        partial[split(key.removeprefix("api GET "))[0]] = tuple(sorted(kept - {""}))
    return found, partial


def _page(key: str, answer: Answer) -> _Page | None:
    """A whole list of a kind with namespaces; None for anything else."""
    path = split(key.removeprefix("api GET "))[0]
    where = place_of(path) if key.startswith("api ") and answer.status == 200 else None
    if where is None or where.name or where.namespace or not namespaced(where) or "continue=" in key or "includeObject" in key:
        return None
    try:
        return msgspec.json.decode(answer.body, type=_Page)
    except msgspec.DecodeError:
        return None


def _namespace(raw: msgspec.Raw) -> str:
    return msgspec.json.decode(raw, type=_Item).metadata.namespace


def _word(part: Part) -> str:
    return {LOG: "logs", DUMP: "dumps of Envoy's configuration"}.get(part.urgency, "answers")


def _in_order(found: Iterator[Part], ranks: Sequence[str]) -> list[Part]:
    place = {name: number for number, name in enumerate(ranks)}
    return sorted(found, key=lambda p: (p.urgency, place.get(p.namespace, len(place)) if p.namespace else -1, p.piece.path))


def parts(answers: Mapping[str, Answer]) -> Iterator[Part]:
    """Every answer as one or more files."""
    listed = recorded_lists(answers)
    keys = {key for one in listed.values() for key in one.keys}
    for one in listed.values():
        yield from _list_parts(one, answers)
    for key, answer in answers.items():
        if key not in keys:
            yield _answer_part(key, answer)


def _answer_part(key: str, answer: Answer) -> Part:
    piece = Piece(
        path=answer_path(key, answer.body),
        body=answer.body,
        key=key,
        status=answer.status,
        content_type=answer.content_type,
    )
    if key.startswith("pod "):
        namespace = key.removeprefix("pod ").partition("/")[0]
        bulky = "/config_dump?mask=" in key or any(f" GET {question}" in key for question in ISTIOD)
        return Part(DUMP if bulky else ANSWER, namespace, piece)
    place = place_of(split(key.removeprefix("api GET "))[0])
    if place is None:
        return Part(REST if "/openapi/" in key else 0, "", piece)
    if place.sub == "log":
        return Part(LOG if len(answer.body) > 200_000 else ANSWER, place.namespace, piece)
    if "includeObject" in key:
        return Part(REST, "", piece)
    return Part(0, place.namespace, piece)


def _list_parts(listed: Listed, answers: Mapping[str, Answer]) -> Iterator[Part]:
    """A list's files, one a namespace; an empty list and a refused one have one file as well."""
    key, place = listed.keys[0], listed.place
    if listed.failed is not None:
        key = next((k for k in listed.keys if answers[k] is listed.failed), key)
        piece = Piece(
            path=answer_path(key, listed.failed.body),
            body=listed.failed.body,
            key=key,
            status=listed.failed.status,
            content_type=listed.failed.content_type,
        )
        yield Part(0, "", piece)
        return
    grouped: dict[str, list[bytes]] = {}
    for namespace, item in written(listed):
        grouped.setdefault(namespace, []).append(item)
    kind = listed.head.kind.removesuffix("List") or kind_name(place, listed.head)
    head = ListHead(
        f"{kind}List", "meta.k8s.io/v1" if kind == PARTIAL else place.group_version, listed.head.metadata.resource_version
    )
    for namespace, items in (grouped or {"": []}).items():
        array = b"[" + b",".join(items) + b"]"
        body = _file(array, head) if is_wrapped(place) else array
        piece = Piece(
            path=list_path(place, namespace), body=body, part="items", key=key, head=head, content_type="application/json"
        )
        urgency = (ANSWER if namespace else 0) if known_kind(place) is not None else REST
        yield Part(urgency, namespace, piece, place.collection)


def _file(array: bytes, head: ListHead) -> bytes:
    whole: dict[str, Any] = {
        "kind": head.kind,
        "apiVersion": head.api_version,
        "metadata": {"resourceVersion": head.resource_version},
    }
    return msgspec.json.encode(whole)[:-1] + b',"items":' + array + b"}"
