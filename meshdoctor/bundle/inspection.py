"""What is in a bundle, without judging it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from meshdoctor.bundle.lists import kind_name, name_of, recorded_lists
from meshdoctor.bundle.opening import Opened
from meshdoctor.bundle.pods import RecordedPods
from meshdoctor.kube.listing import NAMESPACES


class Kind(msgspec.Struct, frozen=True):
    """One kind: how many objects, of which namespaces where not of all; `why` where there is nothing to count."""

    name: str
    objects: int | None
    namespaces: tuple[str, ...] | None = None
    why: str = ""


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of a bundle. `pods` are those whose ports answered, `logs` counts logs."""

    schema: str = "meshdoctor.inspection/v1"
    file: str
    form: str
    title: str
    recorded_at: datetime
    tier: str = ""
    tool: str = ""
    files: int = 0
    namespaces: tuple[str, ...] = ()
    kinds: tuple[Kind, ...] = ()
    pods: tuple[str, ...] = ()
    logs: int = 0
    left_out: tuple[str, ...] = ()
    redactions: dict[str, int] = {}
    pseudonyms: bool = False
    code_kept: bool = False
    notes: tuple[str, ...] = ()


def inspect(opened: Opened) -> Inspection:
    """Look through the lists and answers of a bundle."""
    kinds: list[Kind] = []
    namespaces: set[str] = set()
    for listed in recorded_lists(opened.recording.answers).values():
        name = listed.place.resource
        if listed.failed is not None:
            kinds.append(Kind(name, None, why=f"answered {listed.failed.status}"))
            continue
        if listed.place.namespace or listed.place.plural == "events":
            continue
        items = listed.items()
        namespaces |= (
            {name_of(i)[1] for i in items}
            if kind_name(listed.place, listed.head) == "Namespace"
            else {name_of(i)[0] for i in items}
        )
        limited = listed.headers.get(NAMESPACES)
        kinds.append(Kind(name, len(items), None if limited is None else tuple(n for n in limited.split(",") if n)))
    kinds += [Kind(path.rpartition("/")[2], None, why=why) for path, why in opened.recording.unseen.items()]
    manifest = opened.manifest
    return Inspection(
        file=str(opened.path),
        form=opened.form,
        title=opened.recording.title,
        recorded_at=opened.recording.recorded_at,
        tier=manifest.tier if manifest else "",
        tool=manifest.tool if manifest else "",
        files=opened.files,
        namespaces=tuple(sorted(namespaces - {""})),
        kinds=tuple(sorted(kinds, key=lambda k: (k.objects is None, k.name))),
        pods=RecordedPods(opened.recording.answers).names(),
        logs=sum("/log?" in key for key in opened.recording.answers),
        left_out=manifest.left_out if manifest else (),
        redactions=manifest.redactions if manifest else {},
        pseudonyms=manifest.pseudonyms if manifest else False,
        code_kept=manifest.code_kept if manifest else False,
        notes=opened.notes,
    )
