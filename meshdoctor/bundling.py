"""From a client to a bundle in memory: look, judge, ask for more, redact. Commands and the dialog write what comes of it."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from meshdoctor.bundle.contents import trimmed
from meshdoctor.bundle.creating import Content, redacted, write
from meshdoctor.bundle.estimate import Estimate, estimate
from meshdoctor.bundle.manifest import Manifest
from meshdoctor.bundle.recording import Recorder, Recording
from meshdoctor.bundle.redaction.pseudonyms import Pseudonyms
from meshdoctor.bundle.redaction.redactor import Redactor
from meshdoctor.bundle.tiers import WRITING, Tier, ask_more
from meshdoctor.collect.live import Options, collect
from meshdoctor.diagnosis import judge
from meshdoctor.istio.controlplane import control_plane_namespaces
from meshdoctor.istio.workloads import injected_pods, is_gateway
from meshdoctor.kube.client import ApiClient
from meshdoctor.kube.failures import TimeIsUp
from meshdoctor.kube.session import RequestLine
from meshdoctor.model.cluster import Namespace
from meshdoctor.model.findings import Diagnosis, Finding, Status
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import SourceState, Unseen

README = """meshdoctor bundle of {context}, {at:%Y-%m-%d %H:%M:%S} UTC, tier {tier}

{verdict}

meshdoctor diagnose --bundle FILE    the diagnosis again, on any machine
meshdoctor open FILE                 the application on it
meshdoctor serve FILE                a read-only Kubernetes API for kubectl and istioctl

manifest.json        what is here, from where, with checksums; what is not, and why
findings.json        the diagnosis of that moment, {most} findings of one code at most
requests.json        every request that was made, with its status and time
redaction/           what was removed, where, how often
cluster-resources/   objects and logs, as troubleshoot.sh lays them out
mesh/                what istiod and the proxies said
"""
# What each part takes of the whole time, about: where the bar stands when it begins.
READING, ASKING, REMOVING, WRITTEN = 0.0, 0.35, 0.7, 0.95
MOST_FINDINGS = 200  # of one code, in the file for people: who opens a bundle judges its objects anew
Progress = Callable[[str, float], None]
"""Told what is being done, and the share of the whole that is done."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a bundle is asked to hold."""

    tier: Tier
    namespaces: tuple[str, ...] = ()
    istio_namespace: str | None = None
    keep_code: bool = False
    pseudonyms: bool = False


class Looked(msgspec.Struct):
    """One look: what was answered, and what it says."""

    recorder: Recorder
    requests: list[RequestLine]
    mesh: Mesh | None = None
    found: Diagnosis | None = None
    at: datetime | None = None
    context: str = ""
    notes: list[str] = []
    seconds: float = 0.0


async def look(api: ApiClient, looked: Looked, wanted: Wanted, progress: Progress) -> None:
    """Everything that the tier holds, as far as the time allows, into `looked`; `api` records into its recorder."""
    began = time.perf_counter()
    tier = wanted.tier
    looked.context = api.credentials.context
    first = wanted.namespaces[0] if wanted.namespaces else None
    options = Options(namespace=first or api.credentials.namespace or None, istio_namespace=wanted.istio_namespace)
    progress(f"reading objects of {looked.context}", READING)
    seconds = tier.seconds * (1 - WRITING)
    parts = _Parts(progress)
    try:
        with api.within(seconds):
            looked.mesh = await collect(api, options, parts.next)
    except TimeIsUp:
        looked.notes.append(f"The API server did not answer within {seconds:g} s.")
    looked.at = api.now()
    if looked.mesh is not None:
        why = str(TimeIsUp())
        late = sum(s.reason == why for s in looked.mesh.sources)
        looked.notes += [f"Reading was cut off after {seconds:g} s: {late} of its sources had not answered."] if late else []
        looked.found = await asyncio.to_thread(judge, looked.mesh, collect_seconds=time.perf_counter() - began)
        left = seconds - (time.perf_counter() - began)

        def asking(says: str, done: float) -> None:
            progress(says, ASKING + (REMOVING - ASKING) * done)

        said = await ask_more(api, looked.mesh, tier, ranks(looked.mesh, looked.found), left, asking, looked.recorder.answers)
        looked.notes += [said] if said else []
    looked.seconds = time.perf_counter() - began


class _Parts:
    """The steps of a collection: how many there are is not known before, so that each goes half of what is left."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._at = progress, READING

    def next(self, says: str) -> None:
        self._at += (ASKING - self._at) / 4
        self._progress(says, self._at)


def ranks(mesh: Mesh, found: Diagnosis) -> list[str]:
    """Namespaces, worst first: the control plane, those of causes, gateways, those of findings, the rest."""
    ranked: dict[str, None] = {}
    with contextlib.suppress(Unseen):
        ranked |= dict.fromkeys(sorted(control_plane_namespaces(mesh)))
    for cause in found.causes:
        ranked |= dict.fromkeys([cause.subject.namespace, *(w.partition("/")[0] for w in cause.impact.workloads)])
    with contextlib.suppress(Unseen):
        ranked |= dict.fromkeys(p.namespace for p in injected_pods(mesh) if is_gateway(p))
    bad = Counter(f.subject.namespace for f in found.findings if f.status in (Status.FAIL, Status.WARN))
    ranked |= dict.fromkeys(sorted(bad, key=lambda n: (-bad[n], n)))
    if mesh.state(Namespace) is SourceState.LIVE:
        ranked |= dict.fromkeys(n.name for n in mesh[Namespace])
    ranked.pop("", None)
    return list(ranked)


def content(looked: Looked, wanted: Wanted, progress: Progress) -> Content:
    """What was looked at without secrets, ready to be written."""
    redactor = Redactor(keep_code=wanted.keep_code)
    pseudonyms = Pseudonyms() if wanted.pseudonyms else None
    ranked = ranks(looked.mesh, looked.found) if looked.mesh is not None and looked.found is not None else []
    scope = _scope(wanted.namespaces, looked.mesh)
    raw, partial = trimmed(looked.recorder.answers, ranked, scope, wanted.tier.raw)

    def removing(done: int, count: int) -> None:
        progress(f"removing secrets ({done} of {count})", REMOVING + (WRITTEN - REMOVING) * done / max(count, 1))

    answers = redacted(raw, redactor, pseudonyms, removing)
    extras, left = _extras(wanted.tier, looked)
    if partial and not scope:
        looked.notes.append(f"Objects of {len(next(iter(partial.values())))} namespaces only: there was no room for the others.")
    shown = pseudonyms.text if pseudonyms else str
    assert looked.at is not None
    return Content(
        answers=answers,
        redactor=redactor,
        pseudonyms=pseudonyms,
        extras=extras,
        ranks=[shown(n) for n in ranked],
        scope=[shown(n) for n in scope],
        tier=wanted.tier,
        context=looked.context,
        recorded_at=looked.at,
        seconds=looked.seconds,
        sources=looked.mesh.sources if looked.mesh is not None else (),
        notes=[*looked.notes, *left],
        partial={path: tuple(shown(n) for n in names) for path, names in partial.items()},
    )


def _scope(namespaces: Sequence[str], mesh: Mesh | None) -> list[str]:
    """The namespaces that were named, and those without which nothing can be judged: the control plane's and the gateways'."""
    if not namespaces or mesh is None:
        return list(namespaces)
    try:
        needed = {*control_plane_namespaces(mesh), *(p.namespace for p in injected_pods(mesh) if is_gateway(p))}
    except Unseen:
        needed = set()
    return sorted({*namespaces, *needed})


def _extras(tier: Tier, looked: Looked) -> tuple[dict[str, bytes], list[str]]:
    """The files for people, and a sentence where one of them does not tell everything."""
    from meshdoctor.reports import schema, text
    from meshdoctor.reports.shortened import shortened

    found, at = looked.found, looked.at
    verdict = (
        text.diagnosis(found, colour=False, width=100)
        if found is not None
        else "Nothing was judged: the API server did not answer in time."
    )
    requests: list[dict[str, Any]] = [
        {"method": r.method, "path": r.path, "status": r.status, "ms": round(r.ms), "bytes": r.bytes, "at": r.at}
        for r in looked.requests
    ]
    readme = README.format(context=looked.context, at=at, tier=tier.name, verdict=verdict, most=MOST_FINDINGS)
    extras = {"README.md": readme.encode(), "requests.json": msgspec.json.format(msgspec.json.encode(requests), indent=0)}
    if found is None:
        return extras, []
    short = shortened(found, MOST_FINDINGS)
    left = {"findings": short.findings, "causes": short.causes}
    extras["findings.json"] = schema.encode(schema.diagnosis(short.diagnosis) | {"left_out": left}).encode()
    if not short.findings:
        return extras, []
    counted = ", ".join(f"{count} of {code}" for code, count in short.findings.items())
    return extras, [f"findings.json tells {MOST_FINDINGS} findings of one code at most; besides there were {counted}."]


def file_name(made: Content, suffix: str = "") -> str:
    """What the file is called where nobody named it."""
    context = made.pseudonyms.text(made.context) if made.pseudonyms else made.context
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", context).strip("-.")[:60] or "mesh"
    return f"meshdoctor-{safe}-{made.recorded_at:%Y%m%dT%H%M%SZ}.tar.gz{suffix}"


class Made(msgspec.Struct, frozen=True):
    """A bundle that was written."""

    path: Path
    size: int
    manifest: Manifest
    content: Content


Opens = Callable[[str, Recorder, Callable[[RequestLine], None]], AbstractAsyncContextManager[ApiClient]]


class Maker:
    """Makes bundles of a context, by name, as the screens have it. `opens` gives a client that records."""

    def __init__(self, opens: Opens) -> None:
        self._opens = opens

    async def estimate(self, context: str, tier: Tier) -> Estimate:
        """How large and how long, about."""
        async with self._opens(context, Recorder(), lambda line: None) as api:
            return await estimate(api, tier)

    async def look(self, context: str, wanted: Wanted, progress: Progress) -> Looked:
        """Read everything that is wanted."""
        looked = Looked(Recorder(), [])
        async with self._opens(context, looked.recorder, looked.requests.append) as api:
            await look(api, looked, wanted, progress)
        return looked

    @staticmethod
    def write(looked: Looked, wanted: Wanted, path: Path | None, progress: Progress) -> Made:
        """Redact and write: work for a thread. Without a path it is written into the working directory."""
        made = content(looked, wanted, progress)
        progress("writing", WRITTEN)
        target = path or Path.cwd() / file_name(made)
        size, manifest = write(target, made, None)
        return Made(target, size, manifest, made)


async def diagnose_recording(recording: Recording, name: str, namespace: str | None = None) -> Diagnosis:
    """The diagnosis of a recorded mesh."""
    from meshdoctor.bundle.replay import ReplayServer
    from meshdoctor.kube.credentials import Credentials

    async with ReplayServer(recording) as server:
        credentials = Credentials(context=name, cluster=name, server=server.url, user="demo", namespace="default")
        async with ApiClient(credentials) as api:
            mesh = await collect(api, Options(namespace=namespace or "default"), lambda says: None)
    return judge(mesh, namespace=namespace)


def without(these: Diagnosis, those: Diagnosis) -> list[Finding]:
    """Findings of the first that the second has not, and has not as UNKNOWN either."""
    known = {f.id for f in those.findings}
    return [f for f in these.findings if f.id not in known and f.status in (Status.FAIL, Status.WARN)]
