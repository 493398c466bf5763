"""`meshdoctor bundle create`: look, judge, redact, write one file."""

from __future__ import annotations

import argparse
import gc
import sys
from pathlib import Path

from meshdoctor.bundle.creating import Content, measure, write
from meshdoctor.bundle.draft import NotWritten
from meshdoctor.bundle.estimate import estimate
from meshdoctor.bundle.manifest import Manifest
from meshdoctor.bundle.recording import Recorder
from meshdoctor.bundle.seal import sealer
from meshdoctor.bundle.tiers import TIERS
from meshdoctor.bundling import Looked, Wanted, content, file_name, look
from meshdoctor.commands.bar import Bar
from meshdoctor.commands.session import open_api, run_async
from meshdoctor.model.sources import SourceState
from meshdoctor.model.text import plain


def run(arguments: argparse.Namespace) -> int:
    """Write the bundle; 0 where there is one."""
    gc.disable()  # millions of objects are made, and hardly one is let go in a circle: passes over them are wasted
    tier = TIERS[arguments.tier]
    seal, suffix = sealer(arguments.encrypt) if arguments.encrypt else (None, "")
    _folder_exists(arguments.file)
    wanted = Wanted(
        tier=tier,
        namespaces=tuple(arguments.namespaces),
        istio_namespace=arguments.istio_namespace,
        keep_code=arguments.keep_code,
        pseudonyms=arguments.pseudonyms,
    )
    bar = Bar(colour=not arguments.no_color)
    try:
        looked = run_async(_look(arguments, wanted, bar))
        made = content(looked, wanted, bar)
    finally:
        bar.stop()
    path = Path(arguments.file or file_name(made, suffix))
    if arguments.preview:
        size, manifest = measure(made)
        print(_preview(made, manifest, size))
        return 0
    if not _agreed(arguments, made, path):
        return 0
    size, manifest = write(path, made, seal)
    print(_summary(path, size, manifest, made))
    return 0


def _folder_exists(name: str | None) -> None:
    """A folder that is not there is told before the cluster is asked anything."""
    folder = Path(name).parent if name else Path.cwd()
    if not folder.is_dir():
        raise NotWritten(f"There is no folder {folder}.", do="Name another place with -o.")


async def _look(arguments: argparse.Namespace, wanted: Wanted, bar: Bar) -> Looked:
    """Say how large it will be, then read."""
    looked = Looked(Recorder(), [])
    arguments.namespace = wanted.namespaces[0] if wanted.namespaces else None
    async with open_api(arguments, None, looked.recorder, looked.requests.append) as api:
        expected = await estimate(api, wanted.tier)
        looked.recorder.answers.clear()  # counts, not lists
        bar.say(f"{wanted.tier.name} of {plain(api.credentials.context, 80)}: {expected.says}")
        await look(api, looked, wanted, bar)
    return looked


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
