"""The ways out of a finding as commands, with what is known of its object filled in."""

from __future__ import annotations

import re
import shlex

from meshdoctor.model.findings import Finding, Fix
from meshdoctor.model.pages import page
from meshdoctor.model.remedies import remedies_for
from meshdoctor.model.subject import Subject

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


def fixes_for(finding: Finding, context: str = "") -> tuple[Fix, ...]:
    """The fixes of the problem's page, those that `meshdoctor fix` does first. A `<word>` is what only the operator knows."""
    if finding.problem is None:
        return ()
    known = _known(finding.subject)
    able = [r.id for r in remedies_for(finding.problem, finding.subject.kind)]
    made = []
    for number, fix in enumerate(page(finding.problem).fix, 1):
        id_ = f"{finding.problem}-{number}"
        ours = (_our_command(finding.problem, finding.subject, id_, context),) if id_ in able else ()
        made.append(Fix(id_, fix.title, fix.risk, (*ours, *(_filled(c, known, context) for c in fix.commands))))
    return tuple(sorted(made, key=lambda f: able.index(f.id) if f.id in able else len(able)))


def _our_command(problem: str, subject: Subject, id_: str, context: str) -> str:
    """The guided way: it plans, tries out and asks before it writes."""
    about = shlex.quote(f"{subject.kind}/{subject.namespace}/{subject.name}")
    scenario = context.removeprefix("demo/")
    where = f" --demo {shlex.quote(scenario)}" if scenario != context else f" --context {shlex.quote(context)}" if context else ""
    return f"meshdoctor fix {problem} {about} --fix {id_}{where}"


def filled(command: str, subject: Subject | None, context: str = "") -> str:
    """A command with what is known of an object filled in; `<word>` stands for what only the operator knows."""
    return _filled(command, _known(subject) if subject else {}, context)


def _known(subject: Subject) -> dict[str, str]:
    values = {"kind": subject.kind.lower(), "owner_kind": subject.kind.lower()}
    values |= dict.fromkeys(_NAMES.get(subject.kind, ("name",)), subject.name)
    if subject.namespace:
        spaces = ("ns", "gw_ns", "istio_ns", "obj_ns", "pol_ns", "svc_ns", "wrong_ns", "monitoring_ns", "ztunnel_ns")
        values |= dict.fromkeys(spaces, subject.namespace)
    return values


def _filled(command: str, known: dict[str, str], context: str) -> str:
    def value(match: re.Match[str]) -> str:
        word = known.get(match[1])
        return shlex.quote(word) if word is not None else f"<{match[1]}>"

    text = _PARAM.sub(value, command)
    tool, _, rest = text.partition(" ")
    if context and tool in {"kubectl", "istioctl"}:
        return f"{tool} --context {shlex.quote(context)} {rest}"
    return text
