"""`meshdoctor mtls` on recorded meshes: text that fits, JSON that tells null from zero, exit codes, and bad input."""

from __future__ import annotations

import json
from typing import Any

import pytest

from meshdoctor.cli import main
from meshdoctor.collect.decode_inbound import handshakes, inbound_modes
from meshdoctor.istio.mutual.picture import picture
from meshdoctor.reports.mtls import matrix, percent
from tests.conftest import build
from tests.istio.test_mutual import STRICT, WORLD, rule
from tests.probes.things import all_of, pod, service


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    capsys.readouterr()
    code = main(["mtls", *arguments])
    return code, capsys.readouterr().out


def told(capsys: pytest.CaptureFixture[str], scenario: str, *more: str) -> tuple[int, dict[str, Any]]:
    code, out = run(capsys, "--demo", scenario, "-o", "json", *more)
    return code, json.loads(out)


def test_a_sound_mesh(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = told(capsys, "healthy")
    whole = next(c for c in found["coverage"] if c["namespace"] is None)
    legacy = next(c for c in found["coverage"] if c["namespace"] == "legacy")
    assert (code, found["schema"]) == (0, "meshdoctor.mtls/v1")
    assert (whole["seen"]["share"], whole["seen"]["goal_met"], whole["configured"]["strict_ports"]) == (1.0, True, 4)
    assert (legacy["seen"]["share"], legacy["seen"]["mtls"], legacy["seen"]["goal_met"]) == (None, None, None)


def test_a_rule_that_breaks_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = told(capsys, "tls-switched-off")
    broken = [p for p in found["pairs"] if p["configured"]["verdict"] == "broken" and not p["configured"]["refused"]]
    assert code == 2
    assert {p["configured"]["decides"]["name"] for p in broken} == {"payment-plain"}
    assert any(p["observed"]["calls"] and p["observed"]["calls"][0]["failed"] for p in broken)


def test_a_namespace_alone(capsys: pytest.CaptureFixture[str]) -> None:
    _, found = told(capsys, "healthy", "-n", "bank")
    assert found["pairs"]
    assert all("bank" in (p["client"]["namespace"], p["server"]["namespace"]) for p in found["pairs"])
    assert [c["namespace"] for c in found["coverage"]] == ["bank"]


@pytest.mark.parametrize("output", ["table", "matrix", "servers"])
def test_what_is_printed_fits(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, output: str) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code, out = run(capsys, "--demo", "healthy", "-o", output)
    assert code == 0
    assert "ledger-v1" in out
    if output == "matrix":
        assert max(map(len, out.splitlines())) <= 80


def test_what_if(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code, out = run(capsys, "--demo", "healthy", "--what-if", "shop=STRICT")
    assert code == 0
    assert out.startswith("● shop=STRICT: nobody breaks, as far as was seen\n")
    assert "legacy/report-v1" in out
    assert max(map(len, out.splitlines())) <= 80
    code, found = told(capsys, "healthy", "--what-if", "shop/cart-v1:8090=STRICT")
    manifest = found["what_if"]["policy"]["manifest"]
    assert (code, manifest["spec"]["portLevelMtls"]) == (0, {"8090": {"mode": "STRICT"}})
    assert manifest["spec"]["selector"] == {"matchLabels": {"app": "cart", "version": "v1"}}


@pytest.mark.parametrize(
    "arguments",
    [("--what-if", "shop"), ("--what-if", "nowhere=STRICT"), ("--since", "soon"), ("-o", "svg"), ("--what-if", "=" * 9000)],
)
def test_what_cannot_be_meant(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    try:
        code = main(["mtls", "--demo", "healthy", *arguments])
    except SystemExit as end:
        code = int(str(end.code))
    assert code == 64
    assert len(capsys.readouterr().err) < 2000


def test_hostile_names_stay_harmless() -> None:
    evil = "\x1b[31m\u202e[bold]" + "x" * 300
    mesh = build(all_of(WORLD, STRICT, pod(f"web/{evil}", ip="10.1.0.5"), service(f"web/{evil}", app=evil)))
    text = matrix(picture(mesh).pairs, 80)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "[bold]" in text


def test_the_worst_of_several_names_is_in_the_matrix() -> None:
    mesh = build(all_of(WORLD, STRICT, service("shop/again", "http:80:8080", "back"), rule("shop/r", "DISABLE")))
    assert "✖ broken" in next(row for row in matrix(picture(mesh).pairs, 80).splitlines() if row.startswith("front"))


@pytest.mark.parametrize(("share", "text"), [(1.0, "100 %"), (0.99996, "99.9 %"), (0.0, "0.0 %"), (0.982, "98.2 %")])
def test_a_share_never_rounds_up_to_all(share: float, text: str) -> None:
    assert percent(share) == text


def chain(port: int, *, certificate: bool, transport: str = "") -> dict[str, Any]:
    match = {k: v for k, v in (("destination_port", port), ("transport_protocol", transport)) if v}
    socket = {"transport_socket": {"typed_config": {"require_client_certificate": True}}} if certificate else {}
    return {"filter_chain_match": match} | socket


def test_the_live_listener() -> None:
    chains = [chain(15006, certificate=False), chain(0, certificate=True), chain(80, certificate=False)]
    chains += [chain(90, certificate=True, transport="tls"), chain(90, certificate=False, transport="raw_buffer")]
    body = json.dumps({"configs": [{"active_state": {"listener": {"filter_chains": chains}}}]}).encode()
    assert inbound_modes(body) == {0: "STRICT", 80: "DISABLE", 90: "PERMISSIVE"}
    assert inbound_modes(b"{}") == {}


def test_handshakes_of_the_listener_and_its_ports() -> None:
    names = {
        "http.inbound_0.0.0.0_8080;.downstream_cx_total": 4,
        "http.inbound_0.0.0.0_8080;.downstream_cx_ssl_total": 3,
        "listener.0.0.0.0_15006.downstream_cx_total": 9,
        "listener.0.0.0.0_15006.ssl.handshake": 5,
        "listener.0.0.0.0_15006.worker_0.downstream_cx_total": 9,
        "http.outbound_0.0.0.0_8080;.downstream_cx_total": 7,
    }
    body = json.dumps({"stats": [{"name": k, "value": v} for k, v in names.items()] + [{"histograms": {}}]}).encode()
    assert handshakes(body) == {8080: (3, 4), 0: (5, 9)}
    assert handshakes(b'{"stats": []}') == {}
