"""What a check is given: one namespace of a snapshot, its workloads, and what the rules found there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property

from meshdoctor.istio.controlplane import is_istiod
from meshdoctor.istio.injection import AMBIENT, INJECT, Injector, called, opted_out, wants_injection
from meshdoctor.istio.selecting import is_ambient_namespace
from meshdoctor.istio.workloads import is_gateway, is_live
from meshdoctor.model.cluster import Namespace
from meshdoctor.model.findings import Diagnosis, Finding, Status
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Pod
from meshdoctor.onboarding.workloads import Unit, units_of

OF_POD = re.compile(r" of (?P<namespace>[^/ ]+)/[^/ ]+$")


def where(finding: Finding) -> str:
    """The namespace that a finding is about; empty for the cluster."""
    return finding.subject.name if finding.subject.kind == "Namespace" else finding.subject.namespace


class Found:
    """The findings of a diagnosis by namespace and by the objects they are about. Built once a scan."""

    def __init__(self, diagnosis: Diagnosis) -> None:
        self._in: dict[str, list[Finding]] = {}
        self._about: dict[Subject, list[Finding]] = {}
        self.blind: dict[str, list[Finding]] = {}
        for finding in diagnosis.findings:
            if finding.status in (Status.UNKNOWN, Status.ERROR):
                for name in filter(None, (finding.problem, finding.code)):
                    self.blind.setdefault(name, []).append(finding)
                continue
            self._in.setdefault(where(finding), []).append(finding)
            for subject in (finding.subject, *finding.also):
                self._about.setdefault(subject, []).append(finding)

    def within(self, namespace: str, names: Iterable[str]) -> list[Finding]:
        """The findings of some problems or codes whose object lies in a namespace."""
        wanted = set(names)
        return [f for f in self._in.get(namespace, ()) if wanted & {f.problem, f.code}]

    def about(self, subjects: Iterable[Subject], names: Iterable[str]) -> list[Finding]:
        """The findings of some problems that are about these objects, wherever they lie."""
        wanted = set(names)
        found = [f for s in subjects for f in self._about.get(s, ()) if wanted & {f.problem, f.code}]
        return list({f.id: f for f in found}.values())

    def everything(self, namespace: str) -> list[Finding]:
        """All findings whose object lies in a namespace."""
        return self._in.get(namespace, [])

    def unseen(self, namespace: str, names: Iterable[str]) -> list[Finding]:
        """What kept the rules of these problems from judging, as far as it may concern a namespace."""
        blind = (f for name in names for f in self.blind.get(name, ()))
        return [f for f in blind if (of := OF_POD.search(f.subject.name)) is None or of["namespace"] == namespace]


class Scope:
    """One namespace. Its parts are found once, and raise Unseen where they were not read."""

    def __init__(self, mesh: Mesh, namespace: Namespace, found: Found) -> None:
        self.mesh, self.namespace, self.found = mesh, namespace, found
        self.name = namespace.name

    @property
    def labels(self) -> dict[str, str]:
        return self.namespace.labels

    @cached_property
    def pods(self) -> tuple[Pod, ...]:
        """Its live pods; istiod's own are left out."""
        return tuple(p for p in self.mesh[Pod].within(self.name) if is_live(p) and not is_istiod(p.labels))

    @cached_property
    def sidecars(self) -> tuple[Pod, ...]:
        """Its live pods with a sidecar."""
        return tuple(p for p in self.pods if p.proxy is not None and not is_gateway(p))

    @cached_property
    def gateways(self) -> tuple[Pod, ...]:
        """Its live pods that are gateways or waypoints."""
        return tuple(p for p in self.pods if is_gateway(p))

    @cached_property
    def proxies(self) -> tuple[Pod, ...]:
        return tuple(p for p in self.pods if p.proxy is not None)

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        """Its workloads, bare pods and Jobs included."""
        return units_of(self.mesh, self.name)

    @property
    def applications(self) -> tuple[Unit, ...]:
        """Its workloads that are neither gateways nor done."""
        return tuple(u for u in self.units if not u.is_gateway and not u.is_done)

    @cached_property
    def injectors(self) -> tuple[Injector, ...]:
        """The webhooks that inject a pod without labels of its own."""
        return called(self.mesh, self.labels, {})

    @cached_property
    def is_ambient(self) -> bool:
        return is_ambient_namespace(self.mesh, self.name)

    @property
    def asks(self) -> bool:
        """Whether its labels ask for the mesh."""
        return wants_injection(self.namespace) or self.labels.get(AMBIENT) == "ambient"

    @cached_property
    def is_enrolled(self) -> bool:
        """Whether it asks for the mesh, is taken in without asking, or some workload of it asks for itself."""
        return self.asks or bool(self.injectors) or any(u.template.metadata.labels.get(INJECT) == "true" for u in self.units)

    def eligible(self, pod: Pod) -> bool:
        """Whether a pod should be in the mesh once its namespace is: it neither opts out nor uses the host's network."""
        return not pod.spec.host_network and not opted_out(pod.labels, pod.annotations)
