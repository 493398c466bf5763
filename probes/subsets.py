"""DestinationRules: hosts that nobody has, and subsets with nobody behind them."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio import accesslog_lookup as log
from meshdoctor.istio.hosts import Registered, long_name, registered
from meshdoctor.istio.routing import rule_host
from meshdoctor.istio.subsets import entry_supplies, makers_of, pods_in, users_of, virtual_machines_in
from meshdoctor.istio.visibility import sees
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import EndpointSlice, Namespace, Node, Service
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.findings import HINT
from meshdoctor.model.kinds import WORKLOADS
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import DestinationRule, Gateway, ServiceEntry, Subset, VirtualService, WorkloadEntry
from meshdoctor.model.workloads import Pod
from probes.registry import Draft, fail, probe, quote

APP_LABELS = ("app", "app.kubernetes.io/name", "service.istio.io/canonical-name")


@probe(
    "RT-003",
    over=DestinationRule,
    needs=(
        DestinationRule,
        Service,
        ServiceEntry,
        EndpointSlice,
        Namespace,
        Node,
        Pod,
        WorkloadEntry,
        VirtualService,
        Gateway,
        *WORKLOADS,
        Envoy,
    ),
)
def subset_selects_no_pods(mesh: Mesh, rule: DestinationRule) -> Iterator[Draft]:
    """The labels of a subset, with the selector of its Service, match no ready pod: Envoy answers 503 UH."""
    if rule.spec.host.startswith("*"):
        return
    origins = registered(mesh, long_name(mesh, rule.spec.host, rule.namespace))
    services = [r.origin for r in origins if isinstance(r.origin, Service) and r.origin.spec.selector]
    entries = [r.origin for r in origins if isinstance(r.origin, ServiceEntry)]
    for i, subset in enumerate(rule.spec.subsets):
        if not subset.labels or any(entry_supplies(mesh, e, subset.labels) for e in entries):
            continue
        at = f"spec.subsets[{i}]"
        if services:
            yield from (_empty(mesh, rule, s, subset, at) for s in services if not _has_ready(mesh, s, subset))
        elif origins and not any(_may_supply(mesh, r.origin, subset) for r in origins):
            yield _unlabelled(rule, subset, origins, at)


def _has_ready(mesh: Mesh, service: Service, subset: Subset) -> bool:
    if any(p.is_ready for p in pods_in(mesh, service, subset.labels)):
        return True
    if not mesh.given(Pod) and makers_of(mesh, service, subset.labels):
        return True  # manifests make pods; there are none yet
    return virtual_machines_in(mesh, service.namespace, {**service.spec.selector, **subset.labels})


def _may_supply(mesh: Mesh, origin: Service | ServiceEntry, subset: Subset) -> bool:
    """Whether a Service without a selector, whose endpoints are not known either, may stand for such pods."""
    if isinstance(origin, ServiceEntry) or origin.spec.type == "ExternalName" or mesh.slices_of(origin):
        return False
    return bool(makers_of(mesh, origin, subset.labels) or mesh[Pod].matching(origin.namespace, subset.labels))


def _empty(mesh: Mesh, rule: DestinationRule, service: Service, subset: Subset, at: str) -> Draft:
    host = rule_host(rule, mesh.cluster.domain)
    pods = pods_in(mesh, service, subset.labels)
    makers = makers_of(mesh, service, subset.labels)
    users = list(users_of(mesh, rule, host, subset.name, service.namespace))
    # where pods are there or wanted, the workload is at fault rather than the labels
    expected = bool(pods) or any(m.desired > 0 for m in makers)
    failed = log.flagged(log.lines_to(mesh, host, rule.changed), "UH")
    failed = log.chosen(failed, lambda x: x.upstream.subset in ("", subset.name))
    labels = ",".join(f"{k}={v}" for k, v in {**service.spec.selector, **subset.labels}.items())
    what = f"none of its {len(pods)} pods is ready" if pods else f"no pod of {service.namespace} has {labels}"
    others: tuple[KubernetesObject, ...] = (
        service,
        *makers,
        *{r.virtual_service.subject: r.virtual_service for r in users}.values(),
    )
    said = {"IST0173": not pods and len(mesh[Pod]) > 0, "KIA0203": not pods and not makers}
    return fail(
        rule,
        f"subset {subset.name!r} of {host} is empty: {what}",
        at=at,
        evidence=(
            quote(rule, f"{at}.labels", dict(subset.labels)),
            *(quote(r.virtual_service, f"{r.path}.subset", r.subset) for r in users[:1]),
            *log.shown(mesh, failed),
        ),
        confidence=HINT if expected else None,
        severity=None if any(not r.is_mirror for r in users) else "low" if users else "info",
        harm=log.harm(mesh, failed),
        also=(*others, *(mesh.owner(p) for p in pods), *log.clients(mesh, failed)),
        codes=[code for code, says in said.items() if says],
        lacking=(Pod,),
    )


def _unlabelled(rule: DestinationRule, subset: Subset, origins: tuple[Registered, ...], at: str) -> Draft:
    """Endpoints that are listed by hand carry the labels that stand there, and no others."""
    return fail(
        rule,
        f"subset {subset.name!r} is empty: no endpoint of {origins[0].origin.subject} has its labels",
        at=at,
        evidence=(quote(rule, f"{at}.labels", dict(subset.labels)),),
        severity="low",
        also=[r.origin for r in origins],
    )


@probe(
    "MD5103",
    over=DestinationRule,
    needs=(DestinationRule, Service, ServiceEntry, Namespace),
    codes=("KIA0209",),
    title="A subset has no labels",
    severity="info",
)
def subset_without_labels(mesh: Mesh, rule: DestinationRule) -> Iterator[Draft]:
    """A subset without labels stands for all endpoints of its host: it tells no version from another."""
    known = rule.spec.host.startswith("*") or registered(mesh, long_name(mesh, rule.spec.host, rule.namespace))
    for i, subset in enumerate(rule.spec.subsets if known else ()):
        if not subset.labels:
            yield fail(rule, f"subset {subset.name!r} has no labels", at=f"spec.subsets[{i}]")


@probe(
    "MD5104",
    over=DestinationRule,
    needs=(DestinationRule, Service, ServiceEntry, Namespace, Pod, *WORKLOADS),
    title="A DestinationRule is for a host that nobody has",
    severity="low",
    codes=("IST0174", "KIA0202"),
)
def rule_for_unknown_host(mesh: Mesh, rule: DestinationRule) -> Iterator[Draft]:
    """The host of a DestinationRule is no Service and no ServiceEntry that its namespace sees: the rule does nothing."""
    if rule.spec.host.startswith("*"):
        return
    name = long_name(mesh, rule.spec.host, rule.namespace)
    found = registered(mesh, name)
    scopes = [rule.namespace if s == "." else s for s in rule.spec.export_to if s != "*"] or [rule.namespace]
    said = {
        "IST0174": not any(sees(mesh, scope, r.origin) for r in found for scope in scopes),
        "KIA0202": not any(sees(mesh, rule.namespace, r.origin) for r in found) and not _is_app(mesh, name, rule.namespace),
    }
    codes = [code for code, says in said.items() if says]
    if codes:
        hidden = f"{found[0].origin.subject}, which has it, is not exported there" if found else ""
        yield fail(
            rule,
            f"{rule.spec.host} is no Service and no ServiceEntry that {rule.namespace} sees",
            at="spec.host",
            why=hidden,
            also=[r.origin for r in found],
            codes=codes,
            lacking=(Service, ServiceEntry),
        )


def _is_app(mesh: Mesh, name: str, namespace: str) -> bool:
    """Whether it is what the workloads of the namespace call themselves."""
    app, _, rest = name.partition(".")
    if not rest.startswith(f"{namespace}.svc."):
        return False
    return any(
        app == w.template.metadata.labels.get(label)
        for kind in WORKLOADS
        for w in mesh[kind].within(namespace)
        for label in APP_LABELS
    ) or any(mesh[Pod].matching(namespace, {label: app}) for label in APP_LABELS)
