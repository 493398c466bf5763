"""Commands of somebody who may read nothing, or one namespace: what was not seen is said, with the way out; nothing crashes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshdoctor.cli import main
from meshdoctor.model import kinds
from meshdoctor.model.sources import Source, SourceState
from meshdoctor.reports.unseen import groups, way_out
from tests.served import Served, serving

ALL = [k.resource() for k in (*kinds.LISTED, *kinds.METADATA_ONLY)]
ROLE = "meshdoctor permissions --role"
COMMANDS = ["proxies", "mtls", "graph", "scan", "gate", "trace shop/cart payment.bank:8080/", "who-can payment.bank"]


@pytest.fixture(autouse=True)
def _own_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path) as served:
        yield served


def run(capsys: pytest.CaptureFixture[str], live: Served, command: str, *flags: str) -> tuple[int, str, str]:
    code = main([*command.split(), *flags, "--kubeconfig", live.kubeconfig])
    said = capsys.readouterr()
    return code, said.out, " ".join(said.err.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_who_may_read_nothing_gets_no_verdict_in_json_and_the_reason(
    capsys: pytest.CaptureFixture[str], live: Served, command: str
) -> None:
    live.server.deny(*ALL)
    code, out, err = run(capsys, live, command, "-o", "json")
    assert (code, "is forbidden in all namespaces" in f"{out}{err}", "our bug" in err) == (3, True, False)
    assert json.loads(out)["schema"].startswith("meshdoctor.")


@pytest.mark.parametrize("command", ["who-can payment.bank", "trace shop/cart payment.bank:8080/", "proxies"])
def test_what_is_elsewhere_is_not_said_to_be_missing(capsys: pytest.CaptureFixture[str], live: Served, command: str) -> None:
    live.server.deny(*ALL, allowed_in=["shop"])
    code, _, err = run(capsys, live, command, "-n", "shop")
    assert (code, "only namespace shop may be read" in err) == (3, True)


def test_the_graph_of_one_namespace_has_its_traffic_and_says_what_is_not_drawn(
    capsys: pytest.CaptureFixture[str], live: Served
) -> None:
    live.server.deny(*ALL, "pods/portforward", "pods/exec", allowed_in=["shop"])
    code, out, err = run(capsys, live, "graph", "-n", "shop", "-o", "tree")
    assert (code, "only namespace shop may be read: who calls whom elsewhere is not drawn" in err) == (0, True)
    assert "access log" in out or "Envoy" in out
    assert "bank/payment" in out


def test_the_text_puts_together_what_has_one_reason_and_tells_the_way_out(capsys: pytest.CaptureFixture[str], live: Served) -> None:
    live.server.deny(*ALL, allowed_in=["shop"])
    _, out, _ = run(capsys, live, "diagnose", "-n", "shop")
    words = " ".join(out.split())
    assert "only namespace shop may be read; what is elsewhere is not judged" in words
    assert (words.count("kubectl auth can-i list"), ROLE in words) == (1, True)
    live.server.deny(*ALL)
    _, out, _ = run(capsys, live, "check", "--live")
    assert out.startswith("◐ No finding in what could be seen (")


def test_permissions_tell_of_the_namespace_that_may_be_read(
    capsys: pytest.CaptureFixture[str], live: Served, tmp_path: Path
) -> None:
    live.server.deny(*ALL, allowed_in=["shop"])
    text = Path(live.kubeconfig).read_text()
    path = tmp_path / "of-shop"
    path.write_text(text.replace("namespace: default", "namespace: shop"))
    assert "namespace: shop" in path.read_text()
    code = main(["permissions", "--kubeconfig", str(path)])
    said = capsys.readouterr()
    lines = {line.split()[2]: line for line in said.out.splitlines()[1:]}
    assert (code, ROLE in said.err) == (3, True)
    assert lines["pods"].startswith("◐")
    assert " in shop " in lines["pods"]
    assert lines["nodes"].startswith("✖")


def test_a_bundle_of_a_cluster_that_cannot_be_asked_promises_nothing(
    capsys: pytest.CaptureFixture[str], live: Served, tmp_path: Path
) -> None:
    refused = json.dumps({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "Unauthorized", "code": 401})
    live.server.break_("/", 401, refused, "application/json")
    code, out, err = run(capsys, live, f"bundle create -o {tmp_path / 'b.tar.gz'}")
    assert (code, out, "refused the credentials" in err, "MB" in err) == (3, "", True, False)


def test_sources_with_one_reason_are_one_group() -> None:
    denied = [
        Source(name=n, state=SourceState.DENIED, reason=f"list {n} is forbidden", command=f"ask {n}") for n in ("a", "b", "pods")
    ]
    other = Source(name="/certs of shop/x", state=SourceState.ERROR, reason="timed out")
    found = groups([*denied, other, Source(name="c")])
    assert [(g.says, g.command) for g in found] == [
        ("a, b, pods: list is forbidden", "ask a"),
        ("/certs of shop/x: timed out", None),
    ]
    assert len(way_out(denied)) == 2
    assert way_out([other]) == ()
