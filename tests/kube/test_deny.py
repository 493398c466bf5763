"""What would change a proxy, istiod or the cluster is never sent, however it is written."""

from __future__ import annotations

import pytest

from meshdoctor.kube.client import ApiClient
from meshdoctor.kube.deny import Refused, refuse, refuse_api, refuse_exec, refuse_secret_bodies
from tests.kube.servers import echo_pod, serving

EVIL = [
    "/quitquitquit",
    "/quitquitquit/",
    "//quitquitquit",
    "/./quitquitquit",
    "/stats/../quitquitquit",
    "/QuitQuitQuit",
    "/%71uitquitquit",
    "/%2571uitquitquit",
    "/quitquitquit;x=1",
    "/x;/quitquitquit",
    "/quitquitquit?",
    "/quitquitquit%3Fx",
    "/quitquitquit#x",
    "/quitquitquit%00",
    "/quit\u200bquitquit",
    "/ｑuitquitquit",
    "\\quitquitquit",
    "http://localhost:15000/quitquitquit",
    "quitquitquit",
    "/drain_listeners?graceful",
    "/healthcheck/fail",
    "/healthcheck/ok",
    "/healthcheck",
    "/reset_counters",
    "/runtime_modify?key=value",
    "/logging",
    "/logging?level=debug",
    "/logging?paths=rbac:debug",
    "/cpuprofiler?enable=y",
    "/heapprofiler?enable=y",
    "/heap_dump",
    "/contention",
    "/tap",
    "/reopen_logs",
    "/drain",
    "/stats/recentlookups/clear",
    "/-/quit",
    "/debug/adsz?push=true",
    "/debug/adsz?proxyID=x&push=true",
    "/debug/adsz?proxyID=x;push=true",
    "/debug/adsz?PUSH=1",
    "/debug/adsz?push",
    "/debug/adsz?%70ush=true",
    "/debug/adsz%3Fpush=true",
    "/debug/adsz/?push=true",
    "//debug//adsz?push=true",
    "/debug/adsz?x=1%26push=true",
    "/debug/cachez?clear=true",
    "/debug/cachez?sizes=true&clear",
    "/debug/force_disconnect?proxyID=x",
    "/debug/pprof/profile",
]

GOOD = [
    "/clusters?format=json",
    "/config_dump?resource=dynamic_listeners&mask=name,error_state.details",
    "/config_dump?resource=dynamic_listeners&name_regex=virtualInbound",
    "/stats?format=json&filter=%28update_rejected%7Crbac%5C.%7C%5Eserver%5C.%28live%29%29",
    "/stats/prometheus",
    "/certs",
    "/server_info",
    "/ready",
    "/healthz/ready",
    "/debug/syncz",
    "/debug/adsz?proxyID=x",
    "/debug/cachez?sizes=true",
    "/debug/config_dump?proxyID=cart.shop",
    "/metrics",
    "/version",
    "/api/v1/query?query=sum(rate(envoy_cluster_upstream_rq%7Bx%3D%22push%22%7D%5B1m%5D))",
]


@pytest.mark.parametrize("path", EVIL)
def test_state_changing_paths_are_refused(path: str) -> None:
    with pytest.raises(Refused):
        refuse("GET", path)


@pytest.mark.parametrize("path", GOOD)
def test_reads_pass(path: str) -> None:
    refuse("GET", path)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "post", "CONNECT", ""])
def test_only_get_goes_to_pods(method: str) -> None:
    with pytest.raises(Refused):
        refuse(method, "/stats")


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["sh", "-c", "pilot-agent request GET /stats"],
        ["pilot-agent", "request", "POST", "/stats"],
        ["pilot-agent", "request", "get", "/stats"],
        ["pilot-agent", "request", "GET", "/stats", "body"],
        ["pilot-agent", "request", "GET", "/quitquitquit"],
        ["pilot-agent", "request", "--debug-port", "15000", "POST", "/logging"],
        ["pilot-agent", "request", "--debug-port", "-1", "GET", "/stats"],
        ["pilot-agent", "wait"],
        ["/tmp/pilot-agent", "request", "GET", "/stats"],
    ],
)
def test_nothing_else_is_executed(command: list[str]) -> None:
    with pytest.raises(Refused):
        refuse_exec(command)


def test_the_request_command_is_executed() -> None:
    refuse_exec(["pilot-agent", "request", "GET", "/clusters?format=json"])
    refuse_exec(["pilot-agent", "request", "--debug-port", "15020", "GET", "/healthz/ready"])
    refuse_exec(["pilot-discovery", "request", "GET", "/debug/syncz"])


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/namespaces/a/pods"),
        ("DELETE", "/api/v1/namespaces/a/pods/b"),
        ("PATCH", "/api/v1/namespaces/a/pods/b"),
        ("PUT", "/api/v1/namespaces/a/pods/b"),
        ("POST", "/api/v1/namespaces/a/pods/b/portforward?ports=15000"),
        ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews/../../../../api/v1/namespaces"),
        ("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews"),
        ("GET", "/api/v1/namespaces/a/pods/b/exec?command=rm&command=-rf"),
        ("GET", "/api/v1/namespaces/a/pods/b/exec"),
        ("GET", "/api/v1/namespaces/a/pods/b/attach?stdin=true"),
        ("GET", "/api/v1/namespaces/a/pods/b/%65xec?command=reboot"),
        ("GET", "/api/v1/namespaces/a/pods/b/exec?command=pilot-agent&command=request&command=GET&command=%2Fquitquitquit"),
        ("GET", "/api/v1/namespaces/a/pods/b:15020/proxy/quitquitquit"),
        ("GET", "/api/v1/namespaces/a/pods/b:15014/proxy/debug/adsz?push=true"),
        ("GET", "/api/v1/namespaces/a/services/b:80/proxy/%71uitquitquit"),
        ("GET", "/api/v1//namespaces/a/pods/b:15020/proxy//quitquitquit"),
        ("GET", "/api/v1/x/../namespaces/a/pods/b"),
    ],
)
def test_the_api_server_is_only_read(method: str, path: str) -> None:
    with pytest.raises(Refused):
        refuse_api(method, path)


def test_the_api_server_may_be_asked() -> None:
    refuse_api("GET", "/api/v1/pods?resourceVersion=0")
    refuse_api("GET", "/api/v1/namespaces/logging/pods/tap/log?container=x")
    refuse_api("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")
    refuse_api("GET", "/api/v1/namespaces/a/pods/b/portforward?ports=15000")
    refuse_api("GET", "/api/v1/namespaces/a/pods/b:15090/proxy/stats/prometheus")
    refuse_api(
        "GET",
        "/api/v1/namespaces/a/pods/b/exec?container=istio-proxy&command=pilot-agent&command=request&command=GET&command=%2Fcerts",
    )


@pytest.mark.parametrize(
    "path", ["/api/v1/secrets", "/api/v1/namespaces/a/secrets", "/api/v1/namespaces/a/secrets/b", "/api/v1/%73ecrets?x"]
)
def test_secrets_are_metadata_only(path: str) -> None:
    metadata = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    refuse_secret_bodies(path, metadata)
    for accept in ("application/json", "*/*", f"{metadata},application/json", ""):
        with pytest.raises(Refused):
            refuse_secret_bodies(path, accept)


def test_a_namespace_may_be_called_secrets() -> None:
    refuse_secret_bodies("/api/v1/namespaces/secrets/pods", "application/json")


async def test_the_transport_refuses_before_anything_is_sent() -> None:
    async with serving(socket=echo_pod({})) as server, ApiClient(server.credentials) as api:
        for path in EVIL:
            with pytest.raises(Refused):
                await api.pod_get("a", "b", 15000, path)
        with pytest.raises(Refused):
            await api._pods._forwards.get(("a", "b", 15000), "/quitquitquit", 1000)
        with pytest.raises(Refused):
            await api.get_bytes("/api/v1/secrets")
    assert server.requests == []
