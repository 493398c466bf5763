"""JSON web tokens: whether proxies have the keys to verify them."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.authorization.scope import covered
from meshdoctor.istio.workloads import services_of
from meshdoctor.model.cluster import Service
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.findings import Evidence, Harm
from meshdoctor.model.istiod import Istiod
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.security import RequestAuthentication
from meshdoctor.model.workloads import Deployment, Pod
from probes.registry import Draft, fail, probe, quote

# istiod hands out a key of its own when it cannot fetch the issuer's: no token verifies against it.
# Source: istio, pilot/pkg/model/jwks_resolver.go (FakeJwks of older releases, the public-only key since).
STAND_INS = ("RXJyb3ItSXN0aW9kRmFpbGVk", "0xObjM0UvS_oaazj")


@probe("JWT-001", over=RequestAuthentication, needs=(RequestAuthentication, Pod, Envoy, Istiod, Service))
def keys_not_fetched(mesh: Mesh, policy: RequestAuthentication) -> Iterator[Draft]:
    """istiod could not fetch an issuer's keys: proxies hold its stand-in key and refuse every token."""
    issuers = {r.issuer: r for r in policy.spec.jwt_rules if not r.jwks}
    for pod in covered(mesh, policy):
        envoy = mesh.envoy(pod)
        if envoy is None or not envoy.has("jwks"):
            continue
        for issuer, keys in envoy.jwks.items():
            rule = issuers.get(issuer)
            if rule is None or not any(key in keys for key in STAND_INS):
                continue
            command = f"istioctl proxy-config listener {pod.name}.{pod.namespace} --port 15006 -o json"
            evidence = [
                Evidence(
                    f"{pod.name} verifies {issuer} with istiod's stand-in key", f"listener of {pod.name}", keys[:120], command
                ),
                quote(policy, "spec.jwtRules.jwksUri", rule.jwks_uri or f"{issuer}/.well-known/openid-configuration"),
                *_counted(mesh),
            ]
            source = rule.jwks_uri or "its discovery document"
            says = f"the keys of {issuer} could not be fetched from {source}: every token is refused"
            harm = _refused(mesh, pod)
            yield fail(
                policy, says, at="spec.jwtRules", evidence=evidence, harm=harm, also=[mesh.owner(pod), *services_of(mesh, pod)]
            )
            return


def _counted(mesh: Mesh) -> list[Evidence]:
    for istiod in mesh.istiods:
        failed = istiod.metric("pilot_jwks_resolver_network_fetch_fail_total") if istiod.has("metrics") else None
        if failed:
            words = f"pilot_jwks_resolver_network_fetch_fail_total {failed:.0f}"
            return [Evidence("istiod counts failed fetches", f"/metrics of {istiod.name}", words, "")]
    return []


def _refused(mesh: Mesh, pod: Pod) -> Harm | None:
    envoy = mesh.envoy(pod)
    if envoy is None or not envoy.has("logs"):
        return None
    entries = [e for e in envoy.logs.access if e.code in (401, 403) and "jwt_authn_access_denied" in e.details]
    return Harm((), round(len(entries) / envoy.logs.window_s, 2)) if entries else None


BLOCKED = "BLOCKED_CIDRS_IN_JWKS_URIS"


@probe(
    "MD5034",
    over=Deployment,
    needs=(Deployment, RequestAuthentication),
    title="istiod fetches token keys from any address",
    codes=("IST0175",),
    severity="info",
)
def any_address_for_keys(mesh: Mesh, istiod: Deployment) -> Iterator[Draft]:
    """RequestAuthentications make istiod fetch keys, and nothing keeps it from addresses inside the network."""
    if istiod.labels.get("app") != "istiod":
        return
    some = [p.name for p in mesh[RequestAuthentication]]
    limited = any(e.name == BLOCKED and e.value for c in istiod.template.spec.containers for e in c.env)
    if some and not limited:
        says = f"does not set {BLOCKED}, and fetches keys for {len(some)} RequestAuthentications ({', '.join(some[:3])})"
        yield fail(istiod, says, at="spec.template.spec.containers")
