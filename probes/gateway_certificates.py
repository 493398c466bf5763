"""The certificates that gateways present: there, valid, and for the right names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from meshdoctor.istio.certificates import of_secret
from meshdoctor.istio.gateways import gateway_pods_of, server_hosts
from meshdoctor.istio.secret_access import refused_secrets, unusable_secret
from meshdoctor.model.cluster import Secret
from meshdoctor.model.envoy import Envoy, LoadedCertificate
from meshdoctor.model.findings import STRONG, Evidence, Severity
from meshdoctor.model.istiod import Istiod
from meshdoctor.model.mesh import USABLE, Mesh
from meshdoctor.model.networking import Gateway, Server
from meshdoctor.model.sources import Source, SourceState, Unseen
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Pod
from probes.registry import Draft, fail, probe, quote

SOON = timedelta(days=14)
WITH_CERTIFICATE = {"SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL", ""}


@probe("CRT-005", over=Gateway, needs=(Gateway, Pod, Secret, Envoy))
def secret_missing(mesh: Mesh, gateway: Gateway) -> Iterator[Draft]:
    """The Secret that a server names does not exist in the namespace of the gateway's pods: handshakes are reset."""
    for i, name, server in _credentials(gateway):
        for namespace in _namespaces(mesh, gateway):
            proof = _absence(mesh, gateway, namespace, name)
            if proof is not None:
                at = f"spec.servers[{i}].tls.credentialName"
                yield fail(
                    gateway,
                    f"Secret {namespace}/{name} of server {server.port.name!r} does not exist",
                    at=at,
                    why=_elsewhere(mesh, namespace, name),
                    evidence=(quote(gateway, at, name), proof),
                    also=(Subject(kind="Secret", namespace=namespace, name=name),),
                    lacking=(Secret,),
                )


def _namespaces(mesh: Mesh, gateway: Gateway) -> list[str]:
    """Where the Secrets of a Gateway must be: with its pods."""
    return sorted({p.namespace for p in gateway_pods_of(mesh, gateway)})


def _credentials(gateway: Gateway) -> Iterator[tuple[int, str, Server]]:
    """The Secrets that servers take their certificate from."""
    for i, server in enumerate(gateway.spec.servers):
        if server.tls is not None and server.tls.mode in WITH_CERTIFICATE:
            for name in server.tls.credentials:
                if "://" not in name:
                    yield i, name, server


def _absence(mesh: Mesh, gateway: Gateway, namespace: str, name: str) -> Evidence | None:
    """Proof that the Secret is not there: the list of Secrets, or, where that is denied, an Envoy that waits for it."""
    command = f"kubectl -n {namespace} get secret {name} -o name"
    try:
        if mesh.secret_exists(namespace, name):
            return None
        return Evidence(f"no Secret {name} in {namespace}", "secrets", "", command)
    except Unseen as denied:
        for pod in gateway_pods_of(mesh, gateway):
            envoy = mesh.envoy(pod) if pod.namespace == namespace else None
            for secret in envoy.secrets if envoy and envoy.has("secrets") else ():
                if secret.name == f"kubernetes://{name}":
                    return _waiting(pod, secret.name) if secret.warming else None
        raise denied


def _waiting(pod: Pod, name: str) -> Evidence:
    where = "config_dump?mask=dynamic_warming_secrets"
    command = f"kubectl -n {pod.namespace} exec {pod.name} -c istio-proxy -- pilot-agent request GET '{where}'"
    return Evidence(f"{pod.namespace}/{pod.name} waits for it", f"Envoy of {pod.namespace}/{pod.name}", name, command)


def _elsewhere(mesh: Mesh, namespace: str, name: str) -> str:
    if mesh.state(Secret) not in USABLE:
        return ""
    found = [s.namespace for s in mesh[Secret] if s.name == name and s.namespace != namespace]
    return f"there is one in {', '.join(found)}, but the gateway's pods run in {namespace}" if found else ""


@probe("CRT-006", over=Gateway, needs=(Gateway, Pod, Secret, Envoy, Istiod))
def secret_expired(mesh: Mesh, gateway: Gateway) -> Iterator[Draft]:
    """The certificate that a server presents has expired, expires within 14 days, or cannot be used at all."""
    unread = []
    yield from _not_taken(mesh, gateway)
    for i, name, _ in _credentials(gateway):
        at = f"spec.servers[{i}].tls.credentialName"
        written = _written(mesh, gateway, name)
        yield from (d for s in written if (d := _unfit(mesh, gateway, s, at)) is not None)
        if not written:
            unread.append((name, at))
    for name, at in unread:  # after the others: it may end with what was not seen
        yield from _useless(mesh, gateway, name, at)
        for pod, leaf in _leaves(mesh, gateway, name):
            words, severity = _validity(mesh, leaf)
            if words:
                yield fail(
                    gateway,
                    f"the certificate of Secret {pod.namespace}/{name} {words}",
                    at=at,
                    evidence=(quote(gateway, at, name), _certificate(pod, leaf, words)),
                    severity=severity,
                    also=(Subject(kind="Secret", namespace=pod.namespace, name=name),),
                    codes=() if severity else None,  # istioctl does not look ahead
                )


def _not_taken(mesh: Mesh, gateway: Gateway) -> Iterator[Draft]:
    """Secrets that istiod cannot use as they are now: a gateway goes on with what it had, until its pods start again."""
    if mesh.state(Secret) not in USABLE:
        return
    for i, name, _ in _credentials(gateway):
        for secret in filter(None, (mesh[Secret].get(n, name) for n in _namespaces(mesh, gateway))):
            refused = unusable_secret(mesh, secret)
            if refused is not None:
                at = f"spec.servers[{i}].tls.credentialName"
                log = f"kubectl -n {refused.istiod.namespace} logs {refused.istiod.name} -c discovery --since=5m | grep {name}"
                yield fail(
                    gateway,
                    f"istiod cannot use {secret.subject}: {refused.why}",
                    at=at,
                    why="A gateway goes on with the certificate that it had before; a pod that starts now has none.",
                    evidence=(
                        quote(gateway, at, name),
                        Evidence("istiod refuses its content", f"log of {refused.istiod.name}", refused.line, log),
                    ),
                    also=(secret,),
                    since=secret.changed,
                )


def _written(mesh: Mesh, gateway: Gateway, name: str) -> list[Secret]:
    """The Secrets of that name that manifests write out, where the gateway looks for them."""
    if mesh.state(Secret) not in USABLE:
        return []
    found = (mesh[Secret].get(namespace, name) for namespace in _namespaces(mesh, gateway))
    return [s for s in found if s is not None and s.entries is not None]


def _unfit(mesh: Mesh, gateway: Gateway, secret: Secret, at: str) -> Draft | None:
    """What is wrong with the certificate that a manifest has; its private key is not looked at."""
    wrong, leaf = of_secret(secret)
    words, severity = (wrong, None) if leaf is None else _validity(mesh, leaf)
    if not words:
        return None
    shown = f"{leaf.subject}, until {leaf.expires:%Y-%m-%d %H:%M}" if leaf and leaf.expires else ", ".join(secret.entries or ())
    return fail(
        gateway,
        f"the certificate of {secret.subject} {words}" if leaf else f"{secret.subject} {words}",
        at=at,
        evidence=(quote(gateway, at, secret.name), Evidence(f"it {words}", str(secret.subject), shown, "")),
        severity=severity,
        also=(secret,),
        codes=() if severity else None,
    )


def _useless(mesh: Mesh, gateway: Gateway, name: str, at: str) -> Iterator[Draft]:
    """The Secret is there, and an Envoy still waits for it: istiod cannot use what is in it.

    Where istiod says that the gateway may not read it, CRT-010 tells so.
    """
    if mesh.state(Secret) not in USABLE:
        return
    for pod in gateway_pods_of(mesh, gateway):
        envoy = mesh.envoy(pod)
        waits = (
            envoy is not None
            and envoy.has("secrets")
            and any(s.warming and s.name == f"kubernetes://{name}" for s in envoy.secrets)
        )
        if waits and mesh.secret_exists(pod.namespace, name) and refused_secrets(mesh, pod) is None:
            yield fail(
                gateway,
                f"Secret {pod.namespace}/{name} exists, but the gateway is not given its certificate",
                at=at,
                evidence=(quote(gateway, at, name), _waiting(pod, f"kubernetes://{name}")),
                confidence=STRONG,
                also=(Subject(kind="Secret", namespace=pod.namespace, name=name),),
            )
            return


def _leaves(mesh: Mesh, gateway: Gateway, name: str) -> tuple[tuple[Pod, LoadedCertificate], ...]:
    """The certificate of that Secret, as the first pod of the gateway that was asked holds it."""
    pods = gateway_pods_of(mesh, gateway)
    asked = [(p, e) for p in pods if (e := mesh.envoy(p)) is not None]
    if pods and not asked:
        raise Unseen(Source(name="secrets of gateways", state=SourceState.SKIPPED, reason="no gateway pod was asked"))
    for pod, envoy in [a for a in asked if a[1].has("secret_certs")] or asked:
        names = {f"kubernetes://{name}", f"kubernetes-gateway://{pod.namespace}/{name}"}
        found = tuple((pod, c) for c in envoy.secret_certificates if c.name in names and c.role == "leaf")
        if found:
            return found
    return ()


def _validity(mesh: Mesh, leaf: LoadedCertificate) -> tuple[str, Severity | None]:
    """What is wrong with its dates: over, not begun, or its end within 14 days."""
    if leaf.valid_from and leaf.valid_from > mesh.now:
        return f"is valid only from {leaf.valid_from:%Y-%m-%d %H:%M}", None
    if leaf.expires is None:
        return "", None
    left = leaf.expires - mesh.now
    if left <= timedelta():
        return f"expired on {leaf.expires:%Y-%m-%d %H:%M}", None
    if left < SOON:
        return f"expires on {leaf.expires:%Y-%m-%d %H:%M}", "high"
    return "", None


def _certificate(pod: Pod, leaf: LoadedCertificate, words: str) -> Evidence:
    where = "config_dump?mask=dynamic_active_secrets"
    command = f"kubectl -n {pod.namespace} exec {pod.name} -c istio-proxy -- pilot-agent request GET '{where}'"
    until = f", until {leaf.expires:%Y-%m-%d %H:%M}" if leaf.expires else ""
    words_of = f"{leaf.name}: {leaf.subject}, SANs {', '.join(leaf.sans) or 'none'}{until}"
    return Evidence(f"it {words}", f"Envoy of {pod.namespace}/{pod.name}", words_of, command)


@probe("CRT-007", over=Gateway, needs=(Gateway, Pod, Envoy))
def certificate_for_other_hosts(mesh: Mesh, gateway: Gateway) -> Iterator[Draft]:
    """The certificate of a server does not cover one of its hosts (RFC 6125: a wildcard stands for one label)."""
    for i, server in enumerate(gateway.spec.servers):
        names = [name for at, name, _ in _credentials(gateway) if at == i]
        leaves = [leaf for name in names for leaf in _leaves(mesh, gateway, name)]
        sans = {s.lower() for _, leaf in leaves for s in leaf.sans}
        lost = [h.name for h in server_hosts(gateway, server) if h.name != "*" and not _covered(h.name, sans)]
        if leaves and lost:
            pod, leaf = leaves[0]
            yield fail(
                gateway,
                f"the certificate of Secret {pod.namespace}/{names[0]} does not cover {', '.join(lost)}",
                at=f"spec.servers[{i}].hosts",
                evidence=(
                    quote(gateway, f"spec.servers[{i}].hosts", list(server.hosts)),
                    _certificate(pod, leaf, f"is for {', '.join(sorted(sans)) or 'no name'}"),
                ),
                also=tuple(Subject(kind="Secret", namespace=pod.namespace, name=n) for n in names),
            )


def _covered(host: str, sans: set[str]) -> bool:
    return host in sans or f"*.{host.partition('.')[2]}" in sans
