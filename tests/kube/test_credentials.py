"""kubeconfigs as kubectl reads them; plugins run apart, cannot hang us, and their words are the error."""

from __future__ import annotations

import asyncio
import base64
import os
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshdoctor.kube.credentials import Credentials, contexts, load
from meshdoctor.model.errors import CredentialsError, UsageError


def write(path: Path, user: dict[str, Any], *, name: str = "here", current: str | None = "here", **cluster: Any) -> str:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": f"c-{name}", "cluster": {"server": f"https://{name}.example:6443", **cluster}}],
        "users": [{"name": f"u-{name}", "user": user}],
        "contexts": [{"name": name, "context": {"cluster": f"c-{name}", "user": f"u-{name}"}}],
    } | ({"current-context": current} if current else {})
    path.write_text(yaml.safe_dump(document))
    return str(path)


def plugin(tmp_path: Path, script: str) -> dict[str, Any]:
    program = tmp_path / "login-plugin"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(program), "args": ["--cluster", "eu-1"]}}


def answer(status: str) -> str:
    return f"""echo '{{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {status}}}'"""


async def test_a_token_and_everything_of_the_cluster(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("CA")
    extra: dict[str, Any] = {
        "certificate-authority": "ca.pem",
        "tls-server-name": "inner",
        "proxy-url": "http://proxy:1",
        "insecure-skip-tls-verify": True,
    }
    found = await load(write(tmp_path / "config", {"token": "abc"}, **extra))
    assert (found.context, found.cluster, found.user, found.namespace) == ("here", "c-here", "u-here", "default")
    assert found.server == "https://here.example:6443"
    assert found.headers == {"Authorization": "Bearer abc"}
    assert found.ca_file == str(tmp_path / "ca.pem")  # relative to the file that names it
    assert (found.tls_server_name, found.proxy_url, found.verify) == ("inner", "http://proxy:1", False)


async def test_data_wins_over_files(tmp_path: Path) -> None:
    data = {f"client-{part}-data": base64.b64encode(part.encode()).decode() for part in ("certificate", "key")}
    found = await load(write(tmp_path / "config", data | {"client-certificate": "/not/there"}))
    assert (found.client_cert_data, found.client_key_data, found.client_cert_file) == (b"certificate", b"key", None)


async def test_token_file_password_and_impersonation(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("fresh\n")
    found = await load(write(tmp_path / "a", {"token": "old", "tokenFile": "token"}))
    assert found.headers == {"Authorization": "Bearer fresh"}
    assert found.renewable
    found = await load(write(tmp_path / "b", {"username": "me", "password": "pw", "as": "jane", "as-groups": ["x", "y"]}))
    assert found.headers == {"Authorization": "Basic " + base64.b64encode(b"me:pw").decode()}
    assert found.impersonate == (("Impersonate-User", "jane"), ("Impersonate-Group", "x"), ("Impersonate-Group", "y"))


async def test_a_list_of_files_merges_and_the_first_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "ca.pem").write_text("CA")
    first = write(tmp_path / "one", {"token": "1"}, name="one", current="two")
    second = write(tmp_path / "sub" / "two", {"token": "2"}, name="two", current="one", **{"certificate-authority": "ca.pem"})
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join([first, str(tmp_path / "missing"), second]))
    found = await load()
    assert (found.context, found.headers["Authorization"]) == ("two", "Bearer 2")
    assert found.ca_file == str(tmp_path / "sub" / "ca.pem")
    listed = contexts()
    assert listed.current == "two"
    assert [(c.name, c.server) for c in listed.names] == [("one", "https://one.example:6443"), ("two", "https://two.example:6443")]
    assert (await load(None, "one")).headers == {"Authorization": "Bearer 1"}


async def test_an_unknown_context_names_the_near_ones(tmp_path: Path) -> None:
    config = write(tmp_path / "config", {}, name="production-eu")
    with pytest.raises(UsageError, match="Did you mean production-eu") as why:
        await load(config, "prodution-eu")
    assert why.value.exit_code == 64
    with pytest.raises(UsageError, match="There are: production-eu"):
        await load(config, "zzz")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no contexts"),
        ("apiVersion: v1\nkind: Config\n", "no contexts"),
        ("contexts: []\n", "no contexts"),
        ("a: [", "not valid YAML"),
        ("- a\n", "not a kubeconfig"),
        ("just text", "not a kubeconfig"),
        ("contexts: {a: b}", "not a list"),
        ("contexts: [{context: {}}]", "lacks name"),
        ("contexts: [{name: a, context: {cluster: c}}]", "no current context"),
        ("current-context: a\ncontexts: [{name: a, context: {cluster: c}}]", "cluster 'c'"),
        ("current-context: a\nclusters: [{name: c}]\ncontexts: [{name: a, context: {cluster: c}}]", "no server"),
        (
            "current-context: a\nclusters: [{name: c, cluster: {server: 'ftp://x'}}]\ncontexts: [{name: a, context: {cluster: c}}]",
            "no http",
        ),
        ("current-context: a\nclusters: [{name: c}]\ncontexts: [{name: a, context: {cluster: c, user: u}}]", "user 'u'"),
    ],
)
async def test_a_broken_kubeconfig_is_a_usage_error(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "config").write_text(text)
    with pytest.raises(UsageError, match=words):
        await load(str(tmp_path / "config"))


async def test_no_kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(UsageError, match="no kubeconfig"):
        await load(str(tmp_path / "missing"))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "missing"))
    with pytest.raises(UsageError, match="no kubeconfig"):
        await load()
    with pytest.raises(UsageError, match="cannot be read"):
        await load(str(tmp_path))
    assert contexts().names == ()


async def test_a_plugin_gives_a_token_and_when_it_ends(tmp_path: Path) -> None:
    script = 'test -t 0 && exit 3\ntest "$1" = --cluster || exit 4\n'
    user = plugin(tmp_path, script + answer('{"token": "t0", "expirationTimestamp": "2031-01-02T03:04:05Z"}'))
    found = await load(write(tmp_path / "config", user))
    assert found.headers == {"Authorization": "Bearer t0"}
    assert found.renewable
    assert found.expires is not None
    assert found.expires.year == 2031


async def test_a_plugin_gives_a_certificate(tmp_path: Path) -> None:
    user = plugin(tmp_path, answer('{"clientCertificateData": "CERT", "clientKeyData": "KEY"}'))
    found = await load(write(tmp_path / "config", user))
    assert (found.client_cert_data, found.client_key_data, found.headers) == (b"CERT", b"KEY", {})


async def test_a_plugin_that_hangs_is_stopped_with_all_it_started_and_quoted(tmp_path: Path) -> None:
    mark = tmp_path / "pids"
    user = plugin(tmp_path, f"sleep 60 & echo $! > {mark}; echo 'To sign in, open https://login.example' >&2; cat; sleep 60")
    started = time.monotonic()
    with pytest.raises(CredentialsError, match=r"login-plugin --cluster eu-1 gave no .* 1.5 s .* open https://login.example"):
        await load(write(tmp_path / "config", user), limit_s=1.5)
    assert time.monotonic() - started < 30  # it would sleep for a minute
    pid = int(mark.read_text())
    state = Path(f"/proc/{pid}/stat")
    while state.exists() and state.read_text().split()[2] != "Z":  # killed, but not yet gone on a busy machine
        assert time.monotonic() - started < 50
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 'session expired: run sso login' >&2; exit 2", r"returned 2.*session expired: run sso login"),
        ("echo 'this is no JSON'", "failed to decode"),
        (answer("{}"), "neither a token nor a certificate"),
        ("echo '{}'", "missing key"),
        ("echo '[1]'", "login-plugin"),
        ("echo null", "login-plugin"),
        ("head -c 300000 /dev/zero; exit 0", "login-plugin"),
    ],
)
async def test_a_plugin_that_fails_is_named_and_quoted(tmp_path: Path, script: str, words: str) -> None:
    with pytest.raises(CredentialsError, match="login-plugin --cluster eu-1") as why:
        await load(write(tmp_path / "config", plugin(tmp_path, script)))
    import re

    assert re.search(words, str(why.value)), str(why.value)
    assert why.value.exit_code == 3


async def test_a_plugin_that_is_not_installed(tmp_path: Path) -> None:
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "no-such-login"}}
    with pytest.raises(CredentialsError, match="no-such-login is not installed"):
        await load(write(tmp_path / "config", user))


async def test_a_static_token_spares_the_plugin(tmp_path: Path) -> None:
    user = plugin(tmp_path, "exit 9") | {"token": "static"}
    assert (await load(write(tmp_path / "config", user))).headers == {"Authorization": "Bearer static"}


async def test_an_auth_provider_goes_through_kubernetes_config(tmp_path: Path) -> None:
    body = base64.urlsafe_b64encode(b'{"exp": 4102444800}').decode().rstrip("=")
    token = f"{body}.{body}.{body}"
    user = {"auth-provider": {"name": "oidc", "config": {"id-token": token}}}
    assert (await load(write(tmp_path / "a", user))).headers == {"Authorization": f"Bearer {token}"}
    with pytest.raises(CredentialsError, match="azure"):
        await load(write(tmp_path / "b", {"auth-provider": {"name": "azure", "config": {}}}))


@pytest.mark.parametrize(
    ("server", "loopback"),
    [
        ("https://127.0.0.1:6443", True),
        ("https://[::1]:6443", True),
        ("http://localhost", True),
        ("https://10.0.0.1", False),
        ("https://a.b", False),
    ],
)
def test_loopback(server: str, loopback: bool) -> None:
    assert Credentials(server=server).loopback is loopback


@pytest.mark.parametrize("token", ["secret\nInjected: x", "sécret"])
async def test_a_token_that_no_header_can_carry_is_not_quoted(tmp_path: Path, token: str) -> None:
    with pytest.raises(CredentialsError, match="characters") as why:
        await load(write(tmp_path / "config", {"token": token}))
    assert "cret" not in str(why.value)
