"""Cases of authorization: policies for a server, and requests with the facts that its proxy knows of them."""

from __future__ import annotations

import base64
import json
import shlex
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import yaml
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from meshdoctor.istio.authorization.request import Request, forwarded_for

NAMESPACE, ROOT = "meshdoctor-authz", "istio-d"
HTTP, TCP = 8080, 8078
CLIENTS = {  # the client's namespace, and what it shows: no identity where its sidecar does not know the server or is missing
    "cart": ("shop", "cluster.local/ns/shop/sa/cart"),
    "storefront": ("shop", "cluster.local/ns/shop/sa/storefront"),
    "payment": ("bank", ""),
    "report": ("legacy", ""),
}
SERVICE_PORT = {HTTP: 80, TCP: TCP, 8081: 8081}
FORGED = "forged"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One request of a case."""

    text: str
    client: str
    port: int = HTTP
    method: str = ""  # none: a connection of TCP
    path: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    token: str = ""

    def raw(self, server: str) -> str:
        """What goes over the wire."""
        if not self.method:
            return "hello\n"
        host = next((v for n, v in self.headers if n.lower() == "host"), f"{server}.{NAMESPACE}:{SERVICE_PORT[self.port]}")
        lines = [f"{self.method} {self.path} HTTP/1.1", f"Host: {host}", "Connection: close", "Content-Length: 0"]
        lines += [f"{n}: {v}" for n, v in self.headers if n.lower() != "host"]
        return "\r\n".join([*lines, f"User-Agent: {self.text}", "", ""])

    def facts(self, server: str, client_ip: str, server_ip: str, claims: dict[str, Any]) -> Request:
        """What the server's proxy knows of it."""
        principal = CLIENTS[self.client][1]
        headers: dict[str, tuple[str, ...]] = {}
        for name, value in self.headers:
            headers[name.lower()] = (*headers.get(name.lower(), ()), value)
        port = SERVICE_PORT[self.port]
        return Request(
            principal=principal,
            source_ip=client_ip,
            remote_ip=forwarded_for(headers) or client_ip,
            destination_ip=server_ip,
            port=self.port,
            sni=f"outbound_.{port}_._.{server}.{NAMESPACE}.svc.cluster.local" if principal else "",
            is_http=bool(self.method),
            host=headers.pop("host", (f"{server}.{NAMESPACE}:{port}",))[0] if self.method else None,
            method=self.method or None,
            path=self.path or None,
            headers=headers,
            has_all_headers=True,
            claims=claims if self.method else {},
            metadata={},
        )


class Case(msgspec.Struct, frozen=True):
    """Policies for one server, and requests to it."""

    name: str
    policies: tuple[dict[str, Any], ...]
    requests: tuple[str, ...]

    def objects(self, server: str, number: int) -> list[dict[str, Any]]:
        """The policies as Kubernetes objects."""
        said = yaml.safe_load(yaml.safe_dump(list(self.policies)).replace("APP", server))
        return [_object(spec, server, f"c{number:03}-{index}") for index, spec in enumerate(said)]

    def asked(self, server: str) -> list[Asked]:
        return [request(text.replace("APP", server)) for text in self.requests]


def _object(spec: dict[str, Any], server: str, name: str) -> dict[str, Any]:
    is_token, in_root = spec.pop("kind", "") == "jwt", spec.pop("in", "") == "root"
    meta: dict[str, Any] = {"name": name, "namespace": ROOT if in_root else NAMESPACE, "labels": {"made-by": NAMESPACE}}
    if "dry" in spec:
        meta["annotations"] = {"istio.io/dry-run": spec.pop("dry")}
    if is_token:
        spec = {"jwtRules": [i | {"jwks": KEYS.jwks} for i in spec["issuers"]]}
    if "targetRefs" not in spec:
        spec["selector"] = {"matchLabels": spec.pop("selector", {"app": server, "made-by": NAMESPACE})}
    kind = "RequestAuthentication" if is_token else "AuthorizationPolicy"
    return {"apiVersion": "security.istio.io/v1", "kind": kind, "metadata": meta, "spec": spec}


def request(text: str) -> Asked:
    client, *words = [w.replace("\0", "\\") for w in shlex.split(text.replace("\\", "\0"))]
    options: dict[str, list[str]] = {"-H": [], "-t": [""], "-p": []}
    while len(words) > 2 and words[-2] in options:
        options[words[-2]].append(words[-1])
        del words[-2:]
    headers = tuple((h.partition(":")[0], h.partition(":")[2]) for h in reversed(options["-H"]))
    token = options["-t"][-1]
    if token:
        headers += (("Authorization", f"Bearer {KEYS.token(token)}"),)
    port = int((options["-p"] or ["0"])[0])
    if words[0] == "tcp":
        options_only = words[1:]
        return Asked(text=text, client=client, port=int(options_only[1]) if options_only else port or TCP)
    return Asked(text=text, client=client, port=port or HTTP, method=words[0], path=words[1], headers=headers, token=token)


def cases() -> list[Case]:
    return msgspec.convert(yaml.safe_load((Path(__file__).parent / "cases.yaml").read_text()), list[Case])


def claims_of(name: str) -> dict[str, Any]:
    now = int(time.time())
    more: dict[str, dict[str, Any]] = {
        "expired": {"exp": now - 3600},
        "early": {"nbf": now + 3600},
        "audience": {"aud": "http://shop.example"},
        "audiences": {"aud": ["third", "other"]},
        "groups": {"groups": ["blue", "red"]},
        "roles": {"realm": {"roles": ["admin"]}},
        "scope": {"scope": "read write"},
        "level": {"level": 7},
        "presenter": {"azp": "app"},
        "carol": {"sub": "carol"},
        "two": {"iss": "two"},
        "twobob": {"iss": "two", "sub": "bob"},
        "three": {"iss": "three"},
    }
    claims = {"iss": "one", "sub": "alice", "exp": now + 36000} | more.get(name, {})
    if name == "nosub":
        del claims["sub"]
    return claims if name else {}


def _words(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Keys:
    """A key of the issuers, and one that is nobody's."""

    def __init__(self) -> None:
        self._own, self._other = (rsa.generate_private_key(65537, 2048) for _ in range(2))
        numbers = self._own.public_key().public_numbers()
        n, e = (_words(x.to_bytes((x.bit_length() + 7) // 8, "big")) for x in (numbers.n, numbers.e))
        self.jwks = json.dumps({"keys": [{"kty": "RSA", "kid": "k", "alg": "RS256", "use": "sig", "n": n, "e": e}]})

    def token(self, name: str) -> str:
        key = self._other if name == FORGED else self._own
        parts = ({"alg": "RS256", "kid": "k", "typ": "JWT"}, claims_of(name))
        said = ".".join(_words(json.dumps(p).encode()) for p in parts)
        return f"{said}.{_words(key.sign(said.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


KEYS = Keys()


def rounds(all_cases: Iterable[Case], servers: list[str]) -> list[list[tuple[str, int, Case]]]:
    """Cases by as many as there are servers: (server, the case's number, the case)."""
    numbered = list(enumerate(all_cases))
    size = len(servers)
    groups = [numbered[i : i + size] for i in range(0, len(numbered), size)]
    return [[(server, n, case) for server, (n, case) in zip(servers, group, strict=False)] for group in groups]
