"""`meshdoctor who-can` on recorded meshes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from meshdoctor.cli import main
from tests.served import serving

ROOT = Path(__file__).parents[1]
CART = "cluster.local/ns/shop/sa/cart"


@pytest.fixture(autouse=True)
def _own_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)


def run(capsys: pytest.CaptureFixture[str], *arguments: str, demo: str = "healthy") -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(["who-can", *arguments, "--demo", demo])
    said = capsys.readouterr()
    assert "Traceback" not in said.out + said.err
    return code, said.out, said.err


def test_who_may_call_and_by_which_rule(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "payment.bank", "-o", "json")
    rows = json.loads(out)["rows"]
    assert code == 0
    assert {r["principal"] for r in rows if r["verdict"] == "allowed"} == {CART}
    allowed = next(r for r in rows if r["verdict"] == "allowed")
    assert (allowed["by"]["name"], allowed["rule"], allowed["workload_port"]) == ("payment-callers", 0, 8080)
    nobody = next(r for r in rows if r["principal"] is None)
    assert (nobody["verdict"], nobody["by"]["kind"]) == ("denied", "PeerAuthentication")
    denied = next(r for r in rows if (r["principal"] or "").endswith("sa/storefront"))
    assert denied["details"] == "rbac_access_denied_matched_policy[none]"
    assert denied["nearest"]["misses"][0]["path"] == "spec.rules[0].from[0].source.principals"


def test_the_table_puts_those_who_may_first(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "bank/payment")
    lines = out.splitlines()
    assert re.match(r"● may +shop/cart: cart-v1 +8080,8079/http +bank/payment-callers\[0\]$", lines[1])
    assert lines[-1].startswith("✖ reset")


@pytest.mark.parametrize(("caller", "code"), [("shop/cart", 0), ("shop/storefront", 2), ("bank", 2), ("shop", 0)])
def test_one_caller_decides_the_exit_code(capsys: pytest.CaptureFixture[str], caller: str, code: int) -> None:
    assert run(capsys, "payment.bank", "--from", caller, "--method", "GET", "--path", "/x")[0] == code


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["paymnt"], "Near: payment"),
        (["payment.bank", "--from", "nowhere"], "No running pod is of 'nowhere'"),
        (["payment.bank", "--port", "9"], "no port 9"),
        (["payment.bank", "-H", "nonsense"], "is no header"),
        (["payment.bank", "--jwt-claims", "[1]"], "no JSON object"),
        (["payment.bank", "--why", "hello"], "neither a line of an access log nor a request"),
        ([], "No Service was named"),
        (["--why", "GET /x HTTP/1.1"], "No Service was named"),
    ],
)
def test_what_is_wrong_is_said(capsys: pytest.CaptureFixture[str], arguments: list[str], says: str) -> None:
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (64, "")
    assert says in err
    assert err.count("\n") == 1


def addresses(capsys: pytest.CaptureFixture[str], demo: str) -> dict[str, str]:
    """Addresses of pods by the beginning of their names, as the recording has them."""
    import asyncio

    from meshdoctor.bundle.replay import ReplayServer
    from meshdoctor.bundle.scenarios import open_scenario
    from meshdoctor.collect.live import Options, collect
    from meshdoctor.kube.client import ApiClient
    from meshdoctor.kube.credentials import Credentials
    from meshdoctor.model.workloads import Pod

    async def look() -> dict[str, str]:
        async with ReplayServer(open_scenario(demo)) as server:
            credentials = Credentials(context="demo", cluster="demo", server=server.url, user="demo", namespace="default")
            async with ApiClient(credentials) as api:
                mesh = await collect(api, Options())
        return {p.name.partition("-")[0]: p.status.pod_ip for p in mesh[Pod]}

    return asyncio.run(look())


def line(ips: dict[str, str], caller: str, details: str = "rbac_access_denied_matched_policy[none]", code: int = 403) -> str:
    entry = {
        "method": "GET",
        "path": "/",
        "authority": "payment.bank:8080",
        "response_code": code,
        "response_code_details": details,
        "response_flags": "-",
        "downstream_remote_address": f"{ips.get(caller, caller)}:50000",
        "downstream_local_address": f"{ips['payment']}:8080",
        "requested_server_name": "outbound_.8080_._.payment.bank.svc.cluster.local",
    }
    return json.dumps(entry)


def test_why_a_logged_request_was_refused(capsys: pytest.CaptureFixture[str]) -> None:
    ips = addresses(capsys, "caller-refused")
    code, out, _ = run(capsys, "--why", line(ips, "cart"), demo="caller-refused")
    assert code == 2
    assert out.startswith(f"✖ refused  shop/cart-v1 ({CART}) → bank/payment-v1:8080  GET payment.bank:8080/")
    assert "object      AuthorizationPolicy bank/payment-callers  spec.rules[0].from[0].source.principals" in out
    assert f"does not match {CART}" in out
    assert "kubectl -n bank get authorizationpolicy.security.istio.io payment-callers -o yaml" in out


def test_a_refusal_that_is_over_and_callers_that_are_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    ips = addresses(capsys, "healthy")
    assert "it would be let in now" in run(capsys, "--why", line(ips, "cart"))[1]
    _, out, _ = run(capsys, "--why", line(ips, "192.0.2.9"))
    assert "no pod has the caller's address" in out
    assert "does not tell enough" in out
    gone = line(ips, "cart", "rbac_access_denied_matched_policy[ns[bank]-policy[no-one]-rule[2]]")
    assert "rule 2 of AuthorizationPolicy bank/no-one denied it; that policy is gone now" in run(capsys, "--why", gone)[1]
    here = line(ips, "cart", "rbac_access_denied_matched_policy[ns[bank]-policy[payment-callers]-rule[0]]")
    assert "object      AuthorizationPolicy bank/payment-callers  spec.rules[0]" in run(capsys, "--why", here)[1]
    code, out, _ = run(capsys, "--why", line(ips, "cart", "via_upstream"))
    assert (code, "came from the application itself" in out) == (0, True)


def test_why_a_pasted_request_would_be_refused(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "payment.bank", "--from", "shop/storefront", "--why", "curl http://payment.bank:8080/x")
    assert code == 2
    assert "✖ is refused  shop/storefront-v1" in out
    assert run(capsys, "payment.bank", "--from", "shop/cart", "--why", "GET /x HTTP/1.1")[0] == 0


def test_from_standard_input_whatever_comes() -> None:
    command = [sys.executable, "-m", "meshdoctor", "who-can", "--why", "--demo", "healthy"]
    for raw in (b"\x00\xff" * 5_000_000, b"\x1b]0;title\x07" * 1000):
        done = subprocess.run(command, input=raw, capture_output=True, timeout=60, cwd=ROOT, check=False)
        assert done.returncode == 64
        assert done.stderr.count(b"\n") == 1
        assert b"\x1b" not in done.stderr + done.stdout


def test_no_text_of_a_line_reaches_the_screen_raw(capsys: pytest.CaptureFixture[str]) -> None:
    ips = addresses(capsys, "healthy")
    hostile = json.dumps(json.loads(line(ips, "cart")) | {"path": "/\x1b[31m\u202eevil", "authority": "[bold]x"})
    _, out, _ = run(capsys, "--why", hostile)
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "[bold]x" in out


def test_a_token_is_read_and_never_shown(capsys: pytest.CaptureFixture[str]) -> None:
    import base64

    words = [base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in ({"alg": "none"}, {"iss": "i"})]
    secret = ".".join([*words, "c2VjcmV0LXNpZ25hdHVyZQ"])
    text = f"GET /x HTTP/1.1\nAuthorization: Bearer {secret}\n"
    _, out, err = run(capsys, "payment.bank", "--from", "shop/cart", "--why", text, "-o", "json")
    assert "c2VjcmV0" not in out + err


def test_the_least_that_was_observed(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "shop/cart", "--propose")
    policy = yaml.safe_load(out)
    assert code == 0
    assert policy["metadata"]["annotations"] == {"istio.io/dry-run": "true"}
    (rule,) = policy["spec"]["rules"]
    assert rule["from"] == [{"source": {"principals": ["cluster.local/ns/shop/sa/storefront"]}}]
    assert rule["to"][0]["operation"]["ports"] == ["8090"]
    assert "of access logs: 1 identity called" in out
    _, nobody, _ = run(capsys, "legacy/report", "--propose")
    assert "would refuse everybody" in nobody


@pytest.mark.parametrize("kind", ["authorizationpolicies", "requestauthentications", "peerauthentications", "pods"])
def test_what_may_not_be_read_is_no_answer(capsys: pytest.CaptureFixture[str], tmp_path: Path, kind: str) -> None:
    with serving(tmp_path) as served:
        served.server.deny(kind)
        code = main(["who-can", "bank/payment", "--kubeconfig", served.kubeconfig, "-o", "json"])
    said = capsys.readouterr()
    assert code == 3
    assert kind in json.loads(said.out)["error"]
    assert f"who may call cannot be told: {kind}" in said.err
