"""Sixty secrets of twenty kinds, where clusters have them: in objects, dumps and logs. Made up; nothing opens with them."""

from __future__ import annotations

import base64
import json
from typing import Any

from meshdoctor.bundle.archive import Answer
from meshdoctor.bundle.recording import Recorder
from tests.bundle.recorded import listing, thing


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def url64(told: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip("=")


def jwt(number: int) -> str:
    return f"{url64({'alg': 'RS256', 'typ': 'JWT'})}.{url64({'sub': f'user{number}', 'iss': 'https://id'})}.c2lnbmF0dXJl{number:04}AbCdEf"


def pem(number: int, kind: str = "RSA PRIVATE KEY") -> str:
    body = "\n".join(f"MIIEpAIBAAKCAQEA{number:03}{line}x7Zq9Lm2Kp4Rt6Yw8Bv0Nc1Xd3Fg5Hj" for line in range(6))
    return f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----"


def word(number: int) -> str:
    return f"Zk{number:02}qW7pLx9{number:02}mTr"


CANARIES: dict[str, str] = {}


def plant(kind: str, value: str, seen: str = "") -> str:
    """Remember a value that may not be in the bundle; `seen` is the part of it that would give it away."""
    CANARIES[f"{kind} {len(CANARIES) + 1}"] = seen or value
    return value


def answers() -> dict[str, Answer]:
    """A small mesh with all of them in it."""
    kept = Recorder()
    kept.record("api GET /api/v1/pods?resourceVersion=0", 200, "application/json", listing("Pod", *_pods()))
    kept.record("api GET /api/v1/events?resourceVersion=0", 200, "application/json", listing("Event", *_events()))
    kept.record("api GET /api/v1/services", 200, "application/json", listing("Service", _service()))
    for kind, plural, group, items in _istio():
        kept.record(f"api GET /apis/{group}/v1/{plural}", 200, "application/json", listing(kind, *items, version=f"{group}/v1"))
    body = json.dumps(
        {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "istio", "namespace": "istio-system"}, "data": _config()}
    )
    kept.record("api GET /api/v1/namespaces/istio-system/configmaps/istio", 200, "application/json", body.encode())
    metadata = [thing("tls", "shop", annotations={"kubectl.kubernetes.io/last-applied-configuration": _applied()})]
    metadata[0]["metadata"]["annotations"] = metadata[0].pop("annotations")
    kept.record(
        "api GET /api/v1/secrets", 200, "application/json", listing("PartialObjectMetadata", *metadata, version="meta.k8s.io/v1")
    )
    kept.record(
        "pod shop/cart-1:15000 GET /config_dump?mask=dynamic_active_secrets", 200, "application/json", json.dumps(_dump()).encode()
    )
    kept.record("pod shop/cart-1:15000 GET /server_info", 200, "application/json", json.dumps(_server_info()).encode())
    log = "/api/v1/namespaces/shop/pods/cart-1/log?container=istio-proxy&previous=false"
    kept.record(f"api GET {log}", 200, "text/plain", _log().encode())
    kept.record("api GET /version", 200, "application/json", b'{"gitVersion": "v1.36.3"}')
    return kept.answers


def _applied() -> str:
    return json.dumps({"kind": "Secret", "data": {"tls.key": plant("last-applied", b64(pem(1)), b64(pem(1))[40:120])}})


def _pods() -> list[dict[str, Any]]:
    env = [
        {"name": "DB_PASSWORD", "value": plant("password in env", word(1))},
        {"name": "AWS_SECRET_ACCESS_KEY", "value": plant("cloud key", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzEXAMP01")},
        {"name": "AWS_ACCESS_KEY_ID", "value": plant("cloud key", "AKIAZ7Q4EXAMPLE12345")},
        {"name": "DATABASE_URL", "value": "postgres://app:" + plant("password in a URL", word(2)) + "@db:5432/shop"},
        {"name": "SESSION_KEY", "value": plant("session key", word(3))},
        {"name": "PLAIN_LOOKING", "value": plant("jwt in env", jwt(1))},
        {
            "name": "GOOGLE_JSON",
            "value": json.dumps({"type": "service_account", "private_key": plant("service account", pem(2), "A0025x7Zq9")}),
        },
        {
            "name": "KUBECONFIG_B64",
            "value": plant("kubeconfig", b64("users:\n- user:\n    token: " + word(4) + "\n    client-key-data: " + b64(pem(3)))),
        },
        {"name": "ISTIO_META_TOKEN", "value": plant("token in istio's env", word(5))},
        {"name": "PILOT_EXTRA", "value": "https://user:" + plant("password in a URL", word(6)) + "@proxy.corp"},
    ]
    args = ["--log=info", "--password=" + plant("password in args", word(7)), "--api-key", plant("key in args", word(8)),
            "curl -u admin:" + plant("basic in a command", word(9)) + " http://x", "sh -c 'export TOKEN=" + plant("token in a command", word(10)) + "'"]  # fmt: skip
    annotations = {
        "kubectl.kubernetes.io/last-applied-configuration": json.dumps({"spec": {"env": plant("last-applied", word(11))}}),
        "corp.example/deploy-token": plant("token in an annotation", word(12)),
        "corp.example/notes": "PGPASSWORD=" + plant("password in an annotation", word(13)) + " psql",
        "corp.example/key": plant("pem in an annotation", pem(4).replace("\n", "\\n"), "A0045x7Zq9"),
        "corp.example/config": json.dumps({"auth": {"clientSecret": plant("client secret", word(14))}}),
    }
    probe = {"httpGet": {"path": "/", "port": 80, "httpHeaders": [{"name": "Authorization", "value": "Basic " + plant("basic", b64("probe:" + word(15)))},
                                                                 {"name": "Cookie", "value": "sid=" + plant("cookie", word(16))}]}}  # fmt: skip
    container = {"name": "app", "env": env, "args": args, "livenessProbe": probe}
    pod = thing("cart-1", "shop", {"app": "cart"}, spec={"containers": [container]}, status={"phase": "Running"})
    pod["metadata"]["annotations"] = annotations
    return [pod]


def _events() -> list[dict[str, Any]]:
    messages = [
        "Failed to pull image: https://robot:" + plant("password in a URL", word(17)) + "@registry.corp/v2/",
        "Error: secret value is password: " + plant("password in an event", word(18)) + " in line 3",
        "Back-off: token=" + plant("github token", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"),
        "webhook failed: Authorization: Bearer " + plant("bearer", "tok3n" + word(19) + "abcdefgh"),
    ]
    return [thing(f"e{n}", "shop", message=message) for n, message in enumerate(messages)]


def _service() -> dict[str, Any]:
    service = thing("cart", "shop", spec={"ports": [{"port": 80}]})
    service["metadata"]["annotations"] = {
        "slack": "https://hooks.slack.com/services/" + plant("webhook url", "T0ABCDEF1/B0ABCDEF2/" + word(20)),
        "vault.hashicorp.com/agent-token": plant("vault token", "hvs.CAESIJ" + word(21) + "abcdefghij"),
    }
    return service


def _istio() -> list[tuple[str, str, str, list[dict[str, Any]]]]:
    net, sec, ext = "networking.istio.io", "security.istio.io", "extensions.istio.io"
    headers = {
        "request": {
            "set": {
                "authorization": "Bearer " + plant("bearer in a route", word(22) + "abcdefghijk"),
                "x-api-key": plant("header", word(23)),
            }
        }
    }
    match = [{"headers": {"x-auth-token": {"exact": plant("header match", word(24))}}}]
    route = thing("cart", "shop", spec={"hosts": ["cart"], "http": [{"match": match, "headers": headers}]})
    jwks = json.dumps({"keys": [{"kty": "RSA", "n": "public", "e": "AQAB", "d": plant("web key", "d" + word(25) * 2), "p": plant("web key", "p" + word(26))},
                                {"kty": "oct", "k": plant("symmetric web key", "k" + word(27))}]})  # fmt: skip
    request = thing("jwt", "shop", spec={"jwtRules": [{"issuer": "https://id", "jwks": jwks}]})
    when = [{"key": "request.headers[x-secret-token]", "values": [plant("policy", word(28))]}]
    policy = thing("allow", "shop", spec={"rules": [{"when": when}]})
    lua = "function envoy_on_request(h) h:headers():add('x-key', '" + plant("lua", word(29)) + "') end"
    value = {
        "typed_config": {
            "inline_code": lua,
            "http_service": {"server_uri": {"uri": "https://a:" + plant("URL in a filter", word(30)) + "@x"}},
        }
    }
    envoy_filter = thing("lua", "shop", spec={"configPatches": [{"patch": {"value": value}}]})
    plugin = thing(
        "wasm",
        "shop",
        spec={"pluginConfig": {"openid": plant("plug-in", word(31)), "nested": {"password": plant("plug-in", word(32))}}},
    )
    entry = thing(
        "db", "shop", spec={"hosts": ["db"], "endpoints": [{"address": "1.2.3.4", "labels": {"token": plant("label", word(33))}}]}
    )
    return [
        ("VirtualService", "virtualservices", net, [route]), ("RequestAuthentication", "requestauthentications", sec, [request]),
        ("AuthorizationPolicy", "authorizationpolicies", sec, [policy]), ("EnvoyFilter", "envoyfilters", net, [envoy_filter]),
        ("WasmPlugin", "wasmplugins", ext, [plugin]), ("ServiceEntry", "serviceentries", net, [entry]),
    ]  # fmt: skip


def _config() -> dict[str, str]:
    return {
        "mesh": "rootNamespace: istio-system\nextensionProviders:\n- name: x\n  zipkin: {}\n  apiToken: "
        + plant("token in mesh config", word(34))
        + "\n",
        "credentials.json": plant("whole entry", '{"user": "x", "password": "' + word(35) + '"}', word(35)),
        "docker": '{"auths": {"r.corp": {"auth": "' + plant("registry", b64("robot:" + word(36))) + '"}}}',
        "ca-key.pem": plant("pem in a ConfigMap", pem(5, "EC PRIVATE KEY"), "A0055x7Zq9"),
        "pem-b64": plant("pem in base64", b64(pem(6)), b64(pem(6))[60:130]),
    }


def _dump() -> dict[str, Any]:
    tls = {
        "certificate_chain": {"inline_bytes": b64("public")},
        "private_key": {"inline_bytes": plant("key in a dump", b64("not armoured " + word(37)))},
    }
    tickets = {"keys": [{"inline_string": plant("session ticket", word(38) * 3)}]}
    secrets = [
        {"name": "a", "secret": {"tls_certificate": tls}},
        {"name": "b", "secret": {"session_ticket_keys": tickets}},
        {"name": "c", "secret": {"generic_secret": {"secret": {"inline_string": plant("generic secret", word(39))}}}},
        {
            "name": "d",
            "secret": {
                "tls_certificate": {
                    "private_key": {"inline_string": plant("key in a dump", pem(7), "A0075x7Zq9")},
                    "password": {"inline_string": plant("pass phrase", word(40))},
                }
            },
        },
    ]
    oauth = {
        "credentials": {
            "client_id": "x",
            "token_secret": {"inline_string": plant("oauth", word(41))},
            "hmac_secret": {"inline_bytes": plant("hmac", b64(word(42) + "raw"))},
        }
    }
    add = [
        {"header": {"key": "authorization", "value": "Bearer " + plant("header in a dump", word(43) + "abcdefghijklm")}},
        {"header": {"key": "x-api-key", "value": plant("header in a dump", word(44))}},
    ]
    return {"configs": [{"dynamic_active_secrets": secrets}, {"filter": oauth, "request_headers_to_add": add}]}


def _server_info() -> dict[str, Any]:
    metadata = {
        "ANNOTATIONS": {
            "kubectl.kubernetes.io/last-applied-configuration": '{"env": "' + plant("last-applied in a dump", word(45)) + '"}'
        },
        "API_TOKEN": plant("metadata", word(46)),
    }
    return {
        "state": "LIVE",
        "node": {"metadata": metadata},
        "command_line_options": {"config_yaml": "admin:\n  password: " + plant("command line", word(47)) + "\n"},
    }


def _log() -> str:
    stamp = "2026-03-01T11:59:58.000000000Z "
    lines = [
        '[2026-03-01T11:59:58Z] "GET /x?access_token=' + plant("query", word(48)) + '&page=' + plant("query", "p" + word(49)) + ' HTTP/1.1" 200 - via_upstream - "-" 0 0 1 1 "-" "-" "-" "cart:80" "-" - - - - - -',
        "warning envoy jwt: got " + plant("jwt in a log", jwt(2)),
        "debug headers: cookie: session=" + plant("cookie in a log", word(50)) + "; theme=dark",
        "debug set-cookie: id=" + plant("cookie in a log", word(51)),
        '{"authorization":"Basic ' + plant("basic in a log", b64("ops:" + word(52))) + '","path":"/"}',
        "connecting to amqp://guest:" + plant("password in a URL", word(53)) + "@mq:5672",
        "x-forwarded-client-cert: By=spiffe://a;Hash=00;Cert=\"" + plant("client certificate", "-----BEGIN%20CERTIFICATE-----%0AMIIC" + word(54)) + "\"",
        "azure AccountKey=" + plant("azure", b64("storage " + word(55) + word(56))) + ";EndpointSuffix=core",
        "slack xoxb-" + plant("slack", "123456789012-" + word(57)),
        "google key " + plant("google", "AIzaSyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY"),
        "the value of the env again: " + word(1),
        *pem(8).splitlines(),
    ]  # fmt: skip
    plant("pem in a log, line by line", "x", "A0085x7Zq9")
    return "".join(f"{stamp}{line}\n" for line in lines)
