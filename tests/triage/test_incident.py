"""The incident's folder: nothing written is lost, nothing secret is in it, and its steps say when they are done."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from meshdoctor.diagnosis import judge
from meshdoctor.model.errors import UsageError
from meshdoctor.model.findings import Evidence
from meshdoctor.triage import acted, freeze, funnel, incident
from meshdoctor.triage.funnel import current, steps
from tests.conftest import NOW, build
from tests.probes import things as t
from tests.screens.conftest import FAULTY

CANARIES = (
    "Authorization: Bearer c4n4ry-bearer-value",
    "authorization: Digest c4n4ry-digest",
    "x-api-key: c4n4ry-key",
    "password=c4n4ry-pass",
    "curl -u admin:c4n4ry-basic https://shop.example.com",
    "https://me:c4n4ry-url@shop.example.com/",
    "Cookie: session=c4n4ry-cookie",
    "-----BEGIN RSA PRIVATE KEY-----\nc4n4ry-key-line\n-----END RSA PRIVATE KEY-----",
    "?access_token=c4n4ry-query",
)
WRITER = """
import sys
from pathlib import Path
from meshdoctor.triage import incident
open_ = incident.create(Path(sys.argv[1]), "killed")
print(open_.name, flush=True)
for number in range(1_000_000):
    incident.append(open_.folder / incident.TIMELINE, [incident.Entry(
        at=open_.opened.at, kind="note", step="symptoms", says=f"{number} " + "x" * 20_000, source="operator")])
    print(number, flush=True)
"""


def test_a_line_is_there_when_the_call_returns_and_only_for_its_owner(tmp_path: Path) -> None:
    made = incident.create(tmp_path / "incidents", "503 in the shop", at=NOW).add("note", "symptoms", "since noon")
    again = incident.named(tmp_path / "incidents")
    assert (again.title, [e.says for e in again.of("note")], again.timeline.altered) == ("503 in the shop", ["since noon"], ())
    assert stat.S_IMODE((made.folder / incident.TIMELINE).stat().st_mode) == 0o600
    assert stat.S_IMODE(made.folder.stat().st_mode) == 0o700


def test_a_writer_that_is_killed_loses_nothing_it_had_written(tmp_path: Path) -> None:
    env = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=env) as writer:
            assert writer.stdout is not None
            name = writer.stdout.readline().strip()
            writer.stdout.readline()
            time.sleep(0.05)
            writer.send_signal(signal.SIGKILL)
            told = [int(line) for line in writer.stdout.read().split() if line.isdigit()]
        there = incident.named(tmp_path, name)
        numbers = [int(e.says.partition(" ")[0]) for e in there.of("note")]
        assert numbers == list(range(len(numbers)))
        assert len(numbers) >= (told[-1] + 1 if told else 1)
        assert there.timeline.altered == ()


@pytest.mark.parametrize("cut", [1, 7, 40])
def test_a_line_cut_in_the_middle_is_counted_and_written_behind(tmp_path: Path, cut: int) -> None:
    made = incident.create(tmp_path, "x", at=NOW).add("note", "symptoms", "first").add("note", "symptoms", "never whole")
    path = made.folder / incident.TIMELINE
    path.write_bytes(path.read_bytes()[:-cut] if cut > 1 else path.read_bytes()[:-2])
    after = incident.read(made.folder).add("note", "symptoms", "second")
    assert [e.says for e in after.of("note")] == ["first", "second"]
    assert (after.timeline.torn, after.timeline.altered) == ((3,), ())


def test_a_line_changed_afterwards_shows(tmp_path: Path) -> None:
    made = incident.create(tmp_path, "x", at=NOW).add("note", "symptoms", "it broke").add("note", "symptoms", "more")
    path = made.folder / incident.TIMELINE
    path.write_text(path.read_text().replace("it broke", "all well"))
    assert incident.read(made.folder).timeline.altered == (3,)


def test_a_kill_before_the_first_line_leaves_a_folder_that_opens(tmp_path: Path) -> None:
    folder = tmp_path / "incident-20260801T120000-abcd"
    folder.mkdir()
    assert "never written" in incident.named(tmp_path).title
    with pytest.raises(UsageError, match="No incident 'nope'"):
        incident.named(tmp_path, "nope")


def test_no_secret_reaches_the_folder(tmp_path: Path) -> None:
    mesh = build(FAULTY)
    found = judge(mesh)
    cause = found.causes[0]
    told = tuple(Evidence(c, "log", c, c) for c in CANARIES)
    found = msgspec.structs.replace(found, causes=(msgspec.structs.replace(cause, evidence=told),), notes=CANARIES)
    made = incident.create(tmp_path, " ".join(CANARIES), at=NOW)
    for canary in CANARIES:
        made = made.add("note", "symptoms", canary, token="c4n4ry-data", headers={"authorization": "c4n4ry-header"})
    made = freeze.opened(made, mesh, found)
    kept = "".join(p.read_text() for p in made.folder.iterdir())
    assert "c4n4ry" not in kept
    assert kept.count("<redacted>") > len(CANARIES)


def test_the_first_look_is_kept_before_all_else(tmp_path: Path) -> None:
    mesh = build(FAULTY)
    found = judge(mesh)
    made = freeze.opened(incident.create(tmp_path, "x", at=NOW), mesh, found)
    assert [e.data["problem"] for e in made.kept("cause")] == [c.problem for c in found.causes]
    assert len(made.kept("source")) == len(found.sources)
    assert made.kept("cluster")[0].data["coverage"]["unknown"] == found.coverage.unknown
    assert {e.data["namespace"] for e in made.kept("owner")} >= {"shop"}


def test_the_steps_say_what_is_missing(tmp_path: Path) -> None:
    mesh = build(FAULTY)
    found = judge(mesh)
    made = incident.create(tmp_path, "x", at=NOW)

    def now_at(which: incident.Incident) -> str:
        return current(steps(which, NOW)).step

    assert now_at(made) == "symptoms"
    made = freeze.opened(made.add("note", "symptoms", "503s"), mesh, found)
    assert now_at(made) == "checks"
    cause = found.causes[0]
    made = made.add("cause", "checks", cause.summary, of=freeze.key_of(cause))
    assert now_at(made) == "actions"
    made = made.add("action", "actions", "rolled the rule back")
    assert now_at(made) == "verify"
    still = freeze.looked(made, mesh, found)
    assert "still there" in steps(still, NOW)[3].says
    healed = build(t.thing("v1", "Namespace", "shop"))
    assert now_at(freeze.looked(still, healed, judge(healed))) == "comms"


def test_a_look_is_the_first_where_a_kill_came_before_it(tmp_path: Path) -> None:
    mesh = build(FAULTY)
    made = freeze.looked(incident.create(tmp_path, "x", at=NOW), mesh, judge(mesh))
    assert {e.data["look"] for e in made.evidence.entries} == {"T0"}
    assert made.of("look")[0].data["new"] == []


def test_the_next_message_is_late_when_it_is(tmp_path: Path) -> None:
    made = incident.create(tmp_path, "x", at=NOW).add("message", "comms", "we look", at=NOW, next_minutes=30)
    assert steps(made, NOW + timedelta(minutes=10))[4].says == "next message in 20 min"
    assert steps(made, NOW + timedelta(minutes=45))[4].says == "the next message is 15 min late"
    assert funnel.due(made) == NOW + timedelta(minutes=30)


def test_a_change_belongs_to_the_open_incident_that_fits(tmp_path: Path) -> None:
    def kept(title: str, hours: float, of: str = "", context: str = "") -> incident.Incident:
        one = incident.create(tmp_path, title, at=datetime.now(UTC) - timedelta(hours=hours), of=of)
        cluster = incident.Entry(
            at=datetime.now(UTC),
            kind="evidence",
            step="checks",
            says="",
            source="",
            data={"about": "cluster", "cluster": {"context": context}},
        )
        return one.keep([cluster]) if context else one

    assert acted.under_way(tmp_path) is None
    kept("forgotten", 90)
    assert acted.under_way(tmp_path) is None
    here = kept("here", 2, context="prod")
    kept("elsewhere", 1, context="staging")
    about = kept("the same cause", 60, of="RT-019 VirtualService/shop/x", context="prod")
    under = [acted.under_way(tmp_path, of, "prod") for of in ("", "RT-019 VirtualService/shop/x", "RT-019 VirtualService/shop/y")]
    assert [i.folder if i else None for i in under] == [here.folder, about.folder, here.folder]
    here.add("closed", "postmortem", "over")
    assert acted.under_way(tmp_path, context="prod") is None
    one = about.add("note", "symptoms", "it is worked on again")
    for _ in range(2):
        acted.found_written(tmp_path, "x", entry="e1", problem="RT-019", context="prod")
    assert [e.data["entry"] for e in incident.read(one.folder).of("action")] == ["e1"]
