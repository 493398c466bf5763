"""What is pasted: log lines, requests, curl, and what is none of it, however long or hostile."""

from __future__ import annotations

import base64
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshdoctor.collect.pasted import LONGEST, claims_of, read

ENTRY = {
    "method": "GET",
    "path": "/pay?card=4111",
    "response_code": 403,
    "response_flags": "-",
    "response_code_details": "rbac_access_denied_matched_policy[none]",
    "downstream_remote_address": "10.1.0.1:5",
    "downstream_local_address": "10.1.0.2:8080",
}
JSON = json.dumps(ENTRY)
TEXT = (
    '[2026-08-01T12:00:00.000Z] "POST /pay HTTP/1.1" 403 - rbac_access_denied_matched_policy[none] - "-" 0 19 0 - "-" "curl" "id" '
    '"payment.bank" "-" inbound|8080|| - 10.1.0.2:8080 10.1.0.1:5 outbound_.8080_._.payment default'
)


def token(claims: dict[str, object]) -> str:
    words = [base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=").decode() for p in ({"alg": "RS256"}, claims)]
    return ".".join([*words, "c2lnbmF0dXJl"])


@pytest.mark.parametrize(
    "text",
    [
        JSON,
        TEXT,
        f"[pod/payment-1/istio-proxy] {JSON}",
        f"2026-08-01T12:00:00Z {TEXT}",
        f"some words\n{JSON}\nmore words",
        f"\x1b[31m{JSON}\x1b[0m",
        f"{JSON}\n" + json.dumps(ENTRY | {"response_code": 200, "response_code_details": "via_upstream"}),
    ],
)
def test_a_line_of_an_access_log(text: str) -> None:
    found = read(text.encode())
    assert found is not None
    assert found.entry is not None
    assert (found.entry.code, found.entry.path, found.details) == (403, "/pay", "rbac_access_denied_matched_policy[none]")


def test_a_request_with_its_headers() -> None:
    text = f"> ignored\nPUT /a/b?x=1 HTTP/1.1\r\nHost: shop.example\r\nX-Team: red\r\nAuthorization: Bearer {token({'iss': 'i', 'sub': 's'})}\r\n\r\nbody: x"
    found = read(text.encode())
    assert found is not None
    assert (found.method, found.path, found.host, found.headers) == ("PUT", "/a/b?x=1", "shop.example", {"x-team": ("red",)})
    assert found.claims == {"iss": "i", "sub": "s"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("curl http://cart.shop:8080/x", ("GET", "/x", "cart.shop:8080", 8080)),
        ("$ curl -s -X DELETE cart.shop/x -H 'Host: a.example'", ("DELETE", "/x", "a.example", None)),
        ("curl -d a=b \\\n  http://u:p@cart.shop/x?y", ("POST", "/x?y", "cart.shop", None)),
        ("curl -I http://cart.shop", ("HEAD", "/", "cart.shop", None)),
        ("curl http://[::1/x", ("GET", "/", "", None)),
    ],
)
def test_a_curl_command(text: str, told: tuple[str, str, str, int | None]) -> None:
    found = read(text.encode())
    assert found is not None
    assert (found.method, found.path, found.host, found.port) == told


def test_envoys_words_alone() -> None:
    found = read(b"it says rbac_access_denied_matched_policy[ns[a]-policy[b]-rule[3]], why?")
    assert found is not None
    assert "policy[b]" in found.details


@pytest.mark.parametrize(
    "text", ["", "hello", "curl", "curl 'unclosed", "{}", '{"response_flags": 1', "\0\1\2\xff", "GET", "get /x"]
)
def test_what_is_none_of_it(text: str) -> None:
    assert read(text.encode("latin-1")) is None


def test_ten_megabytes_are_cut_and_take_no_time() -> None:
    began = time.monotonic()
    for raw in (
        b"a" * 10_000_000,
        b'{"a":' * 2_000_000,
        b"\xff\x00\x1b[" * 2_500_000,
        b'[2026-08-01T "' * 700_000,
        b"ns[" * 3_000_000,
        b"curl " + b"-H a:b " * 1_400_000,
    ):
        read(raw)
    long = read(JSON.encode() + b"\n" + b" " * 10_000_000)
    assert long is not None
    assert long.is_cut
    assert LONGEST < 10_000_000
    assert time.monotonic() - began < 20


@given(st.binary(max_size=300))
def test_nothing_breaks_it(raw: bytes) -> None:
    read(raw)
    claims_of(raw.decode("latin-1"))


@given(st.text("{}[]\"':./ abcGETHP1\n-", max_size=200))
def test_nothing_like_it_breaks_it(text: str) -> None:
    read(text.encode())
    read(f"curl {text}".encode())
