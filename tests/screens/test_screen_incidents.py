"""The incident on the screen: begun from what is selected, filled by keys and pastes, read again after a crash."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual import events

from meshdoctor.model.mesh import Mesh
from meshdoctor.triage import incident
from screens.app import MeshdoctorApp
from screens.views.incident import IncidentView
from screens.widgets.prompt import Ask
from tests.conftest import NOW
from tests.screens.conftest import Screen, calm, opened


@pytest.fixture
def folder() -> Path:
    return incident.incidents_folder()


async def begun(screen: Screen) -> IncidentView:
    await screen.press("t")
    await screen.until(lambda: isinstance(screen.app.view, IncidentView))
    await screen.settled()
    view = screen.app.view
    assert isinstance(view, IncidentView)
    return view


@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
async def test_t_on_a_cause_keeps_evidence_and_shows_the_funnel(faulty: Mesh, folder: Path, size: tuple[int, int]) -> None:
    async with opened(faulty, size=size) as screen:
        view = await begun(screen)
        assert len(view.incident.kept("cause")) > 0
        for title in ("1 Symptoms", "2 Initial checks", "3 Actions", "4 Verify", "5 Comms", "6 Postmortem"):
            assert title in screen.text
        await screen.press("escape")
        await begun(screen)
    assert len(incident.folders(folder)) == 1  # the open one about the same cause goes on


async def test_a_pasted_line_is_kept_without_its_secret_and_ranked(faulty: Mesh, folder: Path) -> None:
    async with opened(faulty, size=(120, 40)) as screen:
        view = await begun(screen)
        view.paste("> Authorization: Bearer c4n4ry-token\nupstream connect error http://payment.bank.svc.cluster.local/")
        await screen.until(lambda: bool(view.incident.of("pasted")))
        await screen.press("h")
        assert "MTL-002" in screen.text
        assert "next check:" in screen.text
        await screen.press("enter")
        await screen.until(lambda: len(view.incident.of("cause")) == 2)
    assert "c4n4ry" not in "".join(p.read_text() for p in folder.rglob("*.jsonl"))


async def test_a_symptom_of_the_list_is_written_down(faulty: Mesh) -> None:
    async with opened(faulty) as screen:
        view = await begun(screen)
        await screen.press("y")
        assert "Requests answer 503" in screen.text
        await screen.press("enter")
        await screen.until(lambda: bool(view.incident.of("pasted")))
        assert "Requests answer 503" in screen.flat


async def test_notes_take_a_colon_and_outlive_the_application(faulty: Mesh, folder: Path) -> None:
    async with opened(faulty) as screen:
        view = await begun(screen)
        await screen.press("n")
        await screen.type("since: noon")
        await screen.press("enter")
        await screen.until(lambda: bool(view.incident.of("note")))
    async with opened(faulty) as screen:
        await screen.press("9")
        await screen.press("enter")
        assert "since: noon" in screen.text


async def test_drafts_and_postmortem_are_written(faulty: Mesh, folder: Path) -> None:
    async with opened(faulty, size=(100, 40)) as screen:
        view = await begun(screen)
        await screen.press("d")
        assert "Incident channel" in screen.text
        await screen.press("escape", "w")
        await screen.until(lambda: bool(view.incident.of("exported")))
    assert {p.name for p in view.folder.iterdir()} == {"timeline.jsonl", "evidence.jsonl", "postmortem.md", "postmortem.html"}


async def test_nothing_selected_begins_nothing(healthy: Mesh, folder: Path) -> None:
    async with opened(healthy) as screen:
        await screen.press("t")
        assert "Nothing is selected" in screen.text
        app: MeshdoctorApp = screen.app
        assert not isinstance(app.view, IncidentView)
    assert incident.folders(folder) == []


async def test_the_next_check_is_run_on_one_key_and_kept(faulty: Mesh) -> None:
    async with opened(faulty, size=(120, 40)) as screen:
        view = await begun(screen)
        await screen.press("h", "c")
        await screen.until(lambda: bool(view.incident.of("note")))
        assert "is found at" in screen.text
        assert view.incident.of("note")[0].says.startswith("Checked: ")
        assert view.incident.of("note")[0].step == "checks"


async def test_f_in_an_incident_fixes_the_suspected_cause(faulty: Mesh) -> None:
    async with opened(faulty) as screen:
        view = await begun(screen)
        await screen.press("f")
        assert (screen.app.view.crumb if screen.app.view else "").startswith(("fix ", "runbook "))
        chosen = view.incident.of("cause")[-1].data["of"]
        assert chosen.partition(" ")[0] in screen.text


async def test_a_message_that_is_due_is_told(faulty: Mesh, folder: Path) -> None:
    async with opened(faulty) as screen:
        view = await begun(screen)
        view.incident = view.incident.add("message", "comms", "told", at=NOW, next_minutes=1)
        view.tick()
        await calm(screen.pilot)
        assert "The next message is due" in screen.text


@pytest.mark.parametrize("name", ["mtls", "onboarding"])
async def test_t_begins_an_incident_about_the_object_of_a_row(faulty: Mesh, folder: Path, name: str) -> None:
    async with opened(faulty) as screen:
        await screen.app.action_go(name)
        await screen.settled()
        topic = screen.app.view.topic if screen.app.view else None
        assert topic is not None
        await begun(screen)
    assert len(incident.folders(folder)) == 1


PASTES = {
    "endless": "a" * 10_000_000,
    "binary": "".join(map(chr, range(256))) * 40_000,
    "escapes": "\x1b[31mHTTP/1.1 503 Service Unavailable\x1b[0m\x1b]52;c;aGk=\x07\n" * 150_000,
    "other languages": "连接被拒绝 \u202e خطأ 503\n" * 400_000,
}


@pytest.mark.parametrize("text", PASTES.values(), ids=PASTES)
async def test_whatever_is_pasted_is_kept_harmless_or_said_not_to_be_understood(faulty: Mesh, text: str) -> None:
    async with opened(faulty) as screen:
        view = await begun(screen)
        screen.app.post_message(events.Paste(text))
        view.post_message(events.Paste(text))
        await screen.until(lambda: bool(view.incident.of("pasted")))
        assert ("503" if "HTTP" in text else "not understood") in screen.flat
        await screen.press("n")
        screen.app.query_one(Ask).post_message(events.Paste(text))
        await calm(screen.pilot)
        assert len(screen.app.query_one(Ask).value) <= 2_000
        await screen.press("enter")
        await screen.settled()
        for character in "\x1b\x07\x00\u202e":
            assert character not in screen.text
        kept = (view.folder / "timeline.jsonl").read_text()
        assert len(kept) < 100_000
        assert "\\u001b" not in kept
