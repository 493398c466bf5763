"""What istiod's log says of Secrets that it does not give to proxies: refused to the proxy, or of no use."""

from __future__ import annotations

import re

import msgspec

from meshdoctor.model.cluster import Secret
from meshdoctor.model.istiod import Istiod
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.workloads import Pod

# Source: istio, pilot/pkg/xds/sds.go.
_UNAUTHORIZED = re.compile(r"proxy (?P<proxy>\S+) attempted to access unauthorized certificates (?P<names>[^:]+):\s*(?P<why>.*)")
_UNUSABLE = re.compile(
    r"(?:invalid certificates:.*?|failed to fetch key and certificate for )"
    r"\"?kubernetes://(?P<name>[^\"\s]+?)(?:-cacert)?\"?: (?P<why>.*)"
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


def unusable_secret(mesh: Mesh, secret: Secret) -> Refused | None:
    """What istiod said of a Secret's content since it was last written; None where it said nothing of it.

    Its log gives no namespace: of Secrets with one name it does not say which is meant. One that has expired is sent and
    taken all the same, so that the proxies tell it.
    """
    if sum(s.name == secret.name for s in mesh[Secret]) > 1:
        return None
    for istiod in mesh.istiods:
        for time, line in istiod.log if istiod.has("log") else ():
            match = _UNUSABLE.search(line)
            newer = time is not None and secret.changed is not None and time >= secret.changed
            if match and newer and match["name"] == secret.name and not _ELSEWHERE.search(match["why"]):
                return Refused(istiod, line, match["why"].strip())
    return None
