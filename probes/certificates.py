"""The certificates of the mesh: root, intermediate, workload."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from meshdoctor.istio import accesslog_lookup as log
from meshdoctor.istio.certificates import lifetime, pem_certificates, seconds_left
from meshdoctor.istio.controlplane import planes_seen
from meshdoctor.model.cluster import ConfigMap, Secret
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.findings import Evidence, Severity
from meshdoctor.model.istiod import Istiod
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Source, SourceState, Unseen
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Deployment, Pod
from probes.registry import Draft, fail, probe
from probes.xds import those_asked

SOON = timedelta(days=30).total_seconds()
URGENT = timedelta(days=7).total_seconds()
DAY = 86400
RENEWAL_DUE = 0.25  # of its life: rotation is due at half


def _severity(seconds: float) -> Severity:
    return "critical" if seconds < URGENT else "high"


def _words(seconds: float) -> str:
    return f"ends in {seconds / DAY:.1f} days" if seconds > 0 else f"ended {-seconds / DAY:.1f} days ago"


def authority(mesh: Mesh, namespace: str) -> Subject:
    """The Secret that holds the CA: the plugged-in one where it exists, else istiod's own."""
    try:
        plugged = mesh.secret_exists(namespace, "cacerts")
    except Unseen:
        plugged = False
    return Subject(kind="Secret", namespace=namespace, name="cacerts" if plugged else "istio-ca-secret")


@probe("CRT-001", needs=(ConfigMap, Istiod, Pod, Deployment, Secret))
def root_ends(mesh: Mesh) -> Iterator[Draft]:
    """The mesh's root certificate is expired or ends within 30 days."""
    for namespace in sorted({p.namespace for p in planes_seen(mesh)}):
        found = _root_seconds(mesh, namespace)
        if found is None:
            continue
        seconds, proof = found
        if seconds < SOON:
            says = f"the mesh's root certificate {_words(seconds)}"
            yield fail(authority(mesh, namespace), says, evidence=[proof], severity=_severity(seconds), since=mesh.now)


def _root_seconds(mesh: Mesh, namespace: str) -> tuple[float, Evidence] | None:
    """Seconds until the root ends: by the metric, else by the ConfigMap that every namespace gets."""
    for istiod in mesh.istiods:
        if istiod.namespace == namespace and istiod.has("metrics"):
            seconds = istiod.metric("citadel_server_root_cert_expiry_seconds")
            if seconds is not None:
                command = f"kubectl -n {namespace} get configmap istio-ca-root-cert -o yaml"
                words = f"citadel_server_root_cert_expiry_seconds {seconds:.0f}"
                return seconds, Evidence(_words(seconds), f"/metrics of {istiod.name}", words, command)
    config_map = mesh[ConfigMap].get(namespace, "istio-ca-root-cert")
    roots = pem_certificates(config_map.data.get("root-cert.pem", "").encode()) if config_map else []
    ends = [s for s in (seconds_left(c, mesh.now) for c in roots) if s is not None]
    if not ends or config_map is None:
        return None
    command = f"kubectl -n {namespace} get configmap istio-ca-root-cert -o yaml"
    return max(ends), Evidence(_words(max(ends)), str(config_map.subject), roots[0].subject, command)


@probe("CRT-002", needs=(Istiod, Pod, Deployment, Secret))
def intermediate_ends(mesh: Mesh) -> Iterator[Draft]:
    """istiod's signing chain ends within 30 days (a self-signed CA has none)."""
    told = False
    for istiod in those_asked(mesh, "metrics"):
        seconds = istiod.metric("citadel_server_cert_chain_expiry_seconds")
        if seconds is None:
            continue
        told = True
        if seconds < SOON:
            words = f"citadel_server_cert_chain_expiry_seconds {seconds:.0f}"
            evidence = [Evidence(_words(seconds), f"/metrics of {istiod.name}", words, "")]
            says = f"istiod's signing certificate {_words(seconds)}"
            yield fail(authority(mesh, istiod.namespace), says, evidence=evidence, severity=_severity(seconds), since=mesh.now)
            return
    if not told:
        raise Unseen(Source(name="signing chain", state=SourceState.SKIPPED, reason="the CA is self-signed: there is no chain"))


def _span(seconds: float) -> str:
    """Seconds as hours, or as minutes where they are few."""
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.1f} min"


@probe("CRT-004", needs=(Pod, Envoy))
def workload_certificate_ends(mesh: Mesh) -> Iterator[Draft]:
    """A proxy's own certificate is expired, or past the time at which it should have been renewed."""
    told = set()
    log.must_have(mesh, "certs")
    for envoy in mesh.envoys:
        pod = mesh[Pod].get(envoy.namespace, envoy.name)
        if pod is None or not envoy.has("certs"):
            continue
        for leaf in envoy.certificates:
            seconds, whole = seconds_left(leaf, mesh.now), lifetime(leaf)
            mine = leaf.role == "leaf" and any(s.startswith("spiffe://") for s in leaf.sans)
            if not mine or seconds is None or not whole or seconds >= RENEWAL_DUE * whole or mesh.owner(pod) in told:
                continue
            told.add(mesh.owner(pod))
            left = f"has {_span(seconds)} of {_span(whole)} left" if seconds > 0 else f"expired {_span(-seconds)} ago"
            command = f"istioctl proxy-config secret {pod.name}.{pod.namespace}"
            evidence = [Evidence(left, f"/certs of {pod.name}", f"{', '.join(leaf.sans)} until {leaf.expires}", command)]
            yield fail(
                mesh.owner(pod), f"{pod.name}: certificate {left}, not renewed", evidence=evidence, also=[pod], since=leaf.expires
            )
    for envoy in mesh.envoys:
        if not envoy.has("certs") and not told:
            envoy.part("certs")  # UNKNOWN, not PASS, where a proxy that was asked did not tell
