"""Write a bundle: what it shall hold, what that will take, how far it is, and what came of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import msgspec
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widget import Widget

from meshdoctor.model.errors import MeshdoctorError
from meshdoctor.model.sources import SourceState
from screens.registry import screen
from screens.seen import Seen
from screens.text import Run, badge, clean, duration, size
from screens.threads import aside
from screens.views.view import View
from screens.widgets.doc import Doc, Item
from screens.widgets.listing import Listing

if TYPE_CHECKING:
    from meshdoctor.bundle.estimate import Estimate
    from meshdoctor.bundling import Made, Maker, Wanted

HOLDS = {
    "T0": "objects and what istiod and bad proxies said; under 2 MB and 10 s",
    "T1": "every kind, all of istiod, 60 Envoys and an hour of logs; at most 50 MB and 120 s",
}
BAR = 32
DONE, LEFT = "━", "·"


@screen(name="bundle", aliases=("bundles", "save"), title="Bundle", says="write what is seen into one file, secrets removed")
class Bundle(View):
    """The dialog; what is being written goes on when the screen is left."""

    about = "Secrets are removed before anything is written, and the finished file is looked through once more."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "change", "change", id="bundle.change", tooltip="change the selected line"),
        Binding("c", "create", "create", id="bundle.create", tooltip="write the bundle"),
        Binding("b", "inside", "look inside", id="bundle.inside", tooltip="what is in the bundle that was written"),
    ]

    def __init__(self) -> None:
        from meshdoctor.bundle.tiers import T1
        from meshdoctor.bundling import Wanted  # which imports the rules: not before the first frame

        super().__init__()
        self.wanted = Wanted(tier=T1)
        self.path: Path | None = None
        self.made: Made | None = None
        self._expected: Estimate | None = None
        self._expected_for = ""
        self._failed = ""
        self._doing, self._share, self._began = "", 0.0, 0.0
        self._asked = self.wants = ""
        self._maker: Maker | None = None

    def body(self) -> ComposeResult:
        yield Doc("form", label=9)

    @property
    def main(self) -> Widget:
        return self.query_one("#form", Doc)

    @property
    def maker(self) -> Maker | None:
        if self._maker is None and self.boss.options.bundles is not None:
            self._maker = self.boss.options.bundles()
        return self._maker

    @property
    def running(self) -> bool:
        return bool(self._doing)

    def offers(self, action: str) -> bool:
        return {"create": not self.running, "change": not self.running, "inside": self.made is not None}.get(action, True)

    # What is shown.

    def on_mount(self) -> None:
        self.set_interval(0.25, self._show_progress)

    def fill(self, seen: Seen) -> None:
        self._estimate(seen.context)
        self._show()

    def _show_progress(self) -> None:
        if self.running and self.display:
            self.guard(self._show)

    def _show(self) -> None:
        self.query_one("#form", Doc).set_items([*self._form(), Item(""), *self._state()])

    def _form(self) -> list[Item]:
        wanted = self.wanted
        where = ", ".join(wanted.namespaces) + " and the control plane" if wanted.namespaces else "all namespaces"
        names = "pseudonyms, the same everywhere in the file" if wanted.pseudonyms else "as they are"
        code = "kept" if wanted.keep_code else "left out: Lua, and the configuration of plug-ins"
        lines = (
            ("tier", "HOLDS", f"{wanted.tier.name}: {HOLDS[wanted.tier.name]}"),
            ("namespaces", "WHERE", where),
            ("pseudonyms", "NAMES", names),
            ("code", "CODE", code),
            ("path", "FILE", str(self.path) if self.path else "meshdoctor-CONTEXT-TIME.tar.gz, in the working directory"),
        )
        return [Item(text, label=label, key=key, payload=key) for key, label, text in lines]

    def _state(self) -> list[Item]:
        if self.maker is None:
            return [Item("There is no cluster here to make a bundle of.", "dim")]
        if self.running:
            return self._progress()
        expected = self._expected
        says = expected.says if expected else "not known" if self._failed else "counting …"
        items = [Item(says, "" if expected else "dim", label="EXPECT")]
        if self._failed:
            items += [Item(""), Item((badge("ERROR"), Run(f"  {self._failed}")))]
        if self.made is not None:
            items += [Item(""), *_result(self.made)]
        return items

    def _progress(self) -> list[Item]:
        done = round(BAR * self._share)
        bar = (Run(DONE * done, "ok"), Run(LEFT * (BAR - done), "dim"))
        elapsed = duration(time.monotonic() - self._began)
        return [
            Item((Run(f"{100 * self._share:3.0f} %  "), *bar, Run(f"  {elapsed}", "dim")), label="WRITING"),
            Item(self._doing, "dim", label=""),
            Item("esc leaves this screen; the bundle is written all the same.", "dim"),
        ]

    # What the operator does.

    def on_listing_opened(self, event: Listing.Opened) -> None:
        event.stop()
        self.action_change()

    def action_change(self) -> None:
        item = self.query_one("#form", Doc).item
        if item is None or self.running:
            return
        if item.payload in ("namespaces", "path"):
            self._asked = str(item.payload)
            self.wants = WANTS[self._asked]
            self.boss.action_ask("+")
            return
        self.wanted = _turned(self.wanted, str(item.payload))
        if self.seen is not None:
            self._estimate(self.seen.context)
        self._show()

    def given(self, text: str) -> None:
        if self._asked == "path":
            self.path = Path(text).expanduser() if text else None
        else:
            self.wanted = msgspec.structs.replace(self.wanted, namespaces=tuple(text.replace(",", " ").split()))
        self._show()

    def _estimate(self, context: str) -> None:
        maker, tier = self.maker, self.wanted.tier
        if maker is None or self._expected_for == f"{tier.name} {context}" or not context:
            return
        self._expected, self._expected_for = None, f"{tier.name} {context}"

        async def work() -> None:
            try:
                self._expected = await maker.estimate(context, tier)
            except MeshdoctorError as why:
                self._failed = clean(why.observed)
            self.guard(self._show)

        self.run_worker(work(), group="asked", exclusive=True, exit_on_error=False)

    def action_create(self) -> None:
        maker, seen = self.maker, self.seen
        if maker is None or seen is None or not seen.context or self.running:
            return
        wanted, path = self.wanted, self.path
        self._failed, self.made = "", None
        self._doing, self._share, self._began = "connecting", 0.0, time.monotonic()

        def progress(says: str, share: float) -> None:
            self._doing, self._share = clean(says, 70), max(share, self._share)

        async def work() -> None:
            try:
                looked = await maker.look(seen.context, wanted, progress)
                self.made = await aside(lambda: maker.write(looked, wanted, path, progress))
            except MeshdoctorError as why:
                self._failed = clean(" ".join(filter(None, (why.observed, why.means, why.do))), 600)
            finally:
                self._doing = ""
            self._tell()

        self.run_worker(work(), group="bundle", exit_on_error=False)
        self._show()

    def _tell(self) -> None:
        """The end, told also to who has left the screen."""
        self.guard(self._show)
        if not self.display:
            self.boss.say(
                self._failed or f"The bundle is written: {self.made.path if self.made else ''}", "bad" if self._failed else ""
            )

    async def action_inside(self) -> None:
        from screens.registry import find
        from screens.views.bundle_inside import BundleInside

        entry = find("inside")
        if self.made is None or entry is None:
            return
        await self.boss.action_go("inside")
        if isinstance(self.boss.view, BundleInside):
            self.boss.view.read(self.made.path)


WANTS = {"namespaces": "namespaces; none: all", "path": "file name; none: its own"}


def _turned(wanted: Wanted, what: str) -> Wanted:
    """The wish with one line the other way round."""
    from meshdoctor.bundle.tiers import T0, T1

    if what == "tier":
        return msgspec.structs.replace(wanted, tier=T0 if wanted.tier is T1 else T1)
    if what == "pseudonyms":
        return msgspec.structs.replace(wanted, pseudonyms=not wanted.pseudonyms)
    return msgspec.structs.replace(wanted, keep_code=not wanted.keep_code)


def _result(made: Made) -> list[Item]:
    manifest = made.manifest
    removed = ", ".join(f"{n} {kind}" for kind, n in sorted(manifest.redactions.items(), key=lambda each: -each[1]))
    unread = [s for s in manifest.sources if s.state not in (SourceState.LIVE, SourceState.STALE, SourceState.ABSENT)]
    told = f"  {size(made.size)} of at most {size(manifest.budget_bytes)}, {manifest.seconds:.1f} s"
    items = [
        Item((badge("OK", ""), Run(f" {made.path}", "strong"), Run(told, "dim")), label="WRITTEN"),
        Item(removed or "nothing", label="REMOVED"),
    ]
    items += [Item((badge("WARN", ""), Run(f" {line}"))) for line in manifest.left_out[:4]]
    items += [Item((badge("UNKNOWN", ""), Run(f" {s.name}: {s.reason or s.state}"))) for s in unread[:4]]
    return items
