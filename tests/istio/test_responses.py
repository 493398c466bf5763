"""Flags and details of access log lines: each is explained, and which lines are failures."""

from __future__ import annotations

import pytest

from meshdoctor.istio.responses import detail, explained, failed, flag
from meshdoctor.model.envoy import AccessLogEntry


def test_flags_are_explained_and_an_unknown_one_says_so() -> None:
    assert "no healthy endpoint" in flag("UH").means
    assert "does not know" in flag("XYZ").means


@pytest.mark.parametrize(
    ("words", "looks"),
    [
        ("rbac_access_denied_matched_policy[ns[bank]-policy[only-cart]-rule[2]]", "AuthorizationPolicy bank/only-cart, rule 2"),
        ("rbac_access_denied_matched_policy[none]", "who-can"),
        ("upstream_reset_before_response_started{overflow}", "braces"),
        ("filter_chain_not_found", "STRICT"),
    ],
)
def test_details_lead_on(words: str, looks: str) -> None:
    said = detail(words)
    assert said is not None
    assert looks in said.look


def test_details_that_mean_nothing_are_left_out() -> None:
    assert (detail(""), detail("something_new")) == (None, None)


def test_a_line_is_explained_word_by_word() -> None:
    entry = AccessLogEntry(
        code=503, flags="UF,URX", details="upstream_reset_before_response_started{x}", transport_failure="TLS_error: x"
    )
    assert [s.word.partition("{")[0] for s in explained(entry)] == [
        "UF",
        "URX",
        "upstream_reset_before_response_started",
        "TLS_error: x",
    ]


@pytest.mark.parametrize(
    ("code", "flags", "is_failure"),
    [
        (200, "", False),
        (503, "", True),
        (404, "", False),
        (404, "NR", True),
        (403, "", True),
        (0, "UF", True),
        (0, "DC", False),
        (200, "DI", False),
    ],
)
def test_which_lines_are_failures(code: int, flags: str, is_failure: bool) -> None:
    assert failed(AccessLogEntry(code=code, flags=flags)) is is_failure
