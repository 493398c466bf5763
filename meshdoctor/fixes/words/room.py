"""Room: replicas beyond a budget, quotas, time to drain and to answer, a user of its own."""

from __future__ import annotations

import math
import re
from fractions import Fraction

import yaml

from meshdoctor.fixes.case import Case, NoRemedy, word
from meshdoctor.fixes.words.controlplane import scaler_of
from meshdoctor.fixes.words.workloads import PROXY_CONFIG
from meshdoctor.istio.proxyconfig import seconds
from meshdoctor.model.cluster import ResourceQuota
from meshdoctor.model.quantities import quantity
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Deployment

PROXY_USER, FREE_USER = 1337, 1338
EXCEEDED = re.compile(r"requested: (?P<requested>\S+), used: (?P<used>\S+), limited: (?P<limited>\S+)")
DRAIN_SECONDS = 60
CONTAINER = "spec.template.spec.containers[{}].securityContext.runAsUser"
POD = "spec.template.spec.securityContext.runAsUser"


@word
def proxy_user_at(case: Case) -> str:
    """The place in the template that gives an application the proxy's user."""
    containers = case.at("spec.template.spec.containers") or []
    places = [POD, *(CONTAINER.format(i) for i in range(len(containers)))]
    found = next((place for place in places if case.at(place) == PROXY_USER), None)
    if found is None:
        raise NoRemedy("The template gives no container the user 1337: it is the image's.")
    return found


@word
def free_user(case: Case) -> int:
    """A user that no part of the mesh runs as."""
    return FREE_USER


@word
def guarded_workload(case: Case) -> Subject:
    """The one Deployment behind a budget that a further replica gives room, and whose replicas nobody else sets."""
    found = [s for s in case.finding.also if s.kind == Deployment.KIND]
    if len(found) != 1 or len(case.finding.also) != 1:
        raise NoRemedy("The budget is not about one Deployment.")
    if not re.search(r"\(minAvailable \d+\)", case.finding.summary):
        raise NoRemedy("The budget is a share, or allows none at all: further replicas do not change that.")
    try:
        scaler = scaler_of(case, found[0])
    except NoRemedy:
        return found[0]
    raise NoRemedy(f"The autoscaler {scaler.name} sets the number of replicas.")


@word
def roomier_quota(case: Case) -> dict[str, str]:
    """The quota's limits, raised where a pod was refused by what all the pods that are missing ask for."""
    case.the(ResourceQuota)
    hard = dict(case.at("spec.hard") or {})
    said = next((m for e in case.finding.evidence if (m := EXCEEDED.search(e.quote))), None)
    if said is None:
        raise NoRemedy("How much is missing is not known.")
    requested, used = (dict(p.split("=", 1) for p in said[g].split(",") if "=" in p) for g in ("requested", "used"))
    for name in requested.keys() & hard.keys():
        asked, taken = quantity(requested[name]), quantity(used.get(name, "0"))
        if asked is None or taken is None:
            raise NoRemedy(f"{requested[name]!r} is no quantity.")
        hard[name] = _shown(name, taken + asked * _missing(case))
    return hard


def _missing(case: Case) -> int:
    found = re.search(r"lacks (\d+) pods", case.finding.summary)
    return int(found[1]) if found else 1


def _shown(name: str, amount: Fraction) -> str:
    """An amount as people write it: memory in Mi, processor time in thousandths, others as numbers."""
    number = float(amount)
    if "memory" in name or "storage" in name:
        return f"{math.ceil(number / (1 << 20))}Mi"
    return f"{math.ceil(number * 1000)}m" if "cpu" in name else f"{math.ceil(number)}"


@word
def config_with_drain(case: Case) -> str:
    """The workload's proxy config, with a minute to drain."""
    said = yaml.safe_load(str(case.at(PROXY_CONFIG) or "")) or {}
    if not isinstance(said, dict):
        raise NoRemedy("Its proxy config is no map.")
    return yaml.safe_dump({**said, "terminationDrainDuration": f"{DRAIN_SECONDS}s"}, sort_keys=False)


@word
def longer_grace(case: Case) -> int:
    """Half as long again as the proxy drains."""
    return max(DRAIN_SECONDS * 3 // 2, int(case.at("spec.template.spec.terminationGracePeriodSeconds") or 0))


@word
def longer_timeout(case: Case) -> str:
    """Twice the time that a route gives."""
    said = seconds(case.at(case.finding.path)) if case.finding.path else None
    if not said:
        raise NoRemedy("The finding names no timeout of a route.")
    return f"{2 * said:g}s"
