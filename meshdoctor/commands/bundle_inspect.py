"""`meshdoctor bundle inspect FILE`: what is in it, what is not, what was removed."""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec

from meshdoctor.bundle.inspection import Inspection, Kind, inspect
from meshdoctor.bundle.opening import open_bundle
from meshdoctor.commands.terminal import width
from meshdoctor.model.text import plain


def run(arguments: argparse.Namespace) -> int:
    """Print what the bundle holds; 3 where a part of it could not be read."""
    found = inspect(open_bundle(Path(arguments.file)))
    if arguments.output == "json":
        print(msgspec.json.format(msgspec.json.encode(found), indent=1).decode())
    else:
        print("\n".join(plain(line, 4000) for line in _lines(found, width())))
    return 3 if found.notes else 0


def _lines(found: Inspection, wide: int) -> list[str]:
    seen = [k for k in found.kinds if k.objects]
    lines = [
        f"{found.file}: {found.form}{f', tier {found.tier}' if found.tier else ''}",
        f"  {found.title}",
        f"  recorded   {found.recorded_at:%Y-%m-%d %H:%M:%S} UTC{f' by {found.tool}' if found.tool else ''}",
        f"  holds      {sum(k.objects or 0 for k in seen)} objects of {len(seen)} kinds in {len(found.namespaces)} namespaces, "
        f"answers of {len(found.pods)} pods, {found.logs} logs, {found.files} files",
    ]
    if found.pseudonyms:
        lines.append("  names      pseudonyms stand in the place of names and addresses")
    if found.code_kept:
        lines.append("  code       Lua and the configuration of plug-ins were left in (--keep-code)")
    lines += ["", *_columns([_count(k) for k in seen], wide)]
    unseen = [k for k in found.kinds if k.objects is None]
    if unseen:
        reasons = sorted({k.why for k in unseen})
        lines += ["", "Not in it (UNKNOWN to every rule):"]
        lines += [f"  ? {', '.join(k.name for k in unseen if k.why == why)}: {why}" for why in reasons]
    lines += [f"  ! {line}" for line in (*found.left_out, *found.notes)]
    if found.redactions:
        removed = ", ".join(f"{count} {kind}" for kind, count in sorted(found.redactions.items(), key=lambda each: -each[1]))
        lines += ["", f"Removed before it was written: {removed}"]
    return lines


def _count(kind: Kind) -> str:
    some = "" if kind.namespaces is None else f" (of {len(kind.namespaces)} namespaces only)"
    return f"{kind.objects:>6}  {kind.name}{some}"


def _columns(cells: list[str], wide: int) -> list[str]:
    """Cells in as many columns as fit."""
    if not cells:
        return []
    size = max(len(c) for c in cells) + 2
    rows = -(-len(cells) // max(1, wide // size))
    return ["".join(c.ljust(size) for c in cells[row::rows]).rstrip() for row in range(rows)]
