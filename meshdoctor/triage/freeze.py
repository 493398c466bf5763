"""What of a look at the mesh is kept as evidence: first of all, when an incident is opened (T0), and at each later look."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

import msgspec

from meshdoctor.model.cluster import Namespace
from meshdoctor.model.findings import Cause, Diagnosis, Finding
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import SourceState, Unseen
from meshdoctor.triage import alerts
from meshdoctor.triage.changed import changes
from meshdoctor.triage.incident import Entry, Incident
from meshdoctor.triage.symptoms import Pasted
from meshdoctor.triage.temporary import owner, register

MOST = 500  # of findings and of changes; how many there were is kept too
HOURS = 24.0


def opened(incident: Incident, mesh: Mesh, found: Diagnosis) -> Incident:
    """Keep T0: cluster, sources, causes with their evidence, findings, changes, temporary changes and owners."""
    return incident.keep(evidence(mesh, found, "T0"))


def pasted(incident: Incident, text: Pasted) -> Incident:
    """Keep a pasted text, as far as it was understood."""
    words = "; ".join(text.says[:3]) or text.quote[:200].replace("\n", " ")
    says = f"{', '.join(text.kinds) or 'not understood'}: {words}"
    return incident.add("pasted", "symptoms", says, pasted=msgspec.to_builtins(text))


def looked(incident: Incident, mesh: Mesh, found: Diagnosis, *, at: datetime | None = None) -> Incident:
    """Keep a later look, and say in the timeline what became of what was found at T0."""
    name = f"T{len(incident.kept('cluster'))}"  # T0 where a kill came before it
    kept = incident.keep(evidence(mesh, found, name))
    before = {key(e.data) for e in kept.kept("cause") if e.data.get("look") == "T0"}
    now = {key({"problem": c.problem, "subject": msgspec.to_builtins(c.subject)}) for c in found.causes}
    gone, new = sorted(before - now), sorted(now - before)
    unseen = blind(found)
    says = f"Looked again: {len(before & now)} of {len(before)} causes of the first look are still there, {len(new)} new."
    told = {"look": name, "present": sorted(now), "gone": gone, "new": new, "unseen": unseen}
    return kept.add("look", "verify", says, source="meshdoctor", at=at, **told)


def key(cause: dict[str, Any]) -> str:
    """A cause's problem and object, as one text."""
    subject = cause.get("subject") or {}
    where = "/".join(str(subject.get(part, "")) for part in ("kind", "namespace", "name"))
    return f"{cause.get('problem', '')} {where}"


def key_of(cause: Cause | Finding) -> str:
    """The same of a cause or finding at hand."""
    return key({"problem": cause.problem or cause.code, "subject": msgspec.to_builtins(cause.subject)})


def blind(found: Diagnosis) -> list[str]:
    """The sources that could not be read, each with why."""
    bad = (SourceState.DENIED, SourceState.ERROR, SourceState.STALE)
    return [f"{s.name}: {s.reason or s.state}" for s in found.sources if s.state in bad]


def evidence(mesh: Mesh, found: Diagnosis, look: str) -> Iterator[Entry]:
    """The lines of one look."""

    def line(about: str, says: str, source: str, body: Any) -> Entry:
        data = {"about": about, "look": look, **msgspec.to_builtins(body, str_keys=True)}
        return Entry(at=mesh.now, kind="evidence", step="checks", says=says, source=source, data=data)

    counts = {"coverage": found.coverage, "notes": found.notes, "findings": len(found.findings), "causes": len(found.causes)}
    said = f"{len(found.causes)} causes, {found.coverage.unknown} of {found.coverage.rules} checks unknown"
    yield line("cluster", said, "meshdoctor", {"cluster": found.cluster, **counts})
    for source in found.sources:
        yield line("source", f"{source.name}: {source.state}", source.name, source)
    for cause in found.causes:
        yield line("cause", f"{cause.problem} {cause.title}: {cause.summary}", _sources(cause.evidence), cause)
    for finding in found.findings[:MOST]:
        yield line("finding", finding.summary or finding.title, _sources(finding.evidence), finding)
    for change in changes(mesh, found, HOURS)[:MOST]:
        yield line("change", f"{change.subject}: {change.says}", change.who or "the object itself", change)
    held = register(mesh)
    for each in held.open:
        yield line("temporary", f"{each.subject}: {each.says}", str(each.subject), each)
    for source in held.unseen:
        yield line("unseen-temporary", f"{source.name}: {source.reason or source.state}", source.name, source)
    yield from _alerts(mesh, line)
    yield from (
        line("owner", says, f"Namespace {name}", {"namespace": name, "owner": who}) for name, who, says in _owners(mesh, found)
    )


def _alerts(mesh: Mesh, line: Callable[[str, str, str, Any], Entry]) -> Iterator[Entry]:
    """Which alerts about the mesh fire now: the postmortem asks which should have."""
    try:
        for name, state in alerts.states(mesh):
            says = f"{name} was {state}" if state else f"No rule named {name} is loaded"
            yield line("alert", says, "Prometheus", {"alert": name, "state": state})
    except Unseen as unseen:
        yield line("unseen-alerts", unseen.source.reason or str(unseen.source.state), unseen.source.name, {})


def _sources(told: Iterable[Any]) -> str:
    return ", ".join(dict.fromkeys(e.source for e in told if e.source)) or "meshdoctor"


def _owners(mesh: Mesh, found: Diagnosis) -> Iterator[tuple[str, str, str]]:
    """Whom the namespaces of causes and of those who suffer name as their owner."""
    affected = {c.subject.namespace for c in found.causes} | {w.partition("/")[0] for c in found.causes for w in c.impact.workloads}
    try:
        for name in sorted(affected - {""}):
            thing = mesh[Namespace].get("", name)
            who = owner(thing) if thing is not None and thing.editor != owner(thing) else ""
            yield name, who, f"{name} belongs to {who}" if who else f"{name} names no owner"
    except Unseen:
        return
