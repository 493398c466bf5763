"""The ways out of a finding as commands, with what is known of its object filled in."""

from __future__ import annotations

import functools
import re
import shlex

from meshdoctor.model.findings import Finding, Fix
from meshdoctor.model.pages import page
from meshdoctor.model.remedies import remedies_for
from meshdoctor.model.subject import Subject
from meshdoctor.triage.places import NOWHERE, Places

_PARAM = re.compile(r"\$\{(\w+)\}")

# The parameter that names an object of a kind in the commands of the pages.
_NAMES = {
    "VirtualService": ("vs",),
    "DestinationRule": ("dr",),
    "AuthorizationPolicy": ("ap", "policy", "name"),
    "PeerAuthentication": ("name",),
    "RequestAuthentication": ("name",),
    "EnvoyFilter": ("obj", "ef"),
    "Service": ("svc", "gw_svc", "ew_svc"),
    "Gateway": ("g", "w"),
    "Deployment": ("deploy", "owner", "istiod_deploy", "gw"),
    "StatefulSet": ("owner",),
    "DaemonSet": ("owner",),
    "MutatingWebhookConfiguration": ("mwc", "stale_mwc"),
    "ValidatingWebhookConfiguration": ("vwc", "stale_vwc"),
    "Pod": ("pod",),
    "Namespace": ("ns",),
    "Sidecar": ("sc",),
    "ServiceEntry": ("se",),
    "HorizontalPodAutoscaler": ("istiod_hpa", "gw_hpa"),
    "WasmPlugin": ("w",),
    "Certificate": ("cert",),
    "CustomResourceDefinition": ("crd",),
    "Node": ("node",),
}


_SPACES = ("ns", "obj_ns", "pol_ns", "svc_ns", "wrong_ns")
_RUNS = ("Deployment", "StatefulSet", "DaemonSet", "Pod", "Service", "HorizontalPodAutoscaler")
_SPACES_OF_ALL = (*_SPACES, "gw_ns", "monitoring_ns", "ztunnel_ns")  # where the problem is about such a workload itself


def fixes_for(finding: Finding, context: str = "", places: Places = NOWHERE) -> tuple[Fix, ...]:
    """The fixes of the problem's page, those that `meshdoctor fix` does first. A `<word>` is what only the operator knows."""
    if finding.problem is None:
        return ()
    subject, name = finding.subject, shlex.quote(finding.subject.name)
    made = []
    for id_, title, risk, ours, commands in _ways_out(finding.problem, subject.kind, subject.namespace, context, places):
        told = tuple([name.join(around) for around in commands])
        made.append(Fix(id_, title, risk, (_our_command(finding.problem, subject, id_, context), *told) if ours else told))
    return tuple(made)


@functools.lru_cache(4096)  # the objects of a namespace differ by name only: 40,000 commands of 10,000 pods are 400 of these
def _ways_out(
    problem: str, kind: str, namespace: str, context: str, places: Places
) -> tuple[tuple[str, str, str, bool, tuple[tuple[str, ...], ...]], ...]:
    """Id, title, risk, whether `meshdoctor fix` does it, and commands of a page's fixes; first those that it does. Of each
    command the texts around each mention of the object's name."""
    able = [r.id for r in remedies_for(problem, kind)]
    ways = []
    for n, fix in enumerate(page(problem).fix, 1):
        id_, around = f"{problem}-{n}", tuple(_around_name(c, kind, namespace, context, places) for c in fix.commands)
        ways.append((id_, fix.title, fix.risk, id_ in able, around))
    return tuple(sorted(ways, key=lambda way: able.index(way[0]) if way[3] else len(able)))


def _our_command(problem: str, subject: Subject, id_: str, context: str) -> str:
    """The guided way: it plans, tries out and asks before it writes."""
    about = shlex.quote(f"{subject.kind}/{subject.namespace}/{subject.name}")
    scenario = context.removeprefix("demo/")
    where = f" --demo {shlex.quote(scenario)}" if scenario != context else f" --context {shlex.quote(context)}" if context else ""
    return f"meshdoctor fix {problem} {about} --fix {id_}{where}"


def filled(command: str, subject: Subject | None, context: str = "", places: Places = NOWHERE) -> str:
    """A command with what is known of an object and of the mesh filled in; `<word>` stands for what only the operator knows."""
    kind, namespace, name = (subject.kind, subject.namespace, subject.name) if subject else (None, "", "")
    return shlex.quote(name).join(_around_name(command, kind, namespace, context, places))


def _around_name(command: str, kind: str | None, namespace: str, context: str, places: Places) -> tuple[str, ...]:
    """A command with all but the object's name filled in: the texts before, between and behind each mention of the name."""
    text, rest = _parts(command, context)
    around = []
    for parameter, literal in rest:
        value = _value(parameter, kind, namespace, places)
        if value is None:  # the name stands here
            around.append(text)
            text = literal
        else:
            text += (value or f"<{parameter}>") + literal
    return (*around, text)


def _value(parameter: str, kind: str | None, namespace: str, places: Places) -> str | None:
    """The value of a parameter as a shell takes it, the object's own before the mesh's; empty where it is not known, None
    where it is the object's name."""
    if kind is not None:
        is_istiods = namespace in places.planes
        spaces = _SPACES_OF_ALL if kind in _RUNS else _SPACES
        if namespace and (parameter in spaces or (is_istiods and parameter == "istio_ns")):
            return shlex.quote(namespace)
        if parameter in _NAMES.get(kind, ("name",)) and (is_istiods or not parameter.startswith("istiod_")):
            return None
        if parameter in ("kind", "owner_kind"):
            return shlex.quote(kind.lower())
    value = places.values.get(parameter)
    return "" if value is None else shlex.quote(value)


@functools.cache
def _parts(command: str, context: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """A command cut at its parameters: the text before the first, then each parameter with the text behind it."""
    first, *rest = _PARAM.split(command)
    tool, space, words = first.partition(" ")
    if context and tool in {"kubectl", "istioctl"} and (space or not rest):
        first = f"{tool} --context {shlex.quote(context)} {words}"
    return first, tuple(zip(rest[::2], rest[1::2], strict=True))
