"""Leave to write: without a Consent for this very request, nothing that changes the cluster leaves this process."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import parse_qs

import msgspec

from meshdoctor.model.errors import MeshdoctorError

MANAGER = "meshdoctor"  # the field manager of everything we write

PATCH, CREATE, DELETE = frozenset({"PATCH"}), frozenset({"PATCH", "POST"}), frozenset({"PATCH", "POST", "DELETE"})
WRITABLE: dict[str, dict[str, frozenset[str]]] = {
    "": {"namespaces": PATCH, "services": PATCH, "resourcequotas": PATCH, "pods": frozenset({"DELETE"})},
    "apps": {"deployments": PATCH, "statefulsets": PATCH, "daemonsets": PATCH},
    "batch": {"cronjobs": PATCH},
    "autoscaling": {"horizontalpodautoscalers": PATCH},
    "policy": {"poddisruptionbudgets": CREATE},
    "networking.k8s.io": {"networkpolicies": DELETE},
    "admissionregistration.k8s.io": dict.fromkeys(("mutatingwebhookconfigurations", "validatingwebhookconfigurations"), DELETE),
}
"""What may be written at all, and how. An undo of a creation deletes, an undo of a deletion creates."""

OPEN_GROUPS = (
    *("networking.istio.io", "security.istio.io", "telemetry.istio.io", "extensions.istio.io"),
    "gateway.networking.k8s.io",
)
"""Groups whose every kind may be patched, created and deleted."""

OBJECT = re.compile(
    r"/(?:api/v1|apis/(?P<group>[a-z0-9.-]+)/v[a-z0-9]+)"
    r"(?:/namespaces/(?P<namespace>[a-z0-9-]+)(?=/))?/(?P<plural>[a-z]+)(?:/(?P<name>[a-z0-9.-]+))?"
)


class NoConsent(MeshdoctorError):
    """A request that would write was asked for without leave, or with leave for another; it was not sent."""


class Consent:
    """Leave to send one request, once. `dry_run` leave never covers a request that would store something."""

    def __init__(self, method: str, path: str, body: bytes, *, dry_run: bool) -> None:
        self.method, self.path, self.dry_run = method, path, dry_run
        self._digest = hashlib.sha256(body).digest()
        self._spent = False

    def check(self, method: str, path: str, body: bytes | None) -> None:
        """Raise NoConsent unless this is the request that leave was given for, of a kind that may be written, and the first."""
        shown = f"{method} {path}"
        given = (self.method, self.path, self._digest)
        if given != (method, path, hashlib.sha256(body or b"").digest()):
            raise NoConsent(f"{shown} was not sent: leave was given for {self.method} {self.path}.")
        if self._spent:
            raise NoConsent(f"{shown} was not sent: its leave was used already.")
        bare, _, query = path.partition("?")
        named = parse_qs(query, keep_blank_values=True)
        in_body = method != "DELETE" or _asks_for_trial(body)  # there the query's word counts for nothing
        is_trial = named.get("dryRun") == ["All"] and in_body
        if is_trial is not self.dry_run or set(named) - {"dryRun", "fieldManager"}:
            raise NoConsent(f"{shown} was not sent: it is not what leave for a {'dry run' if self.dry_run else 'write'} covers.")
        if not writable(method, bare):
            raise NoConsent(f"{shown} was not sent: meshdoctor never writes that.")

    def spend(self) -> None:
        """The request is on its way."""
        self._spent = True


def _asks_for_trial(body: bytes | None) -> bool:
    """Whether the DeleteOptions ask for a dry run."""
    try:
        options = msgspec.json.decode(body or b"{}")
    except msgspec.DecodeError:
        return False
    return isinstance(options, dict) and options.get("dryRun") == ["All"]


def writable(method: str, path: str) -> bool:
    """Whether this kind of write of this kind of object is among those that any fix may do."""
    match = OBJECT.fullmatch(path)
    if match is None or (method == "POST") is (match["name"] is not None):
        return False
    group = match["group"] or ""
    allowed = DELETE if group in OPEN_GROUPS else WRITABLE.get(group, {}).get(match["plural"], frozenset())
    return method in allowed
