"""From a problem and an object's name to the plan of the first remedy that fits."""

from __future__ import annotations

from collections.abc import Iterable

from meshdoctor.fixes.case import Case, NoRemedy
from meshdoctor.fixes.engine import Refused, read
from meshdoctor.fixes.place import place_of, subject_of
from meshdoctor.fixes.plan import Plan, made, planned, target_of
from meshdoctor.fixes.refusals import Refusal
from meshdoctor.kube.client import ApiClient
from meshdoctor.model.errors import UsageError
from meshdoctor.model.findings import Finding, Status, finding_id
from meshdoctor.model.kinds import ALL
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.pages import code_of, page, pages
from meshdoctor.model.remedies import Remedy, remedies
from meshdoctor.model.subject import Subject
from probes.registry import all_probes


def finding_of(findings: Iterable[Finding], problem: str, kind: str, namespace: str, name: str) -> Finding:
    """What the rule says of an object now. Raises Refused where it says nothing of it, UsageError for no problem."""
    if problem not in pages():
        raise UsageError(f"There is no problem {problem!r}.", do="`meshdoctor explain` knows them all, e.g. RT-019.")
    mine = [f for f in findings if f.problem == problem and f.status in (Status.FAIL, Status.WARN)]
    if not any(p.problem == problem for p in all_probes()):
        return _unjudged(problem, kind, namespace, name)
    named = [f for f in mine if _is_named(f.subject, kind, namespace, name)]
    if named:
        return min(named, key=lambda f: f.severity == "info")
    blind = next((f for f in findings if f.problem == problem and f.status in (Status.UNKNOWN, Status.ERROR)), None)
    others = ", ".join(dict.fromkeys(_argument(f.subject) for f in mine if f.severity != "info"))
    shown = f"{kind}/{namespace}/{name}"
    if others:
        raise Refused(Refusal("not-found", f"{problem} is not found at {shown}.", f"It is found at: {others}."))
    if blind is not None:
        raise Refused(
            Refusal("not-found", f"{problem} cannot be judged: {blind.summary}.", "`meshdoctor permissions` shows what is missing.")
        )
    raise Refused(
        Refusal("not-found", f"{problem} ({page(problem).title}) is not found at {shown}, nor anywhere else that could be seen.")
    )


def _unjudged(problem: str, kind: str, namespace: str, name: str) -> Finding:
    """What the operator found where no rule looks: whether it is gone afterwards is for the operator to see as well."""
    known = next((k for k in ALL if kind == k.KIND), None)
    subject = Subject(known.GROUP if known else "", kind, namespace, name)
    return Finding(
        id=finding_id(code_of(problem), subject, ""),
        code=code_of(problem),
        problem=problem,
        status=Status.UNKNOWN,
        severity="info",
        subject=subject,
        title=page(problem).title,
        summary="no rule judges this problem: that it is there, and whether it goes, is for you to see",
    )


def _is_named(subject: Subject, kind: str, namespace: str, name: str) -> bool:
    return (subject.kind.lower(), subject.namespace, subject.name) == (kind.lower(), namespace, name)


def _argument(subject: Subject) -> str:
    return f"{subject.kind}/{subject.namespace}/{subject.name}"


async def plan_for(api: ApiClient, mesh: Mesh, finding: Finding, wanted: str = "") -> Plan:
    """The plan of the fix `wanted`, else of the first that fits. Raises Refused with what kept each from fitting."""
    problem = finding.problem or ""
    able = [r for r in remedies().get(problem, ()) if wanted in ("", r.id)]
    told: list[str] = []
    for remedy in able:
        if finding.subject.kind not in remedy.on:
            told.append(f"{remedy.id} is for {' or '.join(remedy.on)}.")
            continue
        try:
            return await _planned(api, mesh, finding, remedy)
        except NoRemedy as why:
            told.append(f"{remedy.id}: {why.observed}")
    reason = " ".join(told) or f"No single change of one object heals {problem}."
    raise Refused(Refusal("no-remedy", reason, f"Go by the steps: meshdoctor runbook {problem} {_argument(finding.subject)}"))


async def _planned(api: ApiClient, mesh: Mesh, finding: Finding, remedy: Remedy) -> Plan:
    case = Case(finding=finding, mesh=mesh)
    target = target_of(case, remedy)
    discovery = await api.discover()
    if target is None:
        return planned(case, remedy, place_of(discovery, subject_of(made(case, remedy))))
    place = place_of(discovery, target)
    live = await read(api, place.path)
    if live is None:
        raise NoRemedy(f"{target} is gone.")
    case.live = live
    return planned(case, remedy, place)
