"""The control plane: its Deployment, its revision, how many of it there should be."""

from __future__ import annotations

from meshdoctor.fixes.case import Case, NoRemedy, word
from meshdoctor.istio.controlplane import ControlPlane, control_planes, injectors
from meshdoctor.istio.injection import revisions
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Deployment, HorizontalPodAutoscaler
from probes.istiod import WANTED_REPLICAS

FEWEST = 2


def _plane(case: Case) -> ControlPlane:
    """The control plane that the finding is about, else the only one."""
    planes = [p for p in control_planes(case.mesh) if p.deployment is not None]
    near = [p for p in planes if p.namespace == case.subject.namespace] or planes
    if len(near) != 1:
        raise NoRemedy(f"There are {len(near)} control planes: which one is meant is yours to say.")
    return near[0]


@word
def istiod(case: Case) -> Subject:
    """The Deployment of istiod."""
    return _deployment(case).subject


def _deployment(case: Case) -> Deployment:
    deployment = _plane(case).deployment
    if deployment is None:
        raise NoRemedy("There is no Deployment of istiod.")
    return deployment


@word
def istio_ns(case: Case) -> str:
    """The namespace of istiod."""
    return _plane(case).namespace


@word
def istiod_selector(case: Case) -> dict[str, str]:
    """The labels by which a Service selects istiod's pods, as those pods carry them."""
    if case.at("spec.ports") is None or not any(p.get("port") == 15012 for p in case.at("spec.ports")):
        raise NoRemedy("The Service is not istiod's: it has no port 15012.")
    labels = _deployment(case).template.metadata.labels
    kept: dict[str, str] = {k: labels[k] for k in ("app", "istio.io/rev") if k in labels}
    old = case.at("spec.selector") or {}
    return {k: v for k, v in kept.items() if k in old} or kept


@word
def rev(case: Case) -> str:
    """The revision or tag that new namespaces should ask for: the default where it injects, else the only one."""
    known = revisions(case.mesh)
    if "default" in known:
        return "default"
    if len(known) != 1:
        raise NoRemedy(f"There are {len(known)} revisions that inject: which one is meant is yours to say.")
    return next(iter(known))


@word
def has_default(case: Case) -> bool:
    """Whether `istio-injection=enabled` is answered by some injector."""
    if not any(w.namespace_selector.matches({"istio-injection": "enabled"}) for c in injectors(case.mesh) for w in c.webhooks):
        raise NoRemedy("No injector answers to istio-injection=enabled.")
    return True


@word
def istiod_hpa(case: Case) -> Subject:
    """The autoscaler of istiod."""
    return scaler_of(case, _deployment(case).subject).subject


@word
def subject_hpa(case: Case) -> Subject:
    """The autoscaler of the workload that the finding is about."""
    return scaler_of(case, case.subject).subject


def scaler_of(case: Case, workload: Subject) -> HorizontalPodAutoscaler:
    """The autoscaler of a workload. Raises NoRemedy where there is none."""
    for scaler in case.mesh[HorizontalPodAutoscaler].within(workload.namespace):
        reference = scaler.spec.scale_target_ref
        if (reference.get("kind"), reference.get("name")) == (workload.kind, workload.name):
            return scaler
    raise NoRemedy(f"No autoscaler scales {workload}.")


@word
def not_autoscaled(case: Case) -> bool:
    """Whether nobody else sets the number of replicas."""
    try:
        scaler = scaler_of(case, case.subject)
    except NoRemedy:
        return True
    raise NoRemedy(f"The autoscaler {scaler.name} sets the number of replicas.")


@word
def istiod_not_autoscaled(case: Case) -> bool:
    """Whether nobody else sets istiod's number of replicas."""
    try:
        scaler = scaler_of(case, _deployment(case).subject)
    except NoRemedy:
        return True
    raise NoRemedy(f"The autoscaler {scaler.name} sets the number of replicas.")


@word
def istiod_replicas(case: Case) -> int:
    """As many replicas of istiod as its rule asks for."""
    return max(WANTED_REPLICAS, int(case.at("spec.replicas") or 0))


@word
def enough_replicas(case: Case) -> int:
    """As many replicas as survive the loss of one."""
    return max(FEWEST, int(case.at("spec.replicas") or 0))


@word
def two_at_least(case: Case) -> int:
    """The least that an autoscaler must keep."""
    if int(case.at("spec.minReplicas") or 1) >= FEWEST:
        raise NoRemedy("The autoscaler keeps two already.")
    return FEWEST


@word
def one_more(case: Case) -> int:
    """One replica more than now."""
    return int(case.at("spec.replicas") or 1) + 1


@word
def more_at_most(case: Case) -> int:
    """Half as many again as an autoscaler's maximum."""
    most = int(case.at("spec.maxReplicas") or 1)
    return most + max(1, most // 2)
