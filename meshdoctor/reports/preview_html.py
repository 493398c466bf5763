"""What manifests would change, as a part of a page."""

from __future__ import annotations

from collections.abc import Callable

from meshdoctor.model.changes import Effect, Preview
from meshdoctor.reports.blocks import GLYPHS, Block, sections
from meshdoctor.reports.preview_words import NO_EFFECT, finding_counts, has_no_effect, not_compared, note, summary, told

CLASSES: dict[Effect, str] = {"loses": "FAIL", "changes": "WARN", "gains": "dim"}
Escape = Callable[[object], str]


def preview_html(preview: Preview, safe: Escape) -> str:
    """The section; `safe` escapes text."""
    parts = [f"<h2>{safe(summary(preview))}</h2>"]
    objects = told(preview)
    if objects:
        items = (f"<li>{o.state}: {safe(o.subject)}{note(o)}</li>" for o in objects)
        parts.append(f"<ul>{''.join(items)}</ul>")
    parts += [f"<p class='dim'>? {safe(words)}</p>" for words in not_compared(preview)]
    for title, blocks in sections(preview.effects):
        parts += [f"<h3>{title}</h3>", *(_block(b, safe) for b in blocks)]
    if has_no_effect(preview):
        parts.append(f"<p>{NO_EFFECT}</p>")
    parts += [f"<p class='UNKNOWN'>{safe(b.about)}: cannot be compared: {safe(b.reason)}</p>" for b in preview.blind]
    gone = "".join(
        f"<li>gone: {safe(g.problem or g.code)} {safe(g.subject)}: {safe(g.summary)}</li>" for g in preview.findings.gone
    )
    parts += [f"<h2>{safe(finding_counts(preview))}</h2>", f"<ul class='dim'>{gone}</ul>" if gone else ""]
    return "\n".join(parts)


def _block(block: Block, safe: Escape) -> str:
    lines = "".join(f"<li class='{CLASSES[effect]}'>{GLYPHS[effect]} {safe(says)}</li>" for effect, says in block.lines)
    return f"<p><b>{'<br>'.join(safe(n) for n in block.names)}</b></p><ul>{lines}</ul>"
