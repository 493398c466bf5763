"""What can fail between us and the API server, told in one sentence each."""

from __future__ import annotations

import re

from meshdoctor.model.errors import ClusterError


class Denied(ClusterError):
    """A 403: who we are may not do this. `source_reason` says what; `command` settles it by hand."""

    def __init__(self, verb: str, resource: str, namespace: str = "", *, context: str = "", said: str = "") -> None:
        self.verb, self.resource, self.namespace, self.said = verb, resource, namespace, said
        nonresource = resource.startswith("/")
        where = "" if nonresource else (f" in namespace {namespace}" if namespace else " in all namespaces")
        self.source_reason = f"{verb} {resource} is forbidden{where}"
        plural, _, subresource = resource.partition("/") if not nonresource else (resource, "", "")
        words = ["kubectl", "auth", "can-i", verb, plural]
        words += [f"--subresource={subresource}"] if subresource else []
        words += [] if nonresource else (["-n", namespace] if namespace else ["-A"])
        words += [f"--context={context}"] if context else []
        self.command = " ".join(words)
        super().__init__(f"{self.source_reason}.", do=f"Ask for the right, or check with: {self.command}")


class ApiError(ClusterError):
    """Another answer of 400 and above; `status` is its number."""

    def __init__(self, status: int, observed: str) -> None:
        self.status = status
        super().__init__(observed)


class NodeUnreachable(ApiError):
    """The API server has no connection to the kubelet of a pod's node; `said` is why. It holds for all pods of that node."""

    def __init__(self, status: int, observed: str, said: str) -> None:
        self.said = said
        super().__init__(status, observed)


class Unopened(ClusterError):
    """A connection to a pod was asked for and not opened in time: its kubelet or container runtime does not answer."""


class WriteAnswered(ClusterError):
    """The API server's no to a write: `status`, `reason` (its word, e.g. `Conflict`) and `said` (its sentence)."""

    def __init__(self, status: int, reason: str, said: str) -> None:
        self.status, self.reason, self.said = status, reason, said
        super().__init__(f"The API server answered {status}: {said}.")

    @property
    def by_webhook(self) -> bool:
        """Whether an admission webhook refused, or was needed and did not answer."""
        return "admission webhook" in self.said or "failed calling webhook" in self.said

    @property
    def is_final(self) -> bool:
        """Whether nothing was stored for sure: what fails in the server after admission may have been."""
        return (self.status < 500 and self.status != 408) or self.by_webhook


class NotFound(ClusterError):
    """A 404: there is no such object or path."""


class Gone(ClusterError):
    """A 410: the resource version is too old; list again."""


class PodRefused(ClusterError):
    """The pod was reached and its port did not answer."""


class TimeIsUp(ClusterError):
    """It was not answered by the time at which the whole look had to end."""

    def __init__(self) -> None:
        super().__init__("The time for the whole look was up.")


class NoUpgrade(ClusterError):
    """The connection to a pod was answered, but not opened (a proxy without WebSockets, an old API server)."""


RESOURCE = re.compile(
    r"/(?:api/[^/]+|apis/(?P<group>[^/]+)/[^/]+)"
    r"(?:/namespaces/(?P<namespace>[^/]+)(?=/))?/(?P<plural>[^/?]+)(?:/(?P<name>[^/?]+))?(?:/(?P<sub>[^/?]+))?"
)


THROUGH_KUBELET = ("portforward", "exec", "attach", "log")
UNDIALED = re.compile(
    r"error dialing backend: (?P<upgrade>.+)"  # port-forward and exec: whatever follows
    r'|Get "https?://[^"]+/containerLogs/[^"]*": '
    r"(?P<log>(?:dial |proxyconnect |remote error: tls|tls: |x509: |net/http: TLS|No agent).+)"
    r"|(?P<address>no preferred addresses found.*)",
    re.DOTALL,
)
"""How the API server says that it has no connection to a kubelet. A request that was sent and then failed is not among
these: it may be the pod's own doing. Source: k8s.io/apimachinery/pkg/util/proxy, the kubelet client of kube-apiserver."""


def undialed(path: str, said: str) -> str:
    """Why the API server does not reach the kubelet that a request to a pod goes through; empty where it does."""
    resource = RESOURCE.match(path)
    if resource is None or resource["plural"] != "pods" or resource["sub"] not in THROUGH_KUBELET:
        return ""
    found = UNDIALED.match(said)
    return (found["upgrade"] or found["log"] or found["address"]).strip().rstrip(".") if found else ""


def denied_request(path: str, context: str, said: str = "", *, watch: bool = False) -> Denied:
    """The Denied of a GET path: its verb, resource and namespace."""
    match = RESOURCE.match(path)
    if match is None:
        return Denied("get", path.partition("?")[0], context=context, said=said)
    group, namespace, plural, name, sub = match.group("group", "namespace", "plural", "name", "sub")
    resource = f"{plural}.{group}" if group else plural
    verb = "get" if name else ("watch" if watch else "list")
    if sub:
        resource += f"/{sub}"
    if sub in ("portforward", "exec"):
        verb = _asked_verb(said) or "create"
    return Denied(verb, resource, namespace or "", context=context, said=said)


def _asked_verb(said: str) -> str:
    """The verb that the API server's sentence names: for WebSockets it asks for `get`, and since 1.35 also `create`."""
    match = re.search(r"cannot (\w+) resource", said)
    return match[1] if match else ""
