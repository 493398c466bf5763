"""What the API server's answers and silences become: one of our errors, in one clear sentence."""

from __future__ import annotations

import asyncio
import json
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from meshdoctor.kube.client import ApiClient, Denied, NotFound, RequestLine
from meshdoctor.kube.credentials import Credentials, load
from meshdoctor.model.cluster import ConfigMap
from meshdoctor.model.errors import ClusterError, CredentialsError, NotTheAPI, Unreachable, UsageError
from meshdoctor.model.gatewayapi import HTTPRoute
from meshdoctor.model.networking import VirtualService
from meshdoctor.model.workloads import Pod
from tests.kube.servers import Answer, Request, serving, status


def certificate(*, days: int) -> tuple[bytes, bytes]:
    """A self-signed certificate for 127.0.0.1 that ends in so many days, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tester")])
    ends = datetime.now(UTC) + timedelta(days=days)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    signed = builder.serial_number(5).not_valid_before(ends - timedelta(days=90)).not_valid_after(ends).sign(key, hashes.SHA256())
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return signed.public_bytes(serialization.Encoding.PEM), private


async def test_401_is_told_with_user_and_context_and_not_repeated() -> None:
    async with serving(lambda _: Answer(401, status("Unauthorized", 401))) as server:
        who = msgspec.structs.replace(server.credentials, headers={"Authorization": "Bearer x"})
        async with ApiClient(who) as api:
            with pytest.raises(CredentialsError, match=r"401.*'tester' of context 'test'.*expired"):
                await api.version()
    assert len(server.requests) == 1


async def test_401_with_an_expired_certificate_says_when() -> None:
    cert, key = certificate(days=-3)
    async with serving(lambda _: Answer(401, status("Unauthorized", 401))) as server:
        who = msgspec.structs.replace(server.credentials, client_cert_data=cert, client_key_data=key)
        async with ApiClient(who) as api:
            with pytest.raises(CredentialsError, match=rf"expired on {datetime.now(UTC) - timedelta(days=3):%Y-%m-%d}"):
                await api.livez()


async def test_renewable_credentials_are_loaded_anew_once(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("old")

    def answer(request: Request) -> Answer:
        good = request.headers["authorization"] == "Bearer new"
        return Answer(200, "ok") if good else Answer(401, status("Unauthorized", 401))

    async with serving(answer) as server:
        config = {
            "current-context": "x",
            "clusters": [{"name": "c", "cluster": {"server": server.credentials.server}}],
            "users": [{"name": "u", "user": {"tokenFile": "token"}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        }
        (tmp_path / "config").write_text(json.dumps(config))
        async with ApiClient(await load(str(tmp_path / "config"))) as api:
            with pytest.raises(CredentialsError):
                await api.livez()
            (tmp_path / "token").write_text("new")
            assert await api.livez()
    assert len(server.requests) == 3


async def test_403_of_a_path_a_pod_and_a_log() -> None:
    async with serving(lambda _: Answer(403, status("forbidden", 403))) as server, ApiClient(server.credentials) as api:
        with pytest.raises(Denied) as path:
            await api.version()
        with pytest.raises(Denied) as log:
            await api.logs("shop", "cart", "istio-proxy")
    assert path.value.command == "kubectl auth can-i get /version --context=test"
    assert log.value.source_reason == "get pods/log is forbidden in namespace shop"
    assert log.value.command == "kubectl auth can-i get pods --subresource=log -n shop --context=test"


async def test_404_is_not_found() -> None:
    async with serving() as server, ApiClient(server.credentials) as api:
        with pytest.raises(NotFound):
            await api.get("/api/v1/namespaces/a/configmaps/b", ConfigMap)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, "<html><head><style>x{}</style></head><body>Corporate <b>login</b></body></html>", "text/html"),
        Answer(403, "<html>Corporate login</html>", "text/html; charset=utf-8"),
        Answer(200, "Corporate login", "text/plain"),
        Answer(302, "", "text/plain", {"Location": "https://Corporate.login/"}),
        Answer(403, "Corporate login", "text/plain"),
    ],
)
async def test_something_else_that_answers_is_quoted(answer: Answer) -> None:
    async with serving(lambda _: answer) as server, ApiClient(server.credentials) as api:
        with pytest.raises(NotTheAPI, match=r"Corporate.login"):
            await api.version()
        with pytest.raises(NotTheAPI, match=r"Corporate.login"):
            await api.discover()
        with pytest.raises(NotTheAPI, match=r"Corporate.login"):
            await api.list(Pod)


async def test_5xx_is_a_cluster_error_with_its_words() -> None:
    async with serving(lambda _: Answer(500, status("etcd is gone", 500))) as server, ApiClient(server.credentials) as api:
        with pytest.raises(ClusterError, match="500: etcd is gone"):
            await api.livez()


async def test_what_does_not_answer_in_time_is_unreachable_and_named() -> None:
    async with serving(lambda _: Answer(200, "ok", delay=2)) as server, ApiClient(server.credentials, timeout=0.2) as api:
        with pytest.raises(Unreachable, match=rf"127.0.0.1:{server.port} did not answer in time"):
            await api.livez()


async def test_a_refused_connection_is_unreachable_and_named() -> None:
    async with serving() as server:
        who = server.credentials
    async with ApiClient(who) as api:
        with pytest.raises(Unreachable, match=rf"127.0.0.1:{server.port} cannot be reached"):
            await api.livez()


async def test_an_unknown_host_is_unreachable() -> None:
    async with ApiClient(Credentials(server="http://no-such-host.invalid:6443")) as api:
        with pytest.raises(Unreachable, match=r"no-such-host.invalid"):
            await api.livez()


async def test_a_certificate_that_nobody_trusts(tmp_path: Path) -> None:
    cert, key = certificate(days=3)
    (tmp_path / "pem").write_bytes(cert + key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "pem")

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    listener = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
    port = listener.sockets[0].getsockname()[1]
    async with ApiClient(Credentials(server=f"https://127.0.0.1:{port}")) as api:
        with pytest.raises(Unreachable, match=r"certificate of https://127.0.0.1:\d+ cannot be trusted"):
            await api.livez()
    listener.close()


async def test_https_to_a_server_that_speaks_http() -> None:
    async with serving() as server:
        who = msgspec.structs.replace(server.credentials, server=f"https://127.0.0.1:{server.port}")
        async with ApiClient(who) as api:
            with pytest.raises(Unreachable, match="TLS"):
                await api.livez()


def test_a_broken_authority_is_a_credentials_error() -> None:
    with pytest.raises(CredentialsError, match="certificate authority"):
        ApiClient(Credentials(server="https://a", ca_data=b"no certificate"))


async def test_a_server_behind_a_prefix() -> None:
    async with serving(lambda _: Answer(200, '{"gitVersion": "v1.36.3"}')) as server:
        who = msgspec.structs.replace(server.credentials, server=f"{server.credentials.server}/k8s/clusters/c-1")
        async with ApiClient(who) as api:
            assert await api.version() == "v1.36.3"
    assert server.requests[0].target == "/k8s/clusters/c-1/version"


async def test_at_most_eight_short_requests_at_once() -> None:
    running, most = 0, 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal running, most
        await reader.readuntil(b"\r\n\r\n")
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.02)
        running -= 1
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        writer.close()

    listener = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with ApiClient(Credentials(server=f"http://127.0.0.1:{port}")) as api:
        assert all(await asyncio.gather(*(api.livez() for _ in range(30))))
    listener.close()
    assert most == 8


async def test_the_servers_clock() -> None:
    date = "Sat, 01 Aug 2026 12:00:00 GMT"
    async with serving(lambda _: Answer(200, "ok", headers={"Date": date})) as server, ApiClient(server.credentials) as api:
        assert abs(api.now() - datetime.now(UTC)) < timedelta(seconds=1)
        await api.livez()
        assert abs(api.now() - datetime(2026, 8, 1, 12, tzinfo=UTC)) < timedelta(seconds=1)


class Kept:
    """A recorder that keeps keys and bodies."""

    def __init__(self) -> None:
        self.bodies: dict[str, tuple[int, bytes]] = {}

    def record(self, key: str, status: int, content_type: str, body: bytes) -> None:
        self.bodies[key] = (status, body)


async def test_requests_are_told_and_recorded() -> None:
    lines: list[RequestLine] = []
    kept = Kept()
    body = '{"kind":"PodList","items":[]}'
    async with (
        serving(lambda r: Answer(200, body) if "pods" in r.path else Answer(404, status("no", 404))) as server,
        ApiClient(server.credentials, on_request=lines.append, recorder=kept) as api,
    ):
        await api.list(Pod, label_selector="a=b", field_selector="c=d")
        with pytest.raises(NotFound):
            await api.livez()
    assert [(line.status, line.bytes) for line in lines] == [(200, len(body)), (404, 0)]
    key = "api GET /api/v1/pods?fieldSelector=c%3Dd&labelSelector=a%3Db&resourceVersion=0"
    assert kept.bodies[key] == (200, body.encode())
    assert kept.bodies["api GET /livez"][0] == 404


def group(name: str, *versions: tuple[str, list[str]]) -> dict[str, Any]:
    listed = [
        {"version": v, "freshness": "Current", "resources": [{"resource": r} for r in resources]} for v, resources in versions
    ]
    return {"metadata": {"name": name}, "versions": listed}


async def test_discovery_aggregated() -> None:
    core = {"kind": "APIGroupDiscoveryList", "items": [group("", ("v1", ["pods"]))]}
    groups = {
        "kind": "APIGroupDiscoveryList",
        "items": [
            group("networking.istio.io", ("v1", ["virtualservices"]), ("v1beta1", ["virtualservices"])),
            group("gateway.networking.k8s.io", ("v9", ["httproutes"])),
        ],
    }
    async with (
        serving(lambda r: Answer(200, json.dumps(core if r.path == "/api" else groups))) as server,
        ApiClient(server.credentials) as api,
    ):
        found = await api.discover()
    assert len(server.requests) == 2
    assert (found.version_of(Pod), found.version_of(VirtualService), found.version_of(HTTPRoute)) == ("v1", "v1", None)
    assert (found.unknown_version(HTTPRoute), found.unknown_version(Pod), found.unknown_version(ConfigMap)) == ("v9", None, None)


async def test_discovery_of_an_old_server_one_group_broken() -> None:
    def resources(*names: str) -> str:
        return json.dumps({"kind": "APIResourceList", "resources": [{"name": n} for n in names]})

    pages = {
        "/api": json.dumps({"kind": "APIVersions", "versions": ["v1"]}),
        "/apis": json.dumps(
            {
                "kind": "APIGroupList",
                "groups": [
                    {"name": "networking.istio.io", "versions": [{"version": "v1beta1"}]},
                    {"name": "metrics.k8s.io", "versions": [{"version": "v1"}]},
                ],
            }
        ),
        "/api/v1": resources("pods", "pods/log"),
        "/apis/networking.istio.io/v1beta1": resources("virtualservices"),
    }
    broken = Answer(503, "service unavailable", "text/plain")
    async with (
        serving(lambda r: Answer(200, pages[r.path]) if r.path in pages else broken) as server,
        ApiClient(server.credentials) as api,
    ):
        found = await api.discover()
    assert found.served == (("", "v1", "pods"), ("networking.istio.io", "v1beta1", "virtualservices"))
    assert found.failed == ("metrics.k8s.io/v1",)


async def test_review_asks_with_a_post() -> None:
    async with serving(lambda _: Answer(201, '{"status": {"allowed": true}}')) as server, ApiClient(server.credentials) as api:
        assert await api.review("create", "", "pods", "shop", "portforward")
    request = server.requests[0]
    assert (request.method, request.path) == ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")
    spec = json.loads(request.body)["spec"]["resourceAttributes"]
    assert spec == {"verb": "create", "resource": "pods", "namespace": "shop", "subresource": "portforward"}


@pytest.mark.parametrize("server", ["https://a:99999", "https://[::1"])
def test_an_address_that_is_none_is_a_usage_error(server: str) -> None:
    with pytest.raises(UsageError, match="no valid address"):
        ApiClient(Credentials(server=server))


def test_a_proxy_that_is_not_spoken_to_is_a_usage_error_without_its_password() -> None:
    with pytest.raises(UsageError, match="cannot be used") as why:
        ApiClient(Credentials(server="https://a", proxy_url="gopher://me:secret@proxy:1"))
    assert "secret" not in str(why.value)
