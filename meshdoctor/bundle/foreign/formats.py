"""Which tool wrote a bundle, which of its files are read, and the recording they make."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from meshdoctor.bundle.foreign.dumps import dump_answers
from meshdoctor.bundle.foreign.found import Found
from meshdoctor.bundle.foreign.logs import log_answers
from meshdoctor.bundle.foreign.objects import read_objects
from meshdoctor.bundle.recording import Recording
from meshdoctor.bundle.unpack import Notes

# What is large and says nothing of a mesh.
_IGNORED = re.compile(
    r"(?:^|/)(?:host_service_logs|host-collectors|audit_logs|pprof|core\.\d+|etcd_info|network_logs/ovn|monitoring/prometheus/tsdb|"
    r"insights-operator|static-pods|ovn-kubernetes)(?:/|$)|\.(?:png|html|pprof|so|gz|zip|pcap|core|db|tsdb|exe|bin)$"
)
_FORMS = (
    ("istioctl bug-report", re.compile(r"(?:^|/)bug-report/(?:cluster|proxies|istio)/|(?:^|/)bug-report\.log$")),
    ("troubleshoot support bundle", re.compile(r"(?:^|/)cluster-resources/")),
    ("Kiali gather", re.compile(r"(?:^|/)prom-graph-gather|(?:^|/)kiali-")),
    ("must-gather", re.compile(r"(?:^|/)(?:cluster-scoped-resources|namespaces)/[^/]+/")),
)


def is_wanted(path: str) -> bool:
    """Whether a file may say something of a mesh."""
    return _IGNORED.search(path) is None


def form_of(paths: Mapping[str, bytes]) -> str:
    """The tool that wrote these files."""
    return next((name for name, pattern in _FORMS if any(pattern.search(p) for p in paths)), "folder of manifests")


def recording_of(bodies: Mapping[str, bytes], notes: Notes) -> tuple[str, Recording]:
    """The tool's name, and what the files hold. What is not in them is `unseen`, never empty."""
    found = Found()
    for path, body in bodies.items():
        read_objects(found, path, body, notes)
    found.answers.update(log_answers(bodies, found))
    found.answers.update(dump_answers(bodies, found, notes))
    form = form_of(bodies)
    return form, found.recording(form, _moment(found.newest, notes.newest))


def _moment(newest: datetime | None, packed: float) -> datetime:
    """When the files were gathered: when the newest was packed, unless that was long after anything in them happened."""
    at = datetime.fromtimestamp(packed, UTC) if 0 < packed < 4_000_000_000 else None
    if newest is None or at is None:
        return newest or at or datetime.now(UTC)
    return at if newest <= at < newest + timedelta(days=1) else newest
