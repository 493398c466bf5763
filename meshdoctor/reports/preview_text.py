"""What manifests would change, as text: the objects, then the effects by kind, worst first, then findings that are gone."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from meshdoctor.model.changes import Effect, Preview
from meshdoctor.model.text import plain
from meshdoctor.reports.blocks import GLYPHS, Block, sections
from meshdoctor.reports.preview_words import NO_EFFECT, few, finding_counts, has_no_effect, not_compared, note, summary, told

STYLES: dict[Effect, str] = {"loses": "red", "changes": "yellow", "gains": "green"}
BLOCKS = 25  # of a section, worst first
GONE = 25
WORDS = 900


def print_preview(console: Console, preview: Preview) -> None:
    """The section of a report that stands before the findings."""
    glyph, style = ("● ", "bold green") if preview.is_none else ("", "bold")
    console.print(Text(f"{glyph}{summary(preview)}", style))
    for each in told(preview):
        console.print(Text.assemble((f"  {each.state:<8} ", "dim"), plain(f"{each.subject}{note(each)}", WORDS)), soft_wrap=True)
    for words in not_compared(preview):
        _wrapped(console, Text("  ? ", "magenta"), words, "dim", 4)
    for title, blocks in sections(preview.effects):
        console.print(Text(f"\n{title}", "bold"))
        for block in blocks[:BLOCKS]:
            _print_block(console, block)
        if len(blocks) > BLOCKS:
            console.print(Text(f"  and {len(blocks) - BLOCKS} more (-o json has them all)", "dim"))
    if has_no_effect(preview):
        console.print(Text(f"\n● {NO_EFFECT}", "green"))
    for blind in preview.blind:
        console.print()
        _wrapped(console, Text("? ", "magenta"), f"{blind.about}: cannot be compared: {blind.reason}", "", 2)
    console.print(Text(f"\n{finding_counts(preview)}", "bold"))
    for gone in preview.findings.gone[:GONE]:
        words = f"gone: {gone.code} {gone.problem or ''} {gone.subject}: {gone.summary}"
        _wrapped(console, Text("○ ", "dim"), " ".join(words.split()), "dim", 2)
    if len(preview.findings.gone) > GONE:
        console.print(Text(f"○ and {len(preview.findings.gone) - GONE} more gone (-o json has them all)", "dim"))


def _print_block(console: Console, block: Block) -> None:
    _wrapped(console, Text("  "), few(block.names), "bold", 2)
    for effect, says in block.lines:
        _wrapped(console, Text(f"  {GLYPHS[effect]} ", STYLES[effect]), says, "", 4)


def _wrapped(console: Console, head: Text, words: str, style: str, indent: int) -> None:
    lines = Text(plain(words, WORDS), style).wrap(console, max(console.width - indent, 20))
    for number, line in enumerate(lines):
        line.rstrip()
        console.print(Text.assemble(head if number == 0 else " " * indent, line), soft_wrap=True)
