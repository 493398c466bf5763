"""Drills: hints from far to near, answers judged, points counted; and played as an operator plays them."""

from __future__ import annotations

import io

import httpx
import pytest

from meshdoctor.bundle.scenarios import open_scenario
from meshdoctor.cli import main
from meshdoctor.commands.drill import Serving
from meshdoctor.drill import FULL, HINT_COSTS, PROBLEM_WORTH, WRONG_COSTS, Drill
from meshdoctor.model.findings import Cause, Evidence, Impact
from meshdoctor.model.subject import Subject

RULE = Subject(group="networking.istio.io", kind="DestinationRule", namespace="shop", name="payment-plain")


def cause(problem: str = "MTL-002", subject: Subject = RULE) -> Cause:
    evidence = (Evidence(says="it is off", command="kubectl -n shop get destinationrule"),)
    return Cause(
        problem=problem, code="MD0702", title="TLS is off", summary="It says DISABLE.", confidence=0.95, severity="critical",
        subject=subject, observed=True, impact=Impact(workloads=("shop/cart",), requests_failed_per_s=4.0), evidence=evidence,
    )  # fmt: skip


def test_what_is_reported_tells_the_harm_and_not_the_cause() -> None:
    said = Drill((cause(),)).reported
    assert "shop/cart" in said
    assert "4.0 requests" in said
    assert "payment" not in said


def test_hints_go_from_far_to_near_and_cost_points() -> None:
    drill = Drill((cause(),))
    said = [drill.hint() for _ in range(4)]
    assert "mutual TLS" in said[0]
    assert "payment-plain" not in " ".join(said[:3])
    assert "payment-plain" in said[3]
    assert drill.hint() == "There are no more hints."
    assert drill.score == FULL - 4 * HINT_COSTS


@pytest.mark.parametrize(
    ("answer", "solved", "score"),
    [
        ("DestinationRule/shop/payment-plain MTL-002", True, FULL),
        ("mtl-002 destinationrule/shop/payment-plain", True, FULL),
        ("DestinationRule/shop/payment-plain", True, FULL - PROBLEM_WORTH),
        ("DestinationRule/shop/payment-plain RT-001", False, FULL - WRONG_COSTS),
        ("Service/shop/payment MTL-002", False, FULL - WRONG_COSTS),
        ("MTL-002", False, FULL),
        ("RT-001", False, FULL - WRONG_COSTS),
        ("nothing", False, FULL - WRONG_COSTS),
        ("it is broken", False, FULL),
    ],
)
def test_answers(answer: str, solved: bool, score: int) -> None:
    drill = Drill((cause(),))
    assert drill.answer(answer).solved == solved
    assert drill.score == score


def test_a_sound_mesh_is_a_drill_too() -> None:
    drill = Drill(())
    assert not drill.answer("Pod/a/b RT-001").solved
    assert drill.answer("Nothing").solved
    assert drill.score == FULL - WRONG_COSTS


def test_points_never_fall_below_none() -> None:
    drill = Drill((cause(),))
    for _ in range(20):
        drill.answer("Pod/a/b")
    assert drill.score == 0


def play(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], scenario: str, *lines: str) -> tuple[int, str]:
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines) + "\n"))
    code = main(["demo", scenario, "--drill"])
    return code, capsys.readouterr().out


def test_a_recorded_fault_is_found(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    answer = "answer DestinationRule/shop/payment-plain MTL-002"
    code, said = play(monkeypatch, capsys, "tls-switched-off", "hint", answer)
    assert code == 0
    assert f"{FULL - HINT_COSTS} of {FULL} points, 1 hints" in said
    assert "export KUBECONFIG=" in said
    before = said.partition("> ")[0]
    assert "TLS" not in before
    assert "payment-plain" not in before


def test_giving_up_tells_the_solution(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = play(monkeypatch, capsys, "healthy", "what?", "quit")
    assert code == 2
    assert "Nothing is wrong with this mesh." in said
    assert f"0 of {FULL} points" in said


def test_the_hidden_mesh_is_served_beside_and_gone_afterwards() -> None:
    with Serving(open_scenario("healthy")) as path:
        text = path.read_text()
        assert "healthy" not in text
        url = text.partition('server: "')[2].partition('"')[0]
        assert httpx.get(f"{url}/api/v1/pods", trust_env=False).json()["kind"] == "PodList"
    assert not path.exists()
