"""Whether the namespace is enrolled, by whom, and whether its pods are in."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.injection import AMBIENT, NAMESPACE_LABEL, REVISION, would_inject
from meshdoctor.istio.workloads import by_owner, is_in_mesh, revision_of
from meshdoctor.model.findings import Evidence
from meshdoctor.model.text import counted
from meshdoctor.onboarding.exemption import ANNOTATION, exemption, expired
from meshdoctor.onboarding.outcome import Outcome, breaks, holds, remarks, skips
from meshdoctor.onboarding.registry import check
from meshdoctor.onboarding.scope import Scope
from probes.registry import get, quote
from probes.webhooks import has_ready_endpoint, service_of

LABELS = (NAMESPACE_LABEL, REVISION, AMBIENT)
INJECTORS = "kubectl get mutatingwebhookconfigurations -l app=sidecar-injector --show-labels"


@check(
    "1",
    "Exactly one enrolment label",
    weight="blocking",
    problems=("INJ-001", "INJ-004"),
    codes=("MD5274",),
    do=f"Keep one of {NAMESPACE_LABEL}, {REVISION} and {AMBIENT}=ambient; {NAMESPACE_LABEL}=disabled says that it stays out.",
    before=True,
)
def one_label(scope: Scope) -> Iterator[Outcome]:
    """One label says whether the namespace is in the mesh, and by which revision."""
    said = {k: v for k, v in scope.labels.items() if k in LABELS}
    shown = quote(scope.namespace, "metadata.labels", said or dict(scope.labels))
    exempt, over = exemption(scope.mesh, scope.namespace), expired(scope.mesh, scope.namespace)
    if over is not None:
        yield remarks(f"its exemption ended on {over.until}: {over.reason}", quote(scope.namespace, over.at))
    if exempt is not None and exempt.flaw:
        yield remarks(f"its exemption by {ANNOTATION} has a flaw: {exempt.flaw}", quote(scope.namespace, exempt.at))
    if exempt is not None:
        yield holds(f"exempt: {exempt.reason}", shown)
    elif len(said) > 1:
        yield breaks(f"{len(said)} labels speak of enrolment: {_pairs(said)}", shown, problem="INJ-004")
    elif said:
        yield holds(_pairs(said), shown)
    elif scope.injectors:
        yield remarks("no label: it is in because the injector takes namespaces that say nothing", shown)
    elif scope.is_enrolled:
        yield remarks("no label: single workloads ask for a sidecar themselves", shown)
    else:
        yield remarks("no label says whether it belongs to the mesh", shown)


def _pairs(labels: dict[str, str]) -> str:
    return ", ".join(f"{k}={v}" for k, v in sorted(labels.items()))


@check(
    "2",
    "Label resolves to a live revision",
    weight="blocking",
    problems=("INJ-005",),
    do="Name a revision or tag that has an injection webhook, and see that its istiod is ready.",
)
def live_revision(scope: Scope) -> Iterator[Outcome]:
    """Exactly one webhook injects its pods, and the Service that it calls has ready endpoints."""
    if scope.is_ambient and not scope.injectors:
        yield skips("ambient mode: no webhook injects its pods")
        return
    if not scope.asks and not scope.injectors:
        lasting = {p.name for p in scope.sidecars if would_inject(scope.mesh, scope.name, p)}
        losing = [p for p in scope.sidecars if p.name not in lasting]
        if losing:
            shown = Evidence("what new pods get", f"Namespace {scope.name}", "no sidecar", get(scope.namespace))
            yield breaks(f"{counted(len(losing), 'pod')} with a sidecar that a new pod would not get", shown, problem="INJ-001")
        else:
            yield skips("its labels ask for no revision: single workloads ask for themselves")
        return
    if not scope.injectors:
        yield breaks("no injection webhook takes its pods", quote(scope.namespace, "metadata.labels", dict(scope.labels)))
    if len(scope.injectors) > 1:
        names = ", ".join(i.configuration.name for i in scope.injectors)
        says = f"{len(scope.injectors)} webhooks inject its pods: {names}"
        yield breaks(says, Evidence(says, "MutatingWebhookConfigurations", names, INJECTORS), problem="INJ-011")
    for injector in scope.injectors:
        service = service_of(scope.mesh, injector.webhook)
        shown = quote(injector.configuration, f"webhooks[{injector.webhook.name}]")
        if injector.webhook.client_config.url:
            yield holds(f"revision {injector.revision} injects, from outside this cluster", shown)
        elif service is None or not has_ready_endpoint(scope.mesh, service):
            yield breaks(f"nobody answers for revision {injector.revision}", shown, problem="INJ-006")
        else:
            yield holds(f"revision {injector.revision} injects; {service.subject} has ready endpoints", shown)


@check(
    "3",
    "All eligible pods are in the mesh",
    weight="blocking",
    problems=("INJ-002", "INJ-003"),
    codes=("MD5275",),
    do="Restart the workloads that are left: kubectl rollout restart; register what opts out with a reason.",
)
def all_pods_injected(scope: Scope) -> Iterator[Outcome]:
    """Every live pod is in the mesh but those that opt out or use the host's network."""
    eligible = [p for p in scope.pods if scope.eligible(p) and (scope.is_enrolled or p.proxy)]
    inside = [p for p in eligible if is_in_mesh(p)]
    command = f"kubectl -n {scope.name} get pods -o custom-columns=POD:.metadata.name,CONTAINERS:.spec.containers[*].name"
    if not eligible:
        yield skips("no pod of it runs that could be in the mesh")
        return
    share = Evidence("pods in the mesh", f"pods of {scope.name}", f"{len(inside)} of {len(eligible)}", command)
    if len(inside) == len(eligible):
        left = len(scope.pods) - len(eligible)
        yield holds(f"{len(inside)} of {len(eligible)} pods are in the mesh" + (f", {left} opt out" if left else ""), share)
        return
    bare = by_owner(scope.mesh, (p for p in eligible if not is_in_mesh(p)))
    names = ", ".join(f"{s.kind} {s.name}" for s in bare)
    lacking = [Evidence(f"{pods[0].name} is not in the mesh", str(s), "", get(pods[0])) for s, pods in bare.items()]
    yield breaks(f"{len(inside)} of {len(eligible)} pods are in the mesh; not {names}", share, *lacking[:3], problem="INJ-002")


@check(
    "4",
    "One revision, the wanted one",
    weight="blocking",
    problems=("UP-001",),
    demands=("UP-001",),
    do="Restart the workloads that another revision injected.",
)
def one_revision(scope: Scope) -> Iterator[Outcome]:
    """All its proxies come from the revision that would inject them today."""
    if not scope.proxies:
        yield skips("no pod of it has a proxy")
        return
    by_revision: dict[str, list[str]] = {}
    for pod in scope.proxies:
        by_revision.setdefault(revision_of(pod), []).append(pod.name)
    says = ", ".join(f"{revision}: {len(names)} pods" for revision, names in sorted(by_revision.items()))
    command = f"kubectl -n {scope.name} get pods -o custom-columns=POD:.metadata.name,REV:.metadata.annotations.istio\\.io/rev"
    shown = Evidence("revisions of its proxies", f"pods of {scope.name}", says, command)
    yield holds(says, shown)
