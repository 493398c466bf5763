"""The ways out of a finding as commands, with what is known of its object filled in."""

from __future__ import annotations

import re
import shlex

from meshdoctor.model.findings import Finding, Fix
from meshdoctor.model.pages import page
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
    """The fixes of the problem's page. A `<word>` in a command stands for what only the operator knows."""
    if finding.problem is None:
        return ()
    known = _known(finding.subject)
    made = []
    for number, fix in enumerate(page(finding.problem).fix, 1):
        commands = tuple(_filled(c, known, context) for c in fix.commands)
        made.append(Fix(f"{finding.problem}-{number}", fix.title, fix.risk, commands))
    return tuple(made)


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
