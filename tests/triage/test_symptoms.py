"""What is pasted: read, or said not to be; harmless and without secrets; and what it can be, held against the mesh."""

from __future__ import annotations

import json
import os
import time

import pytest

from meshdoctor.diagnosis import judge
from meshdoctor.model.pages import pages
from meshdoctor.triage.hypotheses import board
from meshdoctor.triage.symptoms import phrases, table, understood
from tests.conftest import build
from tests.probes import things as t
from tests.screens.conftest import FAULTY
from tests.triage.test_incident import CANARIES

LOG = (
    '[2026-08-01T11:59:01.000Z] "GET / HTTP/1.1" 503 UC upstream_reset_before_response_started{connection_termination} - "-" 0 95 1 - '
    '"-" "curl" "id" "payment.bank:8080" "10.1.0.9:8080" outbound|8080||payment.bank.svc.cluster.local 10.1.0.1:5000 10.1.0.2:8080 '
    "10.1.0.1:4000 - default"
)
CURL = """* Connected to shop.example.com (10.245.0.1) port 80
> GET / HTTP/1.1
> Host: shop.example.com
< HTTP/1.1 503 Service Unavailable
< server: istio-envoy
upstream connect error or disconnect/reset before headers. reset reason: connection termination"""
WEBHOOK = (
    'Error from server (InternalError): Internal error occurred: failed calling webhook "namespace.sidecar-injector.istio.io": '
    'failed to call webhook: Post "https://istiod.istio-d.svc:443/inject": no endpoints available for service "istiod"'
)
ALERT = json.dumps(
    {"version": "4", "alerts": [{"labels": {"alertname": "IstiodDown", "namespace": "istio-d", "deployment": "istiod"}}]}
)
EVENT = json.dumps(
    {
        "kind": "Event",
        "reason": "FailedCreate",
        "message": "pods violates PodSecurity baseline: istio-init NET_ADMIN",
        "involvedObject": {"kind": "ReplicaSet", "namespace": "bank", "name": "ledger-5d"},
    }
)


@pytest.mark.parametrize("before", ["", "2026-08-01T11:59:01.123Z ", "[pod/cart-v1-1/istio-proxy] "])
def test_an_access_log_line_is_explained(before: str) -> None:
    told = understood(before + LOG)
    assert (told.codes, told.flags) == ((503,), ("UC",))
    assert "payment.bank.svc.cluster.local" in told.names
    assert any(s.startswith("UC: ") for s in told.says)
    assert "MTL-002" in told.problems


def test_an_access_log_line_in_json() -> None:
    told = understood(
        json.dumps(
            {"response_code": 403, "response_flags": "-", "response_code_details": "rbac_access_denied_matched_policy[none]"}
        )
    )
    assert told.kinds[0] == "access log"
    assert "AZ-001" in told.problems


def test_what_curl_says() -> None:
    told = understood(CURL)
    assert (told.codes, told.names) == ((503,), ("shop.example.com",))
    assert "MTL-002" in told.problems


@pytest.mark.parametrize(
    ("text", "kind", "problem", "name"),
    [
        (WEBHOOK, "words of a tool", "INJ-006", "istiod.istio-d.svc.cluster.local"),
        (ALERT, "alert", "CP-001", "istio-d/istiod"),
        (EVENT, "event", "INJ-012", "bank/ledger-5d"),
    ],
)
def test_errors_alerts_and_events(text: str, kind: str, problem: str, name: str) -> None:
    told = understood(text)
    assert kind in told.kinds
    assert problem in told.problems
    assert name in told.names


@pytest.mark.parametrize(
    "text",
    [
        b"\x00\x01\x02" * 1000,
        os.urandom(50_000),
        "Die Seite lädt heute früh nicht",
        "今日はとても遅い",
        "",
        "[" * 100_000,
        "{" * 100_000,
    ],
    ids=["zeros", "random", "german", "japanese", "empty", "brackets", "braces"],
)
def test_what_is_not_understood_is_said_to_be(text: str | bytes) -> None:
    assert not understood(text).is_understood


def test_escapes_go_and_the_line_is_read() -> None:
    told = understood(f"\x1b[31m< HTTP/1.1 503\x1b[0m \x1b]2;owned\x07 {LOG}\u202e")
    assert told.codes == (503,)
    everything = "".join((*told.says, *told.names, told.quote))
    assert not {"\x1b", "\x07", "\u202e"} & set(everything)


@pytest.mark.parametrize(
    "unit", [LOG + "\n", "a", "a-", "-----BEGIN PRIVATE KEY-----", " failed calling webhook istio", "http://a"]
)
def test_ten_megabytes_do_not_hold_it_up(unit: str) -> None:
    began = time.monotonic()
    told = understood(unit * (10_000_000 // len(unit)))
    assert time.monotonic() - began < 20  # it hangs for hours where a pattern backtracks
    assert "Only the first" in told.left_out


def test_no_secret_is_quoted() -> None:
    assert "c4n4ry" not in repr(understood("\n".join((*CANARIES, LOG))))


def test_every_problem_of_the_table_is_one() -> None:
    everything = {p for known in (*table().seen, *table().alert, *table().phrase) for p in known.problems} | set(table().signs)
    assert everything <= set(pages())
    assert len(phrases()) == len(table().phrase)


def test_what_is_found_and_concerned_comes_first() -> None:
    found = judge(build(FAULTY))
    made = board(understood(LOG), found)
    first = made.hypotheses[0]
    assert (first.problem, first.subject and first.subject.name) == ("MTL-002", "payment-plain")
    assert any("payment.bank" in f for f in first.for_)
    assert made.next_check


def test_what_its_rule_did_not_find_is_held_against_it() -> None:
    made = board(understood(CURL), judge(build(t.thing("v1", "Namespace", "shop"))))
    assert "MTL-002" in {h.problem for h in made.hypotheses}
    assert all(h.against or h.unknown for h in made.hypotheses)
    assert not any(h.is_found for h in made.hypotheses)
