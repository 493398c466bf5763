"""`meshdoctor bundle create`: look, judge, redact, write one file."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from meshdoctor.bundle.contents import trimmed
from meshdoctor.bundle.creating import Content, measure, redacted, write
from meshdoctor.bundle.draft import NotWritten
from meshdoctor.bundle.manifest import Manifest
from meshdoctor.bundle.recording import Recorder
from meshdoctor.bundle.redaction.pseudonyms import Pseudonyms
from meshdoctor.bundle.redaction.redactor import Redactor
from meshdoctor.bundle.seal import sealer
from meshdoctor.bundle.tiers import TIERS, WRITING, Tier, ask_more
from meshdoctor.collect.live import Options, collect
from meshdoctor.commands.session import Waiting, open_api, run_async
from meshdoctor.diagnosis import judge
from meshdoctor.istio.controlplane import control_plane_namespaces
from meshdoctor.istio.workloads import injected_pods, is_gateway
from meshdoctor.kube.session import RequestLine
from meshdoctor.model.cluster import Namespace
from meshdoctor.model.findings import Diagnosis, Status
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import SourceState, Unseen
from meshdoctor.model.text import plain

README = """meshdoctor bundle of {context}, {at:%Y-%m-%d %H:%M:%S} UTC, tier {tier}

{verdict}

meshdoctor diagnose --bundle FILE    the diagnosis again, on any machine
meshdoctor open FILE                 the application on it
meshdoctor serve FILE                a read-only Kubernetes API for kubectl and istioctl

manifest.json        what is here, from where, with checksums; what is not, and why
findings.json        the diagnosis of that moment
requests.json        every request that was made, with its status and time
redaction/           what was removed, where, how often
cluster-resources/   objects and logs, as troubleshoot.sh lays them out
mesh/                what istiod and the proxies said
"""


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


def run(arguments: argparse.Namespace) -> int:
    """Write the bundle; 0 where there is one."""
    tier = TIERS[arguments.tier]
    seal, suffix = sealer(arguments.encrypt) if arguments.encrypt else (None, "")
    _folder_exists(arguments.file)
    waiting = Waiting(colour=not arguments.no_color)
    try:
        looked = run_async(_look(arguments, tier, waiting))
        waiting("removing secrets")
        content = _content(arguments, tier, looked)
    finally:
        waiting.stop()
    path = Path(arguments.file or _name(content, suffix))
    if arguments.preview:
        size, manifest = measure(content)
        print(_preview(content, manifest, size))
        return 0
    if not _agreed(arguments, content, path):
        return 0
    size, manifest = write(path, content, seal)
    print(_summary(path, size, manifest, content))
    return 0


def _folder_exists(name: str | None) -> None:
    """A folder that is not there is told before the cluster is asked anything."""
    folder = Path(name).parent if name else Path.cwd()
    if not folder.is_dir():
        raise NotWritten(f"There is no folder {folder}.", do="Name another place with -o.")


async def _look(arguments: argparse.Namespace, tier: Tier, waiting: Waiting) -> Looked:
    """Everything that the tier holds, as far as the time allows; what was answered by then is kept."""
    began = time.perf_counter()
    looked = Looked(Recorder(), [])
    arguments.namespace = arguments.namespaces[0] if arguments.namespaces else None
    async with open_api(arguments, None, looked.recorder, looked.requests.append) as api:
        looked.context = api.credentials.context
        options = Options(
            namespace=arguments.namespace or api.credentials.namespace or None, istio_namespace=arguments.istio_namespace
        )
        waiting(f"reading objects of {looked.context}")
        try:
            async with asyncio.timeout(tier.seconds * (1 - WRITING)):
                looked.mesh = await collect(api, options, waiting)
        except TimeoutError:
            looked.notes.append(f"Reading took longer than {tier.seconds * (1 - WRITING):.0f} s and was cut off.")
        looked.at = api.now()
        if looked.mesh is not None:
            looked.found = judge(looked.mesh, collect_seconds=time.perf_counter() - began)
            left = tier.seconds * (1 - WRITING) - (time.perf_counter() - began)
            said = await ask_more(api, looked.mesh, tier, _ranks(looked.mesh, looked.found), left, waiting, looked.recorder.answers)
            looked.notes += [said] if said else []
    looked.seconds = time.perf_counter() - began
    return looked


def _ranks(mesh: Mesh, found: Diagnosis) -> list[str]:
    """Namespaces, worst first: the control plane, those of causes, gateways, those of findings, the rest."""
    ranks: dict[str, None] = {}
    with contextlib.suppress(Unseen):
        ranks |= dict.fromkeys(sorted(control_plane_namespaces(mesh)))
    for cause in found.causes:
        ranks |= dict.fromkeys([cause.subject.namespace, *(w.partition("/")[0] for w in cause.impact.workloads)])
    with contextlib.suppress(Unseen):
        ranks |= dict.fromkeys(p.namespace for p in injected_pods(mesh) if is_gateway(p))
    bad = [f.subject.namespace for f in found.findings if f.status in (Status.FAIL, Status.WARN)]
    ranks |= dict.fromkeys(sorted(set(bad), key=lambda n: (-bad.count(n), n)))
    if mesh.state(Namespace) is SourceState.LIVE:
        ranks |= dict.fromkeys(n.name for n in mesh[Namespace])
    ranks.pop("", None)
    return list(ranks)


def _content(arguments: argparse.Namespace, tier: Tier, looked: Looked) -> Content:
    redactor = Redactor(keep_code=arguments.keep_code)
    pseudonyms = Pseudonyms() if arguments.pseudonyms else None
    ranks = _ranks(looked.mesh, looked.found) if looked.mesh is not None and looked.found is not None else []
    scope = _scope(arguments.namespaces, looked.mesh)
    raw, partial = trimmed(looked.recorder.answers, ranks, scope, tier.raw)
    answers = redacted(raw, redactor, pseudonyms)
    if partial and not scope:
        looked.notes.append(f"Objects of {len(next(iter(partial.values())))} namespaces only: there was no room for the others.")
    shown = pseudonyms.text if pseudonyms else str
    assert looked.at is not None
    return Content(
        answers=answers,
        redactor=redactor,
        pseudonyms=pseudonyms,
        extras=_extras(tier, looked),
        ranks=[shown(n) for n in ranks],
        scope=[shown(n) for n in scope],
        tier=tier,
        context=looked.context,
        recorded_at=looked.at,
        seconds=looked.seconds,
        sources=looked.mesh.sources if looked.mesh is not None else (),
        notes=looked.notes,
        partial={path: tuple(shown(n) for n in names) for path, names in partial.items()},
    )


def _scope(namespaces: list[str], mesh: Mesh | None) -> list[str]:
    """The namespaces that were named, and those without which nothing can be judged: the control plane's and the gateways'."""
    if not namespaces or mesh is None:
        return list(namespaces)
    try:
        needed = {*control_plane_namespaces(mesh), *(p.namespace for p in injected_pods(mesh) if is_gateway(p))}
    except Unseen:
        needed = set()
    return sorted({*namespaces, *needed})


def _extras(tier: Tier, looked: Looked) -> dict[str, bytes]:
    from meshdoctor.reports import schema, text

    found, at = looked.found, looked.at
    verdict = text.diagnosis(found, colour=False, width=100) if found is not None else "Nothing was judged: reading was cut off."
    requests: list[dict[str, Any]] = [
        {"method": r.method, "path": r.path, "status": r.status, "ms": round(r.ms), "bytes": r.bytes, "at": r.at}
        for r in looked.requests
    ]
    extras = {
        "README.md": README.format(context=looked.context, at=at, tier=tier.name, verdict=verdict).encode(),
        "requests.json": msgspec.json.format(msgspec.json.encode(requests), indent=0),
    }
    if found is not None:
        extras["findings.json"] = schema.encode(schema.diagnosis(found)).encode()
    return extras


def _name(content: Content, suffix: str) -> str:
    context = content.pseudonyms.text(content.context) if content.pseudonyms else content.context
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", context).strip("-.")[:60] or "mesh"
    return f"meshdoctor-{safe}-{content.recorded_at:%Y%m%dT%H%M%SZ}.tar.gz{suffix}"


def _agreed(arguments: argparse.Namespace, content: Content, path: Path) -> bool:
    """Say what will be written before it is; on a terminal, ask."""
    raw = sum(len(a.body) for a in content.answers.values())
    removed = sum(content.redactor.marks.counts.values())
    about = f"{len(content.answers)} answers, {_bytes(raw)} before compression; {removed} values removed"
    print(f"{content.tier.name} of {plain(content.context, 80)}: {about}; at most {_bytes(content.tier.bytes)}.", file=sys.stderr)
    if arguments.yes or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    print(f"Write {path}? [Y/n] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("", "y", "yes")


def _preview(content: Content, manifest: Manifest, size: int) -> str:
    """What would be in the file and what was removed, never the values."""
    lines = [
        f"{content.tier.name} of {manifest.context}: {len(manifest.files)} files, {_bytes(size)}. Nothing was written.",
        "",
        "Removed:",
    ]
    by_kind: dict[str, dict[str, int]] = {}
    for (file, kind), count in content.redactor.marks.counts.items():
        by_kind.setdefault(kind, {})[file] = count
    for kind, files in sorted(by_kind.items(), key=lambda each: -sum(each[1].values())):
        lines.append(f"  {sum(files.values()):>6}  {kind}")
        worst = sorted(files.items(), key=lambda each: -each[1])
        lines += [f"          {count:>5}  {file}" for file, count in worst[:4]]
        lines += [f"                 and {len(worst) - 4} more" for _ in worst[4:5]]
    lines += ["", "Files:"]
    groups: dict[str, tuple[int, int]] = {}
    for each in manifest.files:
        top = "/".join(each.path.split("/")[:2])
        count, total = groups.get(top, (0, 0))
        groups[top] = (count + 1, total + each.bytes)
    lines += [f"  {count:>5}  {_bytes(total):>9}  {top}" for top, (count, total) in sorted(groups.items())]
    return "\n".join(plain(line, 300) for line in [*lines, *(f"! {line}" for line in manifest.left_out)])


def _summary(path: Path, size: int, manifest: Manifest, content: Content) -> str:
    removed = ", ".join(f"{count} {kind}" for kind, count in sorted(manifest.redactions.items(), key=lambda each: -each[1]))
    unread = [s for s in manifest.sources if s.state not in (SourceState.LIVE, SourceState.STALE, SourceState.ABSENT)]
    lines = [f"{path}  {_bytes(size)}, {content.seconds:.1f} s", f"removed: {removed or 'nothing'}"]
    lines += [f"! {line}" for line in manifest.left_out]
    lines += [f"? {s.name}: {s.state} {s.reason or ''}" for s in unread[:5]]
    lines += [f"? and {len(unread) - 5} more sources that could not be read" for _ in unread[5:6]]
    return "\n".join(plain(line, 300) for line in lines)


def _bytes(count: int) -> str:
    return f"{count / 1_000_000:.1f} MB" if count >= 1_000_000 else f"{count / 1000:.0f} kB"
