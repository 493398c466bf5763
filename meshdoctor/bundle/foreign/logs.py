"""Container logs in the files of a bundle."""

from __future__ import annotations

import re
from collections.abc import Mapping

from meshdoctor.bundle.archive import Answer
from meshdoctor.bundle.foreign.found import Found

LONGEST = 2_000_000  # bytes of a log: the end counts
_PLACES = (
    re.compile(
        r"(?:^|/)cluster-resources/pods/logs/(?P<ns>[^/]+)/(?P<pod>[^/]+)/(?P<container>[^/]+?)(?P<previous>-previous)?\.log$"
    ),
    re.compile(
        r"(?:^|/)namespaces/(?P<ns>[^/]+)/pods/(?P<pod>[^/]+)/(?P<container>[^/]+)/[^/]+/logs/(?P<which>current|previous)\.log$"
    ),
    re.compile(
        r"(?:^|/)(?:proxies|istio|ztunnel)/(?P<ns>[^/]+)/(?P<pod>[^/]+)/(?P<container>istio-proxy|discovery)(?P<previous>\.prev)?\.log$"
    ),
)


def log_answers(bodies: Mapping[str, bytes], found: Found) -> dict[str, Answer]:
    """The logs as the API server gives them; a must-gather's `istio-proxy` is that of any other tool."""
    answers: dict[str, Answer] = {}
    for path, body in bodies.items():
        match = next((m for p in _PLACES if (m := p.search(path))), None)
        if match is None:
            continue
        told = match.groupdict()
        previous = bool(told.get("previous")) or told.get("which") == "previous"
        name = (
            f"/api/v1/namespaces/{told['ns']}/pods/{told['pod']}/log?container={told['container']}&previous={str(previous).lower()}"
        )
        answers[f"api GET {name}"] = Answer(200, "text/plain", body[-LONGEST:])
        found.inside.add(told["ns"]) if "/namespaces/" in f"/{path}" else None
    return answers
