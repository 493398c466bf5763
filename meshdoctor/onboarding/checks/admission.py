"""Whether new pods can start with a sidecar: admission, quota, and what the application's own pods ask for."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from meshdoctor.istio.injector_values import values
from meshdoctor.model.cluster import LimitRange, ResourceQuota
from meshdoctor.model.findings import Evidence
from meshdoctor.model.quantities import quantity
from meshdoctor.model.sources import Unseen
from meshdoctor.model.text import counted
from meshdoctor.model.workloads import Deployment
from meshdoctor.onboarding.outcome import Outcome, breaks, holds, of_finding, remarks, skips, unknown
from meshdoctor.onboarding.registry import check
from meshdoctor.onboarding.scope import Scope
from meshdoctor.onboarding.workloads import Unit
from probes.admission import ENFORCE, uses_istio_init
from probes.registry import get, quote

OF_WEBHOOK = ("INJ-006", "INJ-007", "INJ-008", "INJ-009", "INJ-010", "INJ-011")
POWERFUL = ("NET_ADMIN", "NET_RAW", "SYS_ADMIN", "ALL")


@check(
    "8",
    "New pods can start",
    weight="blocking",
    problems=("INJ-012",),
    do="Mend the webhook, or use the Istio CNI node agent where Pod Security refuses istio-init.",
    before=True,
)
def pods_can_start(scope: Scope) -> Iterator[Outcome]:
    """The webhooks answer and Pod Security accepts what they add; a dry-run create settles it where it was allowed."""
    tested = next((d for d in scope.mesh.dry_runs if d.namespace == scope.name), None)
    if tested is not None:
        shown = Evidence("a test pod was created with dryRun=All", "API server", tested.error or f"injected: {tested.injected}")
        if not tested.admitted:
            yield breaks(f"the API server refuses a test pod: {tested.error}", shown, problem="INJ-012")
        elif not tested.injected and not scope.is_ambient:
            yield breaks("a test pod comes up without a sidecar", shown, problem="INJ-010")
        else:
            yield holds(f"a test pod is admitted{' with its sidecar' if tested.injected else ''} ({tested.seconds:.2f} s)", shown)
    called = [i.configuration.subject for i in scope.injectors]
    services = [s for i in scope.injectors if (s := i.service) is not None]
    yield from (of_finding(f) for f in scope.found.about([*called, *services], OF_WEBHOOK))
    level = scope.labels.get(ENFORCE, "")
    if level in ("baseline", "restricted") and not scope.injectors and uses_istio_init(scope.mesh, scope.name) and tested is None:
        says = f"Pod Security {level} will refuse istio-init once the namespace is enrolled"
        yield breaks(says, quote(scope.namespace, f"metadata.labels[{ENFORCE}]", level), problem="INJ-012")
    elif tested is None:
        told = quote(scope.namespace, f"metadata.labels[{ENFORCE}]", level or "not set")
        yield holds("nothing was found that refuses new pods (--active settles it with a dry-run create)", told)


@check(
    "20",
    "Quota has room for the sidecars",
    weight="warning",
    problems=("INJ-018",),
    do="Raise the quota by replicas x the proxy's requests, with room for a rollout's surge.",
    before=True,
)
def quota_fits(scope: Scope) -> Iterator[Outcome]:
    """What is used, with the proxies to come and a full surge of every Deployment, stays within every ResourceQuota."""
    quotas = scope.mesh[ResourceQuota].within(scope.name)
    scope.mesh[LimitRange].within(scope.name)
    named = [q for q in quotas if any(_resource(name) for name in q.status.hard)]
    if not named:
        yield skips("no ResourceQuota limits CPU or memory here")
        return
    requests = _proxy_requests(scope)
    if not requests:
        yield unknown("the injector's values do not tell what a proxy requests")
        return
    lacking = _pods_to_come(scope)
    for quota in named:
        for name, hard in quota.status.hard.items():
            resource = _resource(name)
            if resource is None:
                continue
            used, limit = quantity(quota.status.used.get(name, "0")), quantity(hard)
            if used is None or limit is None:
                continue
            wanted = used + lacking * requests.get(resource, Fraction(0)) + _surge(scope, resource, requests)
            shown = quote(quota, f"status.hard[{name}]", f"{hard}, used {quota.status.used.get(name, '0')}")
            if wanted > limit:
                says = f"{quota.name} has {hard} of {name}; {_shown(wanted)} are needed with the sidecars and a full surge"
                yield breaks(says, shown, problem="INJ-018")
            else:
                yield holds(f"{quota.name}: {_shown(wanted)} of {hard} {name} with sidecars and surge", shown)


def _resource(name: str) -> str | None:
    return {"cpu": "cpu", "memory": "memory", "requests.cpu": "cpu", "requests.memory": "memory"}.get(name)


def _proxy_requests(scope: Scope) -> dict[str, Fraction]:
    """What one proxy requests: as those of the namespace do, else as the injector's values say."""
    known = next((p.proxy.resources.requests for p in scope.sidecars if p.proxy and p.proxy.resources.requests), None)
    if known is None:
        revision = scope.injectors[0].revision if scope.injectors else "default"
        try:
            injected = values(scope.mesh, revision)
        except Unseen:
            return {}
        known = injected.requests if injected else {}
    return {k: v for k, text in known.items() if (v := quantity(text)) is not None}


def _pods_to_come(scope: Scope) -> int:
    """Pods that run without a proxy and will have one after their restart."""
    return sum(p.proxy is None and scope.eligible(p) for p in scope.pods)


def _surge(scope: Scope, resource: str, proxy: dict[str, Fraction]) -> Fraction:
    """What the pods that a rollout of every Deployment adds at once would request."""
    return sum((_surge_of(u, resource, proxy.get(resource, Fraction(0))) for u in scope.applications), Fraction(0))


def _surge_of(unit: Unit, resource: str, proxy: Fraction) -> Fraction:
    if not isinstance(unit.thing, Deployment):
        return Fraction(0)
    strategy = unit.thing.spec.strategy
    if strategy is not None and strategy.type == "Recreate":
        return Fraction(0)
    said = strategy.rolling_update.max_surge if strategy and strategy.rolling_update else "25%"
    said = "25%" if said is None else said
    text = str(said)
    percent = text.removesuffix("%")
    extra = -(-unit.desired * int(percent) // 100) if text.endswith("%") and percent.isdecimal() else int(percent or 0)
    own = sum(
        (quantity(c.resources.requests.get(resource, "0")) or Fraction(0) for c in unit.template.spec.containers), Fraction(0)
    )
    return extra * (own + proxy)


def _shown(amount: Fraction) -> str:
    if amount >= 1 << 20:
        return f"{float(amount / (1 << 20)):.0f}Mi"
    return f"{float(amount):g}"


@check(
    "25",
    "No user 1337, no NET_ADMIN in applications",
    weight="blocking",
    problems=("INJ-016", "PS-004"),
    codes=("MD5254",),
    do="Give the application another user id, and take capabilities from it that only the proxy's init container needs.",
    before=True,
)
def safe_pods(scope: Scope) -> Iterator[Outcome]:
    """No application container runs as the proxy's user or may change the pod's network; the Pod Security level is told."""
    level = scope.labels.get(ENFORCE, "")
    told = quote(scope.namespace, f"metadata.labels[{ENFORCE}]", level or "not set")
    units = [u for u in scope.applications if scope.is_enrolled or not u.template.spec.host_network]
    if not units:
        yield skips("no workload of an application is there")
        return
    faults = 0
    for unit in units:
        for at, says, problem in _risky(unit):
            faults += 1
            yield breaks(f"{unit.subject}: {says}", Evidence(says, str(unit.subject), at, get(unit.subject)), problem=problem)
    if not faults:
        yield holds(f"{counted(len(units), 'workload')}; Pod Security level: {level or 'none enforced'}", told)
    elif not level:
        yield remarks("no Pod Security level is enforced", told)


def _risky(unit: Unit) -> Iterator[tuple[str, str, str]]:
    spec = unit.template.spec
    if spec.security_context and spec.security_context.run_as_user == 1337:
        yield "securityContext.runAsUser: 1337", "runs as user 1337, past the proxy", "INJ-016"
    for container in spec.containers:
        context = container.security_context
        if context is None or container.name == "istio-proxy":
            continue
        if context.run_as_user == 1337:
            yield f"{container.name}: runAsUser: 1337", f"{container.name} runs as user 1337, past the proxy", "INJ-016"
        added = [c for c in (context.capabilities.add if context.capabilities else ()) if c.removeprefix("CAP_") in POWERFUL]
        if context.privileged or added:
            what = "is privileged" if context.privileged else f"has {', '.join(added)}"
            yield f"{container.name}: {what}", f"{container.name} {what} and can change the pod's redirection", "PS-004"
