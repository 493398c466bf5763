"""What stands in the top line, the footer and the prompt's hints: generated from the snapshot and the registries."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from meshdoctor.collect.link import Link
from meshdoctor.model.findings import Diagnosis
from screens import registry
from screens.seen import Seen
from screens.text import Run, age, clean, count, cut, cut_name
from screens.views.view import View, keys_of, shown_key
from screens.widgets.band import Part

if TYPE_CHECKING:
    from screens.changing import Changing

TRAIL, HERE = 44, 32  # cells of the way here, and of the screen itself
LINKS = {"connecting": ("…", "unknown"), "live": ("●", "ok"), "stale": ("◐", "warn"), "error": ("✖", "bad")}


def top(
    seen: Seen,
    link: Link,
    link_age: float | None,
    clock: datetime,
    frozen: bool,
    trail: tuple[str, ...],
    changing: Changing,
    recorded: datetime | None = None,
) -> tuple[list[Part], list[Part]]:
    """Where one is, as whom, and how fresh it is: `recorded` is the time of a recording, in the place of how live it is."""
    cluster = seen.mesh.cluster if seen.mesh else None
    left = [Part((Run("meshdoctor", "strong"),), goes=5)]
    left.append(Part((Run(seen.context or (cluster.context if cluster else "") or "no context"),)))
    if cluster and (cluster.istio or cluster.root_namespace):
        versions = ", ".join(v.partition("-")[0] for v in cluster.istio)
        left.append(Part((Run(f"{cluster.root_namespace or 'istio'} {versions}".strip(), "dim"),), goes=6))
    *before, here = trail or ("",)
    if before:
        left.append(Part((Run("› ", "dim"), Run(cut_name(" › ".join(clean(t) for t in before), TRAIL))), goes=5))
    if here:
        left.append(Part((Run("› ", "dim"), Run((cut if " " in here else cut_name)(clean(here), HERE))), goes=3))
    user = cluster.user if cluster and recorded is None else ""  # a recording is read as nobody
    may = Run("may write", "warn") if changing.may_write else Run("read-only", "dim")
    right = [Part((*((Run(f"{user}, ", "dim"),) if user else ()), may), goes=0 if changing.may_write else 4)]
    if changing.pending:
        right.insert(0, Part((Run(f"? {count(changing.pending, 'change')} interrupted ", "unknown"), Run("J", "key")), goes=0))
    if frozen:
        right.append(Part((Run(f"‖ frozen {age(seen.elapsed)}", "warn"),)))
    state = _link(link, link_age)
    if recorded is not None:
        state = Run(f"○ recorded {age((clock - recorded).total_seconds())} ago", "warn")
    right.append(Part((state,), goes=0))
    right.append(Part((Run(f"{clock:%H:%M:%S}", "dim"),), goes=7))
    return left, right


def _link(link: Link, seconds: float | None) -> Run:
    glyph, role = LINKS[link.state]
    return Run(f"{glyph} {link.state} {age(seconds)}".rstrip(), role)


def footer(view: View | None, *, at_home: bool) -> tuple[list[Part], list[Part]]:
    """The keys that matter here, then the screens; the three prompts always stay."""
    parts = []
    chosen = view.boss.options.keys if view else {}
    keys = [b for b in keys_of(type(view), chosen=chosen) if b.show and view.offers(b.action)] if view else []
    for number, binding in enumerate(keys):
        parts.append(_key(shown_key(binding), binding.description, goes=2 + number))
    if not at_home:
        parts.append(_key("esc", "back", goes=1))
    for number, entry in enumerate(e for e in registry.entries() if e.key):
        parts.append(
            _key(registry.digit(entry, chosen), in_a_sentence(entry.title), goes=20 + number if not at_home else 10 + number)
        )
    right = [Part((Run(": ", "key"), Run("/ ", "key"), Run("?", "key")))]
    return parts, right


def _key(key: str, says: str, goes: int) -> Part:
    return Part((Run(key, "key"), Run(f" {says}", "dim")), goes)


def in_a_sentence(words: str) -> str:
    """A title within a line: `Control plane` begins small, `mTLS` and `STRICT` stay as they are."""
    return words if words[1:2].isupper() else words[:1].lower() + words[1:]


def title(diagnosis: Diagnosis) -> str:
    """The terminal's title."""
    worst = next((c for c in diagnosis.causes if c.observed), None)
    if worst is not None:
        return f"✖ {worst.title} - meshdoctor {diagnosis.cluster.context}"
    return f"{'▲' if diagnosis.causes else '●'} meshdoctor {diagnosis.cluster.context}"


def hints(mode: str, text: str, view: View | None, commands: tuple[str, ...]) -> list[Run]:
    """What could be typed."""
    if mode == "!":
        return [Run(view.wants if view else "", "warn"), Run("   esc leaves", "dim")]
    if mode == "+":
        wants = view.wants if view else ""
        return [Run(f"{wants}   esc leaves", "warn")] if wants else [Run("⏎ notes it, esc leaves", "dim")]
    if mode == "/":
        if view is not None and view.narrows_by:
            return [Run(view.narrows_by, "dim")]
        known = sorted(getattr(view, "fields", ()))
        return [Run("words  !not  /regex/  " + "  ".join(f"{name}=" for name in known), "dim")]
    known_names = (*(e.name for e in registry.entries()), *commands)
    if not text:
        return [Run("  ".join(known_names), "dim")]
    entry = registry.find(text.partition(" ")[0])
    if entry is not None:
        return [Run(f"⏎ {entry.title}", "strong"), Run(f"  {entry.says}", "dim")]
    like = registry.near(text, (*registry.names(), *commands))
    return [Run("tab ", "key"), Run("  ".join(like), "dim")] if like else [Run("nothing like it", "warn")]


def complete(text: str, known: tuple[str, ...]) -> str:
    """The longest start that all names beginning with the text share."""
    like = [n for n in known if n.startswith(text)]
    if not like:
        return text
    start = like[0]
    while not all(n.startswith(start) for n in like):
        start = start[:-1]
    return start
