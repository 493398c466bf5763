"""Trust between proxies and with the world: roots, verification of servers, certificates that others make."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from meshdoctor.istio import accesslog_lookup as log
from meshdoctor.istio.asking import asked, shown
from meshdoctor.istio.destination import policies_at
from meshdoctor.istio.hosts import service_of
from meshdoctor.istio.routing import destination_rules
from meshdoctor.istio.secret_access import Refused, refused_secrets
from meshdoctor.istio.workloads import asked_pods, by_owner, pods_of
from meshdoctor.model.certmanager import Certificate
from meshdoctor.model.cluster import Secret, Service
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.findings import PROOF, Evidence, Harm
from meshdoctor.model.istiod import Istiod
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import DestinationRule
from meshdoctor.model.prometheus import Prometheus
from meshdoctor.model.sources import Source, SourceState, Unseen
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Pod
from probes.certificates import authority
from probes.registry import Draft, fail, probe, quote

SOON, LATE = timedelta(days=7), timedelta(hours=1)
WANTED = 0.99  # of requests by mutual TLS
NOT_VERIFIED = re.compile(r"CERTIFICATE_VERIFY_FAILED|verify SAN list|CERTIFICATE_UNKNOWN|verify cert failed", re.IGNORECASE)


@probe("CRT-003", needs=(Pod, Envoy, Secret))
def roots_differ(mesh: Mesh) -> Iterator[Draft]:
    """Two groups of proxies trust no common root: neither takes the other's certificate."""
    log.must_have(mesh, "certs")
    roots = _roots(mesh)
    groups = Counter(frozenset(r) for r in roots.values())
    if len(groups) < 2:
        return
    most = groups.most_common(1)[0][0]
    odd = [p for p, serials in roots.items() if not serials & most]
    if odd:
        owners = by_owner(mesh, odd)
        names = ", ".join(str(o) for o in list(owners)[:3])
        pod = odd[0]
        command = f"istioctl proxy-config secret {pod.name}.{pod.namespace}"
        words = f"{pod.name} trusts {', '.join(sorted(roots[pod]))}; most trust {', '.join(sorted(most))}"
        yield fail(
            authority(mesh, mesh.mesh_config.root_namespace),
            f"no root that the others trust is trusted by {len(odd)} of {len(roots)} proxies: {names}",
            evidence=(Evidence("roots of trust by serial number", f"/certs of {pod.name}", words, command),),
            harm=Harm(tuple(f"{o.namespace}/{o.name}" for o in owners)),
            also=(*odd, *owners),
        )


def _roots(mesh: Mesh) -> dict[Pod, frozenset[str]]:
    """The serial numbers of the roots that each proxy that told trusts."""
    found = {}
    for pod, envoy in asked_pods(mesh):
        if not envoy.has("certs"):
            continue
        serials = frozenset(c.serial for c in envoy.certificates if c.role == "ca" and c.serial)
        if serials:
            found[pod] = serials
    return found


@probe("CRT-008", over=Certificate, needs=(Certificate,))
def issuer_does_not_deliver(mesh: Mesh, certificate: Certificate) -> Iterator[Draft]:
    """A Certificate of cert-manager is not ready, is about to end, or should have been renewed an hour ago."""
    status = certificate.status
    ready = next((c for c in status.conditions if c.type == "Ready"), None)
    issuing = next((c for c in status.conditions if c.type == "Issuing" and c.status == "True"), None)
    why = ""
    if ready is not None and ready.status != "True":
        why = f"it is not ready: {ready.message or ready.reason}"
    elif status.not_after and status.not_after - mesh.now < SOON:
        why = f"it ends on {status.not_after:%Y-%m-%d %H:%M}"
    elif status.renewal_time and mesh.now - status.renewal_time > LATE:
        why = f"it was to be renewed on {status.renewal_time:%Y-%m-%d %H:%M}"
    if why:
        secret = Subject(kind="Secret", namespace=certificate.namespace, name=certificate.spec.secret_name)
        yield fail(
            certificate,
            why,
            at="status.conditions",
            why=issuing.message if issuing else "",
            evidence=(quote(certificate, "status.conditions", why),),
            also=(secret,),
            since=ready.last_transition_time if ready and ready.status != "True" else None,
        )


@probe("CRT-009", needs=(DestinationRule, Service, Pod, Envoy))
def server_not_believed(mesh: Mesh) -> Iterator[Draft]:
    """Clients refuse the certificate of a server: its names or its issuer are not what they were told to expect."""
    log.must_have(mesh, "logs")
    refused = log.still_failing(log.chosen(log.lines(mesh), lambda x: x.is_outbound), _is_unverified)
    by_host: dict[str, list[log.Line]] = {}
    for line in refused:
        if line.upstream.host:
            by_host.setdefault(line.upstream.host, []).append(line)
    for host, lines in by_host.items():
        service = service_of(mesh, host, "")
        client, up = lines[0].pod.namespace, lines[0].upstream
        rules = destination_rules(mesh, host, client, (service.namespace,) if service else ())
        found = next(((r, at) for r in rules for at in _expectations(r, up.subset, up.port)), None)
        newer = log.newer(lines, found[0].changed) if found else tuple(lines)
        if not newer:
            continue
        pods = pods_of(mesh, service) if service else ()
        subject = found[0].subject if found else next(iter(by_owner(mesh, pods)), None) or mesh.owner(lines[0].pod)
        says = f"clients do not believe the certificate of {host}"
        yield fail(
            subject,
            says + (f": {found[0].subject} tells them what to expect" if found else ""),
            at=found[1] if found else "",
            evidence=(*((quote(found[0], found[1]),) if found else ()), *log.shown(mesh, newer)),
            harm=log.harm(mesh, newer),
            also=(*((service,) if service else ()), *by_owner(mesh, pods), *log.clients(mesh, newer)),
        )


def _is_unverified(line: log.Line) -> bool:
    return bool(line.flags & {"UF", "URX"}) and bool(NOT_VERIFIED.search(line.entry.transport_failure))


def _expectations(rule: DestinationRule, subset: str, port: int) -> Iterator[str]:
    """Where a rule says which names or issuers a server must have."""
    chosen = next((s for s in rule.spec.subsets if s.name == subset), None)
    for at, policy in policies_at(rule, chosen, port):
        if policy.tls and (policy.tls.subject_alt_names or policy.tls.ca_certificates):
            yield f"{at}.tls.subjectAltNames" if policy.tls.subject_alt_names else f"{at}.tls.caCertificates"


@probe("CRT-010", needs=(Pod, Envoy, Secret, Istiod))
def secret_not_delivered(mesh: Mesh) -> Iterator[Draft]:
    """A gateway waits for a Secret that exists: istiod does not deliver it."""
    log.must_have(mesh, "secrets")
    for envoy in mesh.envoys:
        pod = mesh[Pod].get(envoy.namespace, envoy.name)
        waits = [s.name for s in envoy.secrets if s.warming] if pod is not None and envoy.has("secrets") else []
        for name in waits:
            plain = name.removeprefix("kubernetes://").removesuffix("-cacert")
            if pod is None or "://" in plain or not mesh.secret_exists(pod.namespace, plain):
                continue
            refused = refused_secrets(mesh, pod)
            says = f"{pod.name} waits for {name}, which exists: istiod may not read it, or cannot use what is in it"
            if refused is not None:
                says = f"istiod does not give {pod.name} the Secret {plain}: {refused.why}"
            secret = Subject(kind="Secret", namespace=pod.namespace, name=plain)
            harm = Harm((f"{pod.namespace}/{mesh.owner(pod).name}",)) if refused else None
            evidence = (_waits_for(pod, name), *_refusal(refused))
            certain = PROOF if refused else None
            yield fail(mesh.owner(pod), says, at=name, evidence=evidence, also=(secret, pod), harm=harm, confidence=certain)


def _waits_for(pod: Pod, name: str) -> Evidence:
    words = "config_dump?mask=dynamic_warming_secrets"
    command = f"kubectl -n {pod.namespace} exec {pod.name} -c istio-proxy -- pilot-agent request GET '{words}'"
    return Evidence(f"{pod.name} waits for {name}", f"Envoy of {pod.namespace}/{pod.name}", name, command)


def _refusal(refused: Refused | None) -> Iterator[Evidence]:
    if refused is not None:
        istiod = refused.istiod
        command = f"kubectl -n {istiod.namespace} logs {istiod.name} -c discovery --since=5m | grep unauthorized"
        yield Evidence("istiod refuses it", f"log of {istiod.name}", refused.line, command)


@probe("MTL-006", needs=(Prometheus,))
def coverage_below_target(mesh: Mesh) -> Iterator[Draft]:
    """Less than 99 % of the requests of the last hour were by mutual TLS, by what servers counted."""
    shares = {s.labels.get("connection_security_policy", ""): s.value for s in asked(mesh, "security")}
    total = sum(shares.values())
    if not total:
        raise Unseen(Source(name="traffic", state=SourceState.SKIPPED, reason="no request was counted in the last hour"))
    share = shares.get("mutual_tls", 0.0) / total
    if share < WANTED:
        edges = [s.labels for s in asked(mesh, "plain")]
        callers = ", ".join(f"{e.get('source_workload')} to {e.get('destination_workload')}" for e in edges) or "callers unknown"
        subject = Subject(kind="Namespace", name=mesh.mesh_config.root_namespace)
        if edges:
            subject = Subject(kind="Namespace", name=edges[0].get("destination_workload_namespace", "") or subject.name)
        says = f"{share:.1%} of requests are by mutual TLS, less than {WANTED:.0%}; plain text: {callers}"
        yield fail(subject, says, evidence=(shown(mesh, "security", f"mutual_tls {share:.4f}"),))
