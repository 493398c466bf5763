"""The register of temporary changes: what was meant for a while, and is still there. With age and owner, worst first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial

import msgspec

from meshdoctor.model.admission import MutatingWebhookConfiguration, ValidatingWebhookConfiguration, WebhookConfiguration
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import Namespace, Service
from meshdoctor.model.gitops import Application, HelmRelease, Kustomization
from meshdoctor.model.kinds import ISTIO_GROUPS, LISTED
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import HTTPRoute, VirtualService
from meshdoctor.model.security import AuthorizationPolicy, PeerAuthentication
from meshdoctor.model.sources import Source, Unseen
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Deployment, StatefulSet

OPEN_MODES = ("PERMISSIVE", "DISABLE")
LOUD = re.compile(r"\b(debug|trace)\b")
LOG_ANNOTATIONS = ("sidecar.istio.io/logLevel", "sidecar.istio.io/componentLogLevel", "sidecar.istio.io/agentLogLevel")
LOG_ARGUMENTS = ("--log_output_level", "--proxyLogLevel", "--proxyComponentLogLevel")
SKIPPED = "argocd.argoproj.io/skip-reconcile"
LEFT_ALONE = {
    "kustomize.toolkit.fluxcd.io/reconcile": "Flux",
    "helm.toolkit.fluxcd.io/driftDetection": "Flux",
}
KEPT: tuple[type[KubernetesObject], ...] = (*(k for k in LISTED if k.GROUP in ISTIO_GROUPS), Deployment, Service, Namespace)
"""Kinds of which GitOps tools keep objects that matter to a mesh."""

DRY_RUN = "istio.io/dry-run"
OWNED_BY = ("owner", "team", "contact", "app.kubernetes.io/owner", "app.kubernetes.io/managed-by")


class Temporary(msgspec.Struct, frozen=True):
    """One of them. `since` is the object's last write: it may have been there longer. `who` is empty where nobody is recorded."""

    what: str
    subject: Subject
    path: str
    says: str
    since: datetime | None = None
    who: str = ""


class Register(msgspec.Struct, frozen=True):
    """What is open, and the kinds that could not be read: of those nothing is known."""

    open: tuple[Temporary, ...] = ()
    unseen: tuple[Source, ...] = ()


def register(mesh: Mesh) -> Register:
    """Every temporary change that the objects of a mesh show, the oldest first within each sort."""
    found: list[Temporary] = []
    unseen: dict[str, Source] = {}  # by name: several looks need the same kind
    for look in (_faults, _open_ports, _ignoring_webhooks, *PAUSED, _dry_runs, _mirrors, _loud_logs):
        try:
            found += sorted(look(mesh), key=lambda t: (t.since is None, t.since, t.subject))
        except Unseen as why:
            unseen[why.source.name] = why.source
    return Register(tuple(found), tuple(unseen.values()))


def owner(thing: KubernetesObject) -> str:
    """Whom an object's labels and annotations name, else who wrote it last."""
    said = {**thing.labels, **thing.annotations}
    return next((said[key] for key in OWNED_BY if said.get(key)), "") or thing.editor


def _one(what: str, thing: KubernetesObject, path: str, says: str) -> Temporary:
    return Temporary(what, thing.subject, path, says, thing.changed, owner(thing))


def _faults(mesh: Mesh) -> Iterator[Temporary]:
    def told(route: HTTPRoute, at: str) -> Iterator[tuple[str, str]]:
        if route.fault is not None and (route.fault.abort or route.fault.delay):
            kinds = [name for name in ("abort", "delay") if getattr(route.fault, name)]
            yield f"{at}.fault", f"requests are made to fail on purpose: {' and '.join(kinds)}"

    return _of_routes(mesh, "fault injection", told)


def _mirrors(mesh: Mesh) -> Iterator[Temporary]:
    def told(route: HTTPRoute, at: str) -> Iterator[tuple[str, str]]:
        if route.mirror is not None:
            yield f"{at}.mirror", f"requests are copied to {route.mirror.host}"
        for number, each in enumerate(route.mirrors):
            yield f"{at}.mirrors[{number}]", f"requests are copied to {each.destination.host}"

    return _of_routes(mesh, "mirror", told)


def _of_routes(mesh: Mesh, what: str, told: Callable[[HTTPRoute, str], Iterator[tuple[str, str]]]) -> Iterator[Temporary]:
    for thing in mesh[VirtualService]:
        for number, route in enumerate(thing.spec.http):
            for path, says in told(route, f"spec.http[{number}]"):
                yield _one(what, thing, path, says)


def _open_ports(mesh: Mesh) -> Iterator[Temporary]:
    """Exceptions only: a port, or a workload of its own. What a mesh or namespace allows is its policy."""
    for thing in mesh[PeerAuthentication]:
        for port, mode in thing.spec.port_level_mtls.items():
            if mode.mode in OPEN_MODES:
                path = f"spec.portLevelMtls[{port}].mode"
                yield _one("plain text allowed", thing, path, f"port {port} is {mode.mode}")
        mtls = thing.spec.mtls
        if thing.spec.selector is not None and thing.spec.selector.match_labels and mtls is not None and mtls.mode in OPEN_MODES:
            yield _one("plain text allowed", thing, "spec.mtls.mode", f"its workloads are {mtls.mode}")


def _ignoring_webhooks(mesh: Mesh) -> Iterator[Temporary]:
    for kind in (MutatingWebhookConfiguration, ValidatingWebhookConfiguration):
        for thing in mesh[kind]:
            for number, hook in enumerate(thing.webhooks if _is_istios(thing) else ()):
                if hook.failure_policy == "Ignore":
                    says = f"{hook.name} is skipped where it does not answer"
                    yield _one("failurePolicy Ignore", thing, f"webhooks[{number}].failurePolicy", says)


def _is_istios(thing: WebhookConfiguration) -> bool:
    return any(hook.name.endswith("istio.io") for hook in thing.webhooks)


def _paused_applications(mesh: Mesh) -> Iterator[Temporary]:
    """Argo CD. Without self-heal where most have it is an exception; where most have none it is how they work."""
    there = [t for t in mesh[Application] if not t.metadata.deletion_timestamp]
    usual = sum(map(_heals, there)) * 2 > len(there)
    for thing in there:
        policy = thing.spec.sync_policy
        automated = policy.automated if policy is not None else None
        if thing.annotations.get(SKIPPED) == "true":
            yield _one("self-heal paused", thing, f"metadata.annotations[{SKIPPED}]", "Argo CD does not reconcile it")
        elif automated is not None and automated.enabled is False:
            yield _one("self-heal paused", thing, "spec.syncPolicy.automated.enabled", "Argo CD does not sync it by itself")
        elif usual and not _heals(thing):
            path = "spec.syncPolicy" if automated is None else "spec.syncPolicy.automated.selfHeal"
            yield _one("self-heal paused", thing, path, "a change in the cluster stays: most Applications here heal it")


def _heals(thing: Application) -> bool:
    policy = thing.spec.sync_policy
    return policy is not None and policy.automated is not None and policy.automated.self_heal


def _suspended(kind: type[Kustomization] | type[HelmRelease], mesh: Mesh) -> Iterator[Temporary]:
    """Flux."""
    for thing in mesh[kind]:
        if thing.spec.suspend:
            yield _one("self-heal paused", thing, "spec.suspend", "Flux does not reconcile it")


def _left_alone(kind: type[KubernetesObject], mesh: Mesh) -> Iterator[Temporary]:
    """Single objects that a GitOps tool was told to leave as they are."""
    for thing in mesh[kind]:
        for key, tool in LEFT_ALONE.items():
            if thing.annotations.get(key) == "disabled":
                yield _one("self-heal paused", thing, f"metadata.annotations[{key}]", f"{tool} leaves it as it is")


PAUSED: tuple[Callable[[Mesh], Iterator[Temporary]], ...] = (
    _paused_applications,
    partial(_suspended, Kustomization),
    partial(_suspended, HelmRelease),
    *(partial(_left_alone, kind) for kind in KEPT),
)


def _dry_runs(mesh: Mesh) -> Iterator[Temporary]:
    for thing in mesh[AuthorizationPolicy]:
        if thing.is_dry_run:
            yield _one("policy on trial", thing, f"metadata.annotations[{DRY_RUN}]", "it is only tried, and refuses nothing")


def _loud_logs(mesh: Mesh) -> Iterator[Temporary]:
    for kind in (Deployment, StatefulSet):
        for thing in mesh[kind]:
            template = thing.spec.template
            for key in LOG_ANNOTATIONS:
                level = template.metadata.annotations.get(key, "")
                if LOUD.search(level):
                    yield _one("log level", thing, f"spec.template.metadata.annotations[{key}]", f"proxies log at {level}")
            for container in template.spec.containers:
                for argument in container.args:
                    name, _, level = argument.partition("=")
                    if name in LOG_ARGUMENTS and LOUD.search(level):
                        yield _one("log level", thing, "spec.template.spec.containers", f"{container.name} logs at {level}")
