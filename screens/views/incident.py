"""One incident: its six steps with what each still needs, and its timeline. Every key writes a line that a crash keeps."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import msgspec
from textual import events
from textual.binding import Binding, BindingType

from meshdoctor.model.findings import Cause, Finding
from meshdoctor.reports import story
from meshdoctor.triage import freeze, funnel, incident
from meshdoctor.triage.comms import NEXT_MINUTES
from meshdoctor.triage.incident import Entry, Incident
from meshdoctor.triage.postmortem import postmortem
from meshdoctor.triage.symptoms import understood
from screens.seen import Seen
from screens.text import Run, badge, duration
from screens.threads import aside
from screens.views.document import DocumentView
from screens.views.view import View
from screens.widgets.doc import Item

NEXT = {
    "symptoms": "paste what was seen (your terminal's paste), n notes it, y lists symptoms",
    "checks": "h ranks what it can be; enter there chooses the cause",
    "actions": "f fixes the suspected cause, J takes a change back; a notes what was done by hand",
    "verify": "v looks again",
    "comms": "d drafts messages; s marks one as sent",
    "postmortem": "w writes it; x closes the incident",
}


class IncidentView(DocumentView):
    """The funnel."""

    about = "Six steps, each open until its condition holds. All is kept in a folder, line by line, and outlives a crash."
    labels = (19, 20)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "n",
            "note",
            "note",
            id="incident.note",
            tooltip="note what was seen or said; lines that begin with TODO become follow-ups",
        ),
        Binding("y", "symptoms", "symptoms", id="incident.symptoms", tooltip="choose one of a list, in plain words"),
        Binding(
            "h",
            "hypotheses",
            "what it can be",
            id="incident.hypotheses",
            tooltip="problems ranked, for and against; choose the cause",
        ),
        Binding("f", "fix", "fix", id="incident.fix", tooltip="the guided change of the suspected cause; it is written in here"),
        Binding("a", "act", "action", id="incident.action", tooltip="note what was done"),
        Binding(
            "v", "verify", "look again", id="incident.verify", tooltip="keep the present look, and say what became of the causes"
        ),
        Binding(
            "d", "drafts", "drafts", id="incident.drafts", tooltip="messages for channel, status page and hand-over, of facts only"
        ),
        Binding("s", "sent", "sent", id="incident.sent", tooltip=f"a message was sent; the next is due in {NEXT_MINUTES} minutes"),
        Binding("w", "write", "postmortem", id="incident.postmortem", tooltip="write it as Markdown and HTML into the folder"),
        Binding("x", "close", "close", id="incident.close", tooltip="close the incident; asked twice while steps are open"),
    ]

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.incident = incident.read(folder)
        self._typing: Callable[[str], Incident] | None = None
        self._asked_to_close = self._was_late = False

    @property
    def crumb(self) -> str:
        return self.incident.title

    def fill(self, seen: Seen) -> None:
        self.show()

    def tick(self) -> None:
        self._show_funnel()
        promised = funnel.due(self.incident)
        late = promised is not None and promised < datetime.now(UTC) and not self.incident.is_closed
        if late and not self._was_late:
            self.boss.bell()
            self.boss.say("The next message is due: d drafts it, s marks it as sent.", "warn")
        self._was_late = late

    def reload(self) -> None:
        self.incident = incident.read(self.folder)
        self.show()

    def show(self) -> None:
        """The folder as it was last read."""
        self._show_funnel()
        flaws = [*self.incident.timeline.torn, *self.incident.evidence.torn]
        items = [Item(f"{len(flaws)} lines were never finished: a crash came between", "warn")] if flaws else []
        self.doc.set_items([*items, *(_line(e) for e in reversed(self.incident.timeline.entries))])

    def _show_funnel(self) -> None:
        now = datetime.now(UTC)
        states = funnel.steps(self.incident, now)
        at, begun = funnel.current(states), self.incident.opened
        age = duration((now - begun.at).total_seconds()) if begun else "?"
        closed = "   closed" if self.incident.is_closed else ""
        items = [Item((Run(self.incident.title, "strong"), Run(f"   opened {age} ago{closed}", "dim")), label="INCIDENT")]
        for number, state in enumerate(states, 1):
            mark = badge("OK", "") if state.done else badge("WARN", "") if state is at else Run("○", "dim")
            says = state.says if state.done or state is not at else f"{state.says}: {NEXT[state.step]}"
            items.append(Item((mark, Run(f" {says}", "strong" if state is at else "")), label=f"{number} {state.title}"))
        self.head.set_items(items)

    # Writing: in a thread, since each line waits for the disk.

    def write(self, make: Callable[[], Incident], then: str = "") -> None:
        """Write, show what is there then, and say that it is kept."""

        async def work() -> None:
            try:
                self.incident = await aside(make)
            except Exception as why:  # a full disk or a folder of somebody else: told, nothing else is lost
                self.boss.say(str(why), "bad")
                return
            self.guard(self.show)
            if then:
                self.boss.say(then)

        self.run_worker(work(), group="asked", exit_on_error=False)

    def _ask(self, make: Callable[[str], Incident]) -> None:
        self._typing = make
        self.boss.action_ask("+")

    def given(self, text: str) -> None:
        if text and self._typing is not None:
            make = self._typing
            self.write(lambda: make(text), "kept")

    def on_paste(self, event: events.Paste) -> None:
        """What the terminal pastes here is a symptom."""
        event.stop()
        self.paste(event.text)

    def paste(self, text: str) -> None:
        """Read it, keep it without its secrets, and show what it can be."""

        self.write(lambda: freeze.pasted(self.incident, understood(text)), "kept; h ranks what it can be")

    def action_note(self) -> None:
        self._ask(lambda text: self.incident.add("note", "symptoms", text))

    def action_act(self) -> None:
        self._ask(lambda text: self.incident.add("action", "actions", text))

    def action_verify(self) -> None:
        seen = self.seen
        if seen is None or seen.mesh is None or seen.diagnosis is None:
            self.boss.say("There is no look at a mesh to keep.", "warn")
            return
        mesh, found = seen.mesh, seen.diagnosis
        now = seen.now()
        acted = self.incident.of("action")
        if acted and now is not None and acted[-1].at > datetime.now(UTC) - (now - mesh.now):
            self.boss.say("This picture is older than the last action; r reads again, then v.", "warn")
            return
        self.write(lambda: freeze.looked(self.incident, mesh, found), "looked")

    def action_sent(self) -> None:
        self.write(
            lambda: self.incident.add("message", "comms", "a message was sent", next_minutes=NEXT_MINUTES),
            f"kept; the next message is due in {NEXT_MINUTES} minutes",
        )

    def action_write(self) -> None:
        def export() -> Incident:
            made = postmortem(self.incident)
            for name, text in (("postmortem.md", story.markdown(made)), ("postmortem.html", story.html(made))):
                path = self.folder / name
                path.touch(mode=0o600)
                path.write_text(text, "utf-8")
            return self.incident.add("exported", "postmortem", "postmortem.md and postmortem.html written", source="meshdoctor")

        self.write(export, f"written into {self.folder}")

    def action_close(self) -> None:
        missing = [s.title.lower() for s in funnel.steps(self.incident, datetime.now(UTC)) if not s.done]
        if missing and not self._asked_to_close:
            self._asked_to_close = True
            self.boss.say(f"Still open: {', '.join(missing)}. x again closes it all the same.", "warn")
            return
        says = f"closed with {', '.join(missing)} open" if missing else "all steps are done"
        self.write(lambda: self.incident.add("closed", "postmortem", says), "closed")

    async def action_fix(self) -> None:
        """The fix of the suspected cause, as it is found now, else as the evidence of this folder has it."""
        from screens.views.fix import fix

        await fix(self, self._suspected(), self.folder)

    def _suspected(self) -> Cause | None:
        chosen = funnel.suspected(self.incident)
        wanted = chosen.data.get("of") if chosen is not None else None
        causes = self.seen.diagnosis.causes if self.seen and self.seen.diagnosis else ()
        kept = (e.data for e in self.incident.kept("cause") if freeze.key(e.data) == wanted)
        now = next((c for c in causes if freeze.key_of(c) == wanted), None)
        return now or next((msgspec.convert(data, Cause, strict=False) for data in kept), None)

    async def action_symptoms(self) -> None:
        from screens.views.symptom_list import SymptomList

        await self.boss.open(SymptomList(self))

    async def action_hypotheses(self) -> None:
        from screens.views.hypotheses import Hypotheses

        await self.boss.open(Hypotheses(self))

    async def action_drafts(self) -> None:
        from screens.views.drafts import Drafts

        await self.boss.open(Drafts(self.incident))


def _line(entry: Entry) -> Item:
    role = "warn" if entry.kind == "action" else "strong" if entry.kind == "cause" else ""
    return Item(entry.says, role, label=f"{entry.at.astimezone():%H:%M:%S}  {entry.kind}", key=str(entry.line))


async def begin(view: View, title: str = "") -> None:
    """Open an incident about what is selected there: the one that is open about it, else a new one with its T0 evidence."""
    topic, seen, boss = view.topic if not title else None, view.seen or view.boss.shown, view.boss
    if not title and topic is None:
        boss.say("Nothing is selected to begin an incident about; 9 has the incidents.", "dim")
        return
    subject = topic.subject if isinstance(topic, (Cause, Finding)) else topic
    of = freeze.key_of(topic) if isinstance(topic, (Cause, Finding)) else str(subject or "")
    says = title or (f"{topic.summary or topic.title}" if isinstance(topic, (Cause, Finding)) else str(subject))

    def make() -> Incident:
        under = incident.incidents_folder()
        known = (incident.read(f) for f in incident.folders(under)) if of else ()
        again = next((i for i in known if i.opened and i.opened.data.get("of") == of and not i.is_closed), None)
        if again is not None:
            return again
        made = incident.create(under, says, of=of)
        if seen.mesh is not None and seen.diagnosis is not None:
            made = freeze.opened(made, seen.mesh, seen.diagnosis)
        return made.add("cause", "checks", says, of=of) if isinstance(topic, Cause) else made

    try:
        made = await aside(make)
    except Exception as why:  # told where the operator looks
        boss.say(f"No incident was begun: {why}", "bad")
        return
    await boss.open(IncidentView(made.folder))
    boss.say(f"kept in {made.folder}", "dim")
