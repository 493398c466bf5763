"""What manifests would change, as Markdown for a comment on a change."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from meshdoctor.model.changes import Preview
from meshdoctor.reports.blocks import GLYPHS, sections
from meshdoctor.reports.preview_words import NO_EFFECT, few, finding_counts, has_no_effect, not_compared, note, summary, told

MOST = 60  # lines of effects, and findings that are gone: a comment has 65,536 characters
Escape = Callable[[object], str]


def preview_lines(preview: Preview, escaped: Escape) -> Iterator[str]:
    """The section, line by line; `escaped` makes text of the mesh show as it is."""
    yield from ("", f"**{escaped(summary(preview))}**")
    objects = told(preview)
    if objects:
        yield ""
        yield from (f"- {o.state}: {escaped(o.subject)}{note(o)}" for o in objects[:MOST])
    unread = not_compared(preview)
    yield from ("", *(f"- ? {escaped(words)}" for words in unread[:MOST])) if unread else ()
    room = MOST
    for title, blocks in sections(preview.effects):
        yield from ("", f"**{title}**", "")
        for number, block in enumerate(blocks):
            if room <= 0:
                yield f"- and {len(blocks) - number} more (`-o json` has them all)"
                break
            yield f"- {escaped(few(block.names))}"
            yield from (f"  - {GLYPHS[effect]} {escaped(says)}" for effect, says in block.lines[:MOST])
            room -= len(block.lines)
    if has_no_effect(preview):
        yield from ("", NO_EFFECT)
    if preview.blind:
        yield ""
        yield from (f"- ? {escaped(b.about)}: cannot be compared: {escaped(b.reason)}" for b in preview.blind)
    yield from ("", f"**{finding_counts(preview)}**")
    if preview.findings.gone:
        yield ""
        yield from (
            f"- gone: {escaped(g.problem or g.code)} {escaped(g.subject)}: {escaped(g.summary)}"
            for g in preview.findings.gone[:MOST]
        )
