"""One write of one object: how it is sent, and what each way of failing means."""

from __future__ import annotations

from typing import Any, Literal

import httpx
import msgspec

from meshdoctor.kube.consent import MANAGER, Consent
from meshdoctor.kube.failures import WriteAnswered
from meshdoctor.kube.session import Session
from meshdoctor.model.errors import ClusterError, NotTheAPI, Unreachable

Verb = Literal["patch", "create", "delete"]
METHODS: dict[str, str] = {"patch": "PATCH", "create": "POST", "delete": "DELETE"}
TYPES = {"patch": "application/json-patch+json", "create": "application/json", "delete": "application/json"}
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class Write(msgspec.Struct, frozen=True, kw_only=True):
    """A write of one object. `path` is the object's, or the collection's for a create.

    `body` is the JSON patch, the new object, or the DeleteOptions; the precondition is in it.
    """

    verb: Verb
    path: str
    body: Any

    def request(self, *, dry_run: bool) -> tuple[str, str, bytes]:
        """Method, path with query, and body."""
        query, body = f"{'dryRun=All&' if dry_run else ''}fieldManager={MANAGER}", self.body
        if self.verb == "delete":  # of a DELETE with a body the API server reads the options there, and nowhere else
            query = "dryRun=All" if dry_run else ""
            body = {**body, "dryRun": ["All"]} if dry_run else body
        content = msgspec.json.encode(body)
        return METHODS[self.verb], f"{self.path}?{query}" if query else self.path, content

    def consent(self, *, dry_run: bool) -> Consent:
        """Leave for this write. To be made only where the operator gave it."""
        method, path, content = self.request(dry_run=dry_run)
        return Consent(method, path, content, dry_run=dry_run)


class OutcomeUnknown(ClusterError):
    """The request left and no answer told what became of it."""


async def send(session: Session, write: Write, consent: Consent) -> dict[str, Any]:
    """Send a write; the object (or Status) that was answered.

    Raises WriteAnswered where the API server said no, OutcomeUnknown where it may or may not have happened, other
    ClusterErrors where the request surely never arrived.
    """
    method, path, content = write.request(dry_run=consent.dry_run)
    headers = {"Content-Type": TYPES[write.verb]}
    try:
        async with session.gate, session.open(path, method=method, headers=headers, content=content, consent=consent) as response:
            answered = await response.aread()
        return msgspec.json.decode(answered, type=dict[str, Any])
    except WriteAnswered as why:
        if why.is_final:
            raise
        raise OutcomeUnknown(f"{method} {write.path} was sent; the answer was {why.status}: {why.said}.") from why
    except Unreachable as why:
        if isinstance(why.__cause__, NEVER_SENT):
            raise
        raise OutcomeUnknown(f"{method} {write.path} was sent and no answer came: {why.observed}") from why
    except (NotTheAPI, msgspec.DecodeError) as why:
        raise OutcomeUnknown(f"{method} {write.path} was sent; what answered is not the Kubernetes API.") from why
