"""Bad input through the command line: one clear line, the documented exit code, nothing lost."""

from __future__ import annotations

import base64
import json
import stat
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest

from meshdoctor.cli import main
from tests.kube.test_client import certificate
from tests.served import Served, serving

AGGREGATED = {"Accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"}
UNAUTHORIZED = json.dumps({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "Unauthorized", "code": 401})


@pytest.fixture(autouse=True)
def _own_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(arguments)
    said = capsys.readouterr()
    assert "Traceback" not in said.out + said.err
    return code, said.out, said.err


def with_user(live: Served, folder: Path, user: str) -> str:
    path = folder / "kubeconfig"
    text = Path(live.kubeconfig).read_text()
    assert "user: {}" in text
    path.write_text(text.replace("user: {}", f"user: {user}"))
    return str(path)


def plugin(folder: Path, script: str) -> str:
    path = folder / "login"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return f'{{exec: {{apiVersion: client.authentication.k8s.io/v1, command: "{path}", interactiveMode: Never}}}}'


@pytest.mark.parametrize("command", [["diagnose"], ["check", "--live"], ["proxies"], ["permissions"], ["proxy", "shop/cart"]])
def test_html_in_front_of_the_api(capsys: pytest.CaptureFixture[str], tmp_path: Path, command: list[str]) -> None:
    with serving(tmp_path) as live:
        live.server.break_("/", 200, "<html><body>Please sign in</body></html>")
        code, _, err = run(capsys, *command, "--kubeconfig", live.kubeconfig)
    assert (code, err.count("\n"), "not" in err, "Please sign in" in err) == (3, 1, True, True)


def test_an_expired_certificate(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    cert, key = (base64.b64encode(part).decode() for part in certificate(days=-3))
    with serving(tmp_path) as live:
        live.server.break_("/", 401, UNAUTHORIZED, "application/json")
        user = with_user(live, tmp_path, f"{{client-certificate-data: {cert}, client-key-data: {key}}}")
        code, _, err = run(capsys, "diagnose", "--kubeconfig", user)
    assert (code, err.count("\n"), "expired on" in err) == (3, 1, True)


def test_a_plugin_that_fails(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with serving(tmp_path) as live:
        user = with_user(live, tmp_path, plugin(tmp_path, "echo 'token store is locked' >&2; exit 7"))
        code, out, err = run(capsys, "diagnose", "-o", "json", "--kubeconfig", user)
    assert (code, err.count("\n"), str(tmp_path / "login") in err, "token store is locked" in err) == (3, 1, True, True)
    assert json.loads(out)["coverage"]["pass"] == 0


def test_a_cluster_without_istio(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    core = {"kind": "APIResourceList", "groupVersion": "v1", "resources": [{"name": "pods", "namespaced": True, "kind": "Pod"}]}
    answers = {"/version": {"gitVersion": "v1.36.3"}, "/api": {"kind": "APIVersions", "versions": ["v1"]}, "/api/v1": core}
    answers["/apis"] = {"kind": "APIGroupList", "groups": []}
    answers["/api/v1/pods"] = {"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": []}

    class Plain(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(answers.get(self.path.partition("?")[0], {})).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Plain) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        path = tmp_path / "kubeconfig"
        clusters = f"clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{server.server_port}'}}}}]"
        path.write_text(f"current-context: c\ncontexts: [{{name: c, context: {{cluster: c}}}}]\n{clusters}\n")
        code, _, err = run(capsys, "diagnose", "-o", "json", "--kubeconfig", str(path))
        server.shutdown()
        thread.join()
    assert (code, err.count("\n"), "No Istio found" in err) == (3, 1, True)


def test_a_version_that_we_do_not_know(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with serving(tmp_path) as live:
        found = httpx.get(f"{live.server.url}/apis", headers=AGGREGATED).json()
        group = next(g for g in found["items"] if g["metadata"]["name"] == "networking.istio.io")
        group["versions"] = [v | {"version": "v9"} for v in group["versions"][:1]]
        live.server.break_("=/apis", 200, json.dumps(found), AGGREGATED["Accept"])
        code, out, _ = run(capsys, "diagnose", "-o", "json", "--kubeconfig", live.kubeconfig)
    told = json.loads(out)
    blind = {s["name"]: s for s in told["sources"] if s["state"] == "error"}
    assert (code, "v9" in blind["virtualservices.networking.istio.io"]["reason"]) == (3, True)
    assert told["coverage"]["pass"] > 10


def test_an_object_that_does_not_decode_is_named_and_the_rest_kept(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    odd = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "odd", "namespace": "shop"},
        "spec": {"host": ["cart"]},
    }
    with serving(tmp_path) as live:
        before = json.loads(run(capsys, "diagnose", "-o", "json", "--kubeconfig", live.kubeconfig)[1])
        live.server.change("/apis/networking.istio.io/v1/destinationrules", "ADDED", odd)
        _, out, _ = run(capsys, "diagnose", "-o", "json", "--kubeconfig", live.kubeconfig)
    name = "destinationrules.networking.istio.io"
    counts = [next(s for s in told["sources"] if s["name"] == name)["objects"] for told in (before, json.loads(out))]
    source = next(s for s in json.loads(out)["sources"] if s["name"] == name)
    assert counts[0] == counts[1]
    assert "odd" in source["reason"]
    assert "shop" in source["reason"]
