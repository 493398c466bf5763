"""Policies and webhooks: who was refused, which scope is doubled, what a validator looks like."""

from __future__ import annotations

import re
from typing import Any

from meshdoctor.fixes.case import Case, NoRemedy, word
from meshdoctor.istio.authorization.showing import principal_of
from meshdoctor.istio.controlplane import validators
from meshdoctor.istio.selecting import labels_of
from meshdoctor.istio.workloads import is_live
from meshdoctor.model.admission import ValidatingWebhookConfiguration
from meshdoctor.model.cluster import Service
from meshdoctor.model.kinds import WORKLOADS
from meshdoctor.model.security import AuthorizationPolicy, PeerAuthentication
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Pod

CONTROLLERS = {k.KIND for k in WORKLOADS}
REFUSED_AT = re.compile(r" to \S+:(\d+)$")


@word
def is_surplus(case: Case) -> bool:
    """Whether the finding is about the object that does not count, not about the one that does."""
    if case.finding.severity == "info":
        raise NoRemedy("This is the object that counts: the other one is to change.")
    return True


@word
def with_caller(case: Case) -> list[Any]:
    """The rules of an ALLOW policy, with one more that lets the refused callers in by their identity."""
    policy = case.the(AuthorizationPolicy)
    callers = {p for s in case.finding.also if s.kind in CONTROLLERS for p in _identities(case, s, policy)}
    if policy.spec.action != "ALLOW" or not callers:
        raise NoRemedy("Who was refused has no identity: it has to join the mesh first.")
    return [*(case.at("spec.rules") or []), {"from": [{"source": {"principals": sorted(callers)}}]}]


def _identities(case: Case, workload: Subject, policy: AuthorizationPolicy) -> set[str]:
    """The identities of a workload's pods, where the policy does not select them."""
    selector = labels_of(policy)
    pods = [p for p in case.mesh[Pod].within(workload.namespace) if is_live(p) and case.mesh.owner(p) == workload]
    return {
        i
        for p in pods
        if not (p.namespace == policy.namespace and selector.items() <= p.labels.items()) and (i := principal_of(case.mesh, p))
    }


@word
def server_ns(case: Case) -> str:
    """The namespace of the server that refused plain text."""
    return _server(case).namespace


@word
def server_app(case: Case) -> str:
    """The label `app` of the server that refused plain text, where no policy of its own selects it yet."""
    server = _server(case)
    label = server.labels.get("app")
    if not label:
        raise NoRemedy("The server's pods carry no label app.")
    for policy in case.mesh[PeerAuthentication].within(server.namespace):
        selector = policy.spec.selector.wanted if policy.spec.selector else {}
        if selector and selector.items() <= server.labels.items():
            raise NoRemedy(f"{policy.subject} is the server's own: change that.")
    return label


@word
def server_port(case: Case) -> int:
    """The port at which plain text was refused."""
    found = [m[1] for e in case.finding.evidence if (m := REFUSED_AT.search(e.quote))]
    if not found:
        raise NoRemedy("At which port it was refused is not known.")
    return int(found[0])


def _server(case: Case) -> Pod:
    """A pod of the one workload that refused."""
    servers = {s for s in case.finding.also if s.kind in CONTROLLERS}
    if len(servers) != 1:
        raise NoRemedy(f"{len(servers)} servers refused: each needs its own exception.")
    server = next(iter(servers))
    pod = next((p for p in case.mesh[Pod].within(server.namespace) if case.mesh.owner(p) == server), None)
    if pod is None:
        raise NoRemedy(f"{server} has no pod.")
    return pod


@word
def template_at(case: Case) -> str:
    """The place of the opt-out, where it is in the pod template."""
    if not case.finding.path.startswith("spec.template.metadata."):
        raise NoRemedy("The opt-out is not in the pod template.")
    return case.finding.path


@word
def tls_at(case: Case) -> str:
    """The place of the whole TLS block that the finding is about."""
    return case.finding.path.removesuffix(".mode")


@word
def policy_at(case: Case) -> str:
    """The place of the webhook's failurePolicy."""
    place = case.finding.path
    if not place.startswith("webhooks["):
        raise NoRemedy("The finding names no webhook.")
    return place if place.endswith(".failurePolicy") else f"{place}.failurePolicy"


@word
def no_validator(case: Case) -> bool:
    """Whether Istio has no validator at all."""
    if validators(case.mesh):
        raise NoRemedy("There is a validator: it is what to change.")
    return True


@word
def grants(case: Case) -> Subject:
    """The Service of another namespace that a route may not refer to."""
    found = [s for s in case.finding.also if s.kind == "Service" and s.namespace != case.subject.namespace]
    if len(found) != 1 or case.mesh[Service].get(*found[0].key) is None:
        raise NoRemedy("No backend is an existing Service of another namespace.")
    return found[0]


@word
def backend_ns(case: Case) -> str:
    """The namespace of that Service."""
    return grants(case).namespace


@word
def backend_name(case: Case) -> str:
    """The name of that Service."""
    return grants(case).name


@word
def service_is_gone(case: Case) -> bool:
    """Whether no webhook of the configuration has a Service any more: its control plane was removed."""
    configuration = case.the(ValidatingWebhookConfiguration)
    called = [w.client_config.service for w in configuration.webhooks]
    if any(s is None or case.mesh[Service].get(s.namespace, s.name) is not None for s in called):
        raise NoRemedy("What it calls exists: that is to heal, not the webhook to delete.")
    return True
