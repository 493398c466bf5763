"""What events say of calls to the injection webhook that nobody answered."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from meshdoctor.model.cluster import Event
from meshdoctor.model.findings import Evidence
from meshdoctor.model.mesh import USABLE, Mesh

RECENT = timedelta(minutes=2)
UNANSWERED = re.compile(
    r"failed calling webhook .*istio.*(i/o timeout|deadline exceeded|connection refused|Service Unavailable|no route to host)"
)


def unanswered(mesh: Mesh, since: datetime) -> list[Evidence]:
    """The newest event of the last two minutes, and after a moment, in which the API server did not reach a webhook."""
    if mesh.state(Event) not in USABLE:
        return []
    since = max(since, mesh.now - RECENT)
    found = [e for e in mesh[Event] if e.last_seen and e.last_seen > since and UNANSWERED.search(e.message)]
    found.sort(key=lambda e: e.last_seen or since)
    return [
        Evidence(f"event {e.reason}", f"Event {e.namespace}", e.message, f"kubectl -n {e.namespace} get events") for e in found[-1:]
    ]
