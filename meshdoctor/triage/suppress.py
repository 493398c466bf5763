"""Findings that somebody decided not to hear of: by an annotation of the object, or by a file. What expired no longer hides."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator
from datetime import date

import msgspec

from meshdoctor.model import kinds
from meshdoctor.model.findings import Diagnosis, Finding, Status, Suppressed
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Unseen
from meshdoctor.model.subject import Subject
from meshdoctor.model.text import plain
from meshdoctor.triage.leave_out import leave_out

OURS = "meshdoctor.dev/ignore"
ISTIOCTL = "galley.istio.io/analyze-suppress"
KIALI = "kiali.io/ignore-validations"
_OTHERS = {ISTIOCTL: "IST", KIALI: "KIA"}
_NEVER = (Status.UNKNOWN, Status.ERROR)  # not knowing is no finding to live with


class Suppression(msgspec.Struct, frozen=True, kw_only=True):
    """Codes or problems (`*` for all, `IST*` for those of one tool) not to hear of for these objects."""

    codes: tuple[str, ...]
    reason: str
    by: str
    subject: str = "*"  # a glob of `Kind namespace/name` or `namespace/name`
    until: date | None = None

    def covers(self, finding: Finding) -> bool:
        """Whether it is meant for this finding, expired or not."""
        names = {n.upper() for n in (finding.code, finding.problem or "", *finding.codes) if n}
        if not any(fnmatch.fnmatchcase(n, c.upper()) for c in self.codes for n in names):
            return False
        whole = str(finding.subject)
        return self.subject == "*" or any(fnmatch.fnmatchcase(t, self.subject) for t in (whole, whole.partition(" ")[2]))

    def expired(self, today: date) -> bool:
        return self.until is not None and self.until < today


def suppress(found: Diagnosis, mesh: Mesh, written: Iterable[Suppression] = ()) -> Diagnosis:
    """The diagnosis without what is suppressed, which it lists; notes tell of what expired or cannot be used."""
    today, everywhere = mesh.now.date(), tuple(written)
    hidden: list[Suppressed] = []
    notes: dict[str, None] = {}
    annotated: dict[Subject, tuple[Suppression, ...]] = {}
    for finding in found.findings:
        if finding.status in _NEVER:
            continue
        if finding.subject not in annotated:
            annotated[finding.subject] = tuple(_annotated(mesh, finding.subject, notes))
        meant = [s for s in (*annotated[finding.subject], *everywhere) if s.covers(finding)]
        good = next((s for s in meant if not s.expired(today)), None)
        if good is not None:
            hidden.append(Suppressed(finding=finding, reason=good.reason, by=good.by, until=good.until))
        for old in () if good else meant:
            notes[f"ended on {old.until} and hides nothing any more: {', '.join(old.codes)} ({old.reason}) by {old.by}"] = None
    left = leave_out(found, (h.finding for h in hidden), "all its findings are suppressed")
    return msgspec.structs.replace(left, suppressed=tuple(hidden), notes=(*found.notes, *(f"suppression {n}" for n in notes)))


def _annotated(mesh: Mesh, subject: Subject, notes: dict[str, None]) -> Iterator[Suppression]:
    """The suppressions that an object carries."""
    annotations = _annotations(mesh, subject)
    if (text := annotations.get(OURS)) is not None:
        by = f"annotation {OURS} of {subject}"
        made = parse(text, by)
        if isinstance(made, Suppression):
            yield made
        else:
            notes[f"by {by} hides nothing: {made}"] = None
    for key, tool in _OTHERS.items():
        if (text := annotations.get(key)) is not None:
            codes = tuple(c.strip() for c in text.split(",") if c.strip().upper().startswith(tool))
            everything = "*" in text or (key == KIALI and not text.strip())
            if codes or everything:
                by = f"annotation {key} of {subject}"
                yield Suppression(codes=(f"{tool}*",) if everything else codes, reason="as its annotation says", by=by)


def _annotations(mesh: Mesh, subject: Subject) -> dict[str, str]:
    """The annotations of an object, also of one that a file has and that does not fit its kind."""
    kind = kinds.kind_of(f"{subject.group}/v1" if subject.group else "v1", subject.kind)
    try:
        thing = mesh[kind].get(subject.namespace, subject.name) if kind else None
    except Unseen:
        thing = None
    return thing.annotations if thing else _written(mesh).get(subject, {})


def _written(mesh: Mesh) -> dict[Subject, dict[str, str]]:
    """The annotations of the manifests that have any."""
    if "written annotations" not in mesh.memo:
        found: dict[Subject, dict[str, str]] = {}
        for manifest in mesh.manifests:
            metadata = manifest.body.get("metadata")
            annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
            if isinstance(annotations, dict):
                found[manifest.subject] = {k: v for k, v in annotations.items() if isinstance(v, str)}
        mesh.memo["written annotations"] = found
    made: dict[Subject, dict[str, str]] = mesh.memo["written annotations"]
    return made


def parse(text: str, by: str) -> Suppression | str:
    """`CODE[,CODE...]; reason=...; until=YYYY-MM-DD`, or what is wrong with it."""
    first, *rest = (part.strip() for part in text.split(";"))
    codes = tuple(c.strip() for c in first.split(",") if c.strip())
    fields = {k.strip().lower(): v.strip() for k, _, v in (part.partition("=") for part in rest if part)}
    if not codes or "=" in first:
        return "it names no code"
    if unknown := sorted(fields.keys() - {"reason", "until"}):
        return plain(f"{unknown[0]!r} is neither reason nor until", 80)
    if not fields.get("reason"):
        return "it gives no reason"
    try:
        until = date.fromisoformat(fields["until"]) if "until" in fields else None
    except ValueError:
        return plain(f"until={fields['until']!r} is no date like 2026-12-31", 80)
    return Suppression(codes=codes, reason=plain(fields["reason"], 300), by=by, until=until)
