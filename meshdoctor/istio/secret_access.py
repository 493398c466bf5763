"""What istiod's log says of Secrets that it does not give to proxies: refused to the proxy, or of no use."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime

import msgspec

from meshdoctor.istio.gateways import gateway_pods_of
from meshdoctor.model.cluster import Secret
from meshdoctor.model.istiod import Istiod
from meshdoctor.model.mesh import USABLE, Mesh
from meshdoctor.model.networking import ClientTLSSettings, DestinationRule, Gateway
from meshdoctor.model.workloads import Pod

WITH_CLIENTS = {"MUTUAL", "OPTIONAL_MUTUAL"}  # servers that ask clients for a certificate: they need a CA too

# Source: istio, pilot/pkg/xds/sds.go.
_UNAUTHORIZED = re.compile(r"proxy (?P<proxy>\S+) attempted to access unauthorized certificates (?P<names>[^:]+):\s*(?P<why>.*)")
_UNUSABLE = re.compile(
    r"(?:invalid certificates:.*?|failed to fetch (?:key and|ca) certificate for )"
    r"\"?kubernetes://(?P<name>[^\"\s]+?)(?P<ca>-cacert)?\"?: (?P<why>.*)"
)
_ELSEWHERE = re.compile("not found|expired")  # told by other rules, from Secrets and from certificates in use


class Refused(msgspec.Struct, frozen=True):
    """One refusal, as a replica of istiod logged it."""

    istiod: Istiod
    line: str
    why: str


def refused_secrets(mesh: Mesh, pod: Pod) -> Refused | None:
    """The last refusal within the log that was read; None where there is none, which is no proof of the right."""
    found: dict[str, Refused] | None = mesh.memo.get("refused_secrets")
    if found is None:
        found = mesh.memo["refused_secrets"] = {}
        for istiod in mesh.istiods:
            for _, line in istiod.log if istiod.has("log") else ():
                match = _UNAUTHORIZED.search(line)
                if match:
                    found[match["proxy"]] = Refused(istiod, line, match["why"].strip().rstrip(":"))
    return found.get(f"{pod.name}.{pod.namespace}")


def unusable_secret(mesh: Mesh, secret: Secret, *, since: datetime | None, ca: bool) -> Refused | None:
    """What istiod said of a Secret's certificate, or with `ca` of its CA for clients, since then; None where it said nothing.

    Its log gives no namespace: of Secrets with one name it does not say which is meant. One that has expired is sent and
    taken all the same, so that the proxies tell it.
    """
    if _names(mesh)[secret.name] > 1 or since is None:
        return None
    found = _unusable(mesh).get((secret.name, ca), ())
    return next((refused for time, refused in found if time >= since), None)


def _names(mesh: Mesh) -> Counter[str]:
    """How many Secrets have a name, whatever their namespaces."""
    found: Counter[str] | None = mesh.memo.get("secret_names")
    if found is None:
        found = mesh.memo["secret_names"] = Counter(s.name for s in mesh[Secret])
    return found


def _unusable(mesh: Mesh) -> dict[tuple[str, bool], list[tuple[datetime, Refused]]]:
    """The lines of all replicas' logs on Secrets of no use, with their times: by the Secret's name, and whether its CA is meant."""
    found: dict[tuple[str, bool], list[tuple[datetime, Refused]]] | None = mesh.memo.get("unusable_secrets")
    if found is None:
        found = mesh.memo["unusable_secrets"] = {}
        for istiod in mesh.istiods:
            for time, line in istiod.log if istiod.has("log") else ():
                match = _UNUSABLE.search(line)
                if match and time is not None and not _ELSEWHERE.search(match["why"]):
                    refused = Refused(istiod, line, match["why"].strip())
                    found.setdefault((match["name"], bool(match["ca"])), []).append((time, refused))
    return found


def asks_for(mesh: Mesh, pod: Pod, resource: str) -> bool:
    """Whether a Gateway or a DestinationRule names a Secret for a proxy now: an Envoy waits a while for what nobody asks for."""
    if mesh.state(Gateway) not in USABLE or mesh.state(DestinationRule) not in USABLE:
        return True
    plain = resource.removeprefix("kubernetes://")
    servers = [s.tls for g in mesh[Gateway] if pod in gateway_pods_of(mesh, g) for s in g.spec.servers if s.tls]
    names = {n for tls in servers for n in tls.credentials}
    names |= {f"{n}-cacert" for tls in servers if tls.mode in WITH_CLIENTS for n in tls.credentials}
    rules = {tls.credential_name for r in mesh[DestinationRule] for tls in _tls_of(r) if tls is not None}
    return plain in names or plain.removesuffix("-cacert") in rules


def _tls_of(rule: DestinationRule) -> Iterator[ClientTLSSettings | None]:
    for policy in (rule.spec.traffic_policy, *(s.traffic_policy for s in rule.spec.subsets)):
        if policy is not None:
            yield policy.tls
            yield from (p.tls for p in policy.port_level_settings)
