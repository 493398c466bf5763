"""The one list of calls that are never sent: what would change a proxy, istiod or the cluster. Every transport asks it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from urllib.parse import unquote

from meshdoctor.model.errors import MeshdoctorError

READS = ("GET", "HEAD")

SEGMENTS = frozenset(
    {
        "quitquitquit", "drain_listeners", "drain", "healthcheck", "reset_counters", "runtime_modify", "logging", "cpuprofiler",
        "heapprofiler", "heap_dump", "contention", "tap", "reopen_logs", "force_disconnect", "pprof",
    }
)  # fmt: skip
"""A path with one of these as a segment, anywhere, is refused: no page we read has such a segment."""

SEQUENCES = (
    ("recentlookups", "clear"),
    ("recentlookups", "enable"),
    ("recentlookups", "disable"),
    ("-", "quit"),
    ("-", "reload"),
)
"""Neighbouring segments that change state: Envoy's statistics, Prometheus' lifecycle."""

PARAMETERS = (("adsz", "push"), ("cachez", "clear"))
"""(segment, query parameter) that change istiod: refused whatever the parameter's value."""

DO = "Run it by hand if it is wanted; meshdoctor only reads."

ASKED = re.compile(
    r"/apis/authorization\.k8s\.io/v1/selfsubject(access|rules)reviews|/apis/authentication\.k8s\.io/v1/selfsubjectreviews"
)
"""POSTs that ask and store nothing."""

PODS = re.compile(r"/api/v1/namespaces/[a-z0-9-]+/pods")
"""Where a dry-run create goes, spelt exactly so."""

POD_EXEC = re.compile(r"/api/v1/namespaces/[^/]+/pods/[^/]+/(exec|attach)(/|$)")
PROXIED = re.compile(r"/api/v1/(?:namespaces/[^/]+/(?:pods|services)|nodes)/[^/]+/proxy(/.*)?$")


class Refused(MeshdoctorError):
    """A call that would change state was asked for; it was not sent."""


def refuse(method: str, url_path_with_query: str) -> None:
    """Raise Refused unless this is a read of a pod's port that changes nothing."""
    shown = f"{method} {url_path_with_query}"
    if method.upper() not in READS:
        raise Refused(f"{shown} was not sent: only GET goes to pods.", do=DO)
    path, _, query = _plain(shown, url_path_with_query).partition("?")
    segments = _segments(path)
    names = {re.split(r"=", part, maxsplit=1)[0].strip() for part in re.split(r"[&;?#]", query)}
    # A '?' that was encoded is part of the path to some servers and begins the query to others: both readings are checked.
    refused = SEGMENTS.intersection(segments)
    refused |= {b for a, b in SEQUENCES if (a, b) in pairwise(segments)}
    refused |= {f"{where}?{name}" for where, name in PARAMETERS if where in segments and name in names}
    if refused:
        raise Refused(f"{shown} was not sent: {', '.join(sorted(refused))} changes the state of what answers.", do=DO)


def refuse_exec(command: Sequence[str]) -> None:
    """Raise Refused unless this is `pilot-agent request GET PATH` (or pilot-discovery), optionally with `--debug-port N`."""
    match list(command):
        case ["pilot-agent" | "pilot-discovery", "request", "GET", path]:
            refuse("GET", path)
        case ["pilot-agent" | "pilot-discovery", "request", "--debug-port", port, "GET", path] if port.isascii() and port.isdigit():
            refuse("GET", path)
        case _:
            raise Refused(f"exec of {' '.join(command)!r} was not sent: only `pilot-agent request GET` is.", do=DO)


def refuse_api(method: str, path: str, *, dry_runs: bool = False) -> None:
    """Raise Refused unless the API server is asked to read, to review our own rights, or to connect us to a pod for reading.

    With `dry_runs` a pod may also be created with `dryRun=All`, which stores nothing.
    """
    bare, _, query = path.partition("?")
    while (decoded := unquote(bare)) != bare:
        bare = decoded
    bare = re.sub(r"/+", "/", bare)
    if method == "POST" and (
        ASKED.fullmatch(bare) or (dry_runs and query == "dryRun=All" and PODS.fullmatch(path.partition("?")[0]))
    ):
        return
    if method not in READS:
        raise Refused(f"{method} {path} was not sent: meshdoctor only reads.", do=DO)
    if ".." in bare.split("/"):
        raise Refused(f"{method} {path} was not sent: the path climbs.", do=DO)
    if POD_EXEC.search(bare):
        pairs = [part.partition("=") for part in query.split("&")]
        refuse_exec([unquote(value.replace("+", " ")) for name, _, value in pairs if unquote(name) == "command"])
    elif proxied := PROXIED.search(bare):
        refuse(method, f"{proxied[1] or '/'}?{query}")


def refuse_secret_bodies(path: str, accept: str) -> None:
    """Raise Refused where Secrets would come with their bodies: they are read as metadata only."""
    bare = path.partition("?")[0]
    while (decoded := unquote(bare)) != bare:
        bare = decoded
    found = "secrets" in _segments(bare.casefold())[2:5:2] if bare.casefold().lstrip("/").startswith("api/") else False
    kinds = [part.strip() for part in accept.split(",")]
    if found and not (kinds and all("as=PartialObjectMetadata" in k for k in kinds)):
        raise Refused(
            f"GET {path} was not sent: the bodies of Secrets are never read.", do="kubectl shows them to whoever may see them."
        )


def _plain(shown: str, text: str) -> str:
    """The text as the most lenient server would read it: decoded until nothing changes, one alphabet, one kind of slash."""
    for _ in range(8):
        decoded = unquote(text)
        if decoded == text:
            break
        text = decoded
    else:
        raise Refused(f"{shown} was not sent: it is encoded too many times.", do=DO)
    if any(unicodedata.category(c) in ("Cc", "Cf") for c in text):
        raise Refused(f"{shown!r} was not sent: it has control characters.", do=DO)
    return unicodedata.normalize("NFKC", text).casefold().replace("\\", "/")


def _segments(path: str) -> list[str]:
    return [s for part in re.split(r"[/;?#&]", path) if (s := part.strip().strip(".").strip())]
