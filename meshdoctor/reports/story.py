"""A postmortem or message as text, Markdown and HTML: every sentence with its source, nothing of the mesh as markup."""

from __future__ import annotations

from html import escape

from meshdoctor.model.story import Story
from meshdoctor.model.text import plain
from meshdoctor.reports.markdown import escaped

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #1b1f24 }
small { color: #57606a; white-space: nowrap }
@media (prefers-color-scheme: dark) { body { color: #e6edf3; background: #0d1117 } small { color: #8d96a0 } }
"""


def text(story: Story, *, sources: bool = False) -> str:
    """Plain lines, to paste into a chat."""
    lines = []
    for section in story.sections:
        if section.title:
            lines += ["", section.title.upper()]
        for each in section.statements:
            lines.append(plain(each.text, 1000) + (f"  [{each.source}]" if sources else ""))
        if not section.statements:
            lines.append("nothing recorded")
    return "\n".join(lines).strip() + "\n"


def markdown(story: Story) -> str:
    """Markdown: a list a section, the source behind each sentence."""
    lines = [f"# {escaped(story.title)}"]
    for section in story.sections:
        lines += ["", f"## {escaped(section.title)}", ""] if section.title else [""]
        lines += [f"- {escaped(s.text)} *({escaped(s.source)})*" for s in section.statements] or ["Nothing recorded."]
    return "\n".join(lines) + "\n"


def html(story: Story) -> str:
    """One static page: no script, nothing fetched."""

    def safe(words: str) -> str:
        return escape(plain(words, 1000))

    parts = []
    for section in story.sections:
        rows = "".join(f"<li>{safe(s.text)} <small>{safe(s.source)}</small></li>" for s in section.statements)
        parts.append(f"<h2>{safe(section.title)}</h2>" + (f"<ul>{rows}</ul>" if rows else "<p>Nothing recorded.</p>"))
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<title>{safe(story.title)}</title><style>{_STYLE}</style></head><body>\n<h1>{safe(story.title)}</h1>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )
