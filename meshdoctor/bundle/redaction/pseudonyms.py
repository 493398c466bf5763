"""Other names and addresses in the place of the real ones: the same for the same wherever they stand, in one bundle."""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from meshdoctor.bundle.archive import Answer
from meshdoctor.bundle.lists import recorded_lists

_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9a-f]{1,4}:){2,7}(?::?[0-9a-f]{1,4}){1,6}(?![\w:])")
_SHORTEST = 3
# Words that mean the same in every cluster: names of Kubernetes and Istio, of their namespaces, ports and fields.
_COMMON = frozenset(
    {
        "default", "kubernetes", "kube-system", "kube-public", "kube-node-lease", "istio", "istiod", "istio-system", "istio-d",
        "istio-proxy", "istio-init", "istio-validation", "istio-ingress", "istio-egress", "istio-ingressgateway",
        "istio-egressgateway", "istio-ca-root-cert", "istio-sidecar-", "injector", "istio-ca-secret", "istio-remote",
        "istio-reader", "istio-cni", "istio-cni-node", "ztunnel", "waypoint", "prometheus", "grafana", "kiali", "jaeger",
        "monitoring", "coredns", "kube-dns", "kube-proxy", "metrics-server", "http", "https", "http2", "grpc", "tcp", "tls", "mtls",
        "tcp-tls", "mysql", "mongo", "redis", "udp", "status", "spec", "metadata", "name", "namespace", "service", "services",
        "pod", "pods", "node", "nodes", "host", "hosts", "port", "ports", "app", "apps", "api", "apis", "web", "main", "master",
        "control-plane", "system", "public", "proxy", "sidecar", "gateway", "gateways", "mesh", "ingress", "egress", "inbound",
        "outbound", "cluster", "clusters", "local", "svc", "data", "config", "test", "global", "root", "version", "labels", "type",
        "kind", "list", "get", "watch", "all", "true", "false", "null", "none", "com", "org", "net", "io", "dev", "prod", "staging",
        "stable", "canary", "v1", "v2", "v3", "latest", "istio-revision-tag-default", "revision-tag-default", "istio-validator",
        "istio-galley", "remote", "internal", "external", "envoy",
    }
)  # fmt: skip
_NAMED = frozenset(
    {
        "namespaces", "services", "deployments", "statefulsets", "daemonsets", "jobs", "cronjobs", "serviceaccounts", "nodes",
        "virtualservices", "destinationrules", "gateways", "serviceentries", "workloadentries", "workloadgroups", "sidecars",
        "envoyfilters", "authorizationpolicies", "peerauthentications", "requestauthentications", "telemetries", "wasmplugins",
        "httproutes", "grpcroutes", "secrets", "configmaps",
    }
)  # fmt: skip
_FIELDS = frozenset({"apiVersion", "kind", "resourceVersion", "uid", "creationTimestamp", "@type", "type_url"})
_CERTIFICATES = frozenset({"certificate_chain", "certificateChain"})  # they name workloads and hosts, and cannot be rewritten
ENVOYS = {"inline_bytes": "W3JlZGFjdGVkXQ==", "inline_string": "[redacted]"}  # as Envoy hides keys
_WORD = re.compile(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*")


class Pseudonyms:
    """Learns the names of a mesh, then replaces them. Addresses of one network stay addresses of one network."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._names: dict[str, str] = {}
        self._hosts: re.Pattern[str] | None = None
        self._host_names: dict[str, str] = {}
        self._cached: dict[str, str] = {}
        self._addresses: dict[str, str] = {}

    def learn(self, answers: Mapping[str, Answer]) -> None:
        """Take the names of objects, nodes and outside hosts."""
        names: set[str] = set()
        hosts: set[str] = set()
        for listed in recorded_lists(answers).values():
            for item in listed.items():
                metadata = item.get("metadata") or {}
                if listed.place.plural in _NAMED:
                    names.add(str(metadata.get("name", "")))
                names.add(str(metadata.get("namespace", "")))
                hosts.update(_hosts_of(item))
        self._names = {n: self._name("n", n) for n in names if len(n) >= _SHORTEST and n.lower() not in _COMMON}
        outside = sorted((h for h in hosts if "." in h and not h.endswith(("cluster.local", ".local"))), key=len, reverse=True)
        self._host_names = {h: f"{self._name('h', h)}.example" for h in outside}
        if outside:
            self._hosts = re.compile(r"(?<![\w-])(?:" + "|".join(re.escape(h) for h in outside) + r")(?![\w-])")

    def _name(self, prefix: str, name: str) -> str:
        return f"{prefix}{hmac.digest(self._key, name.encode(), 'sha256').hex()[:8]}"

    def body(self, body: bytes) -> bytes:
        """A body: in JSON the names of fields stay."""
        if body[:1] in (b"{", b"["):
            try:
                return msgspec.json.encode(self._value(msgspec.json.decode(body)))
            except (msgspec.DecodeError, RecursionError):
                pass
        return self.text(body.decode("utf-8", "replace")).encode()

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self._value(v) for v in value]
        if isinstance(value, dict):
            return {k: v if k in _FIELDS else _unnamed(v) if k in _CERTIFICATES else self._value(v) for k, v in value.items()}
        return value

    def text(self, text: str) -> str:
        """Text with every name and address replaced."""
        known = self._cached.get(text)
        if known is None:
            known = self._replaced(text)
            if len(text) <= 200:
                self._cached[text] = known
        return known

    def _replaced(self, text: str) -> str:
        if self._hosts is not None and "." in text:
            text = self._hosts.sub(lambda m: self._host_names[m[0]], text)
        if "." in text:
            text = _IPV4.sub(lambda m: self._address(m[0]), text)
        if text.count(":") >= 2:
            text = _IPV6.sub(lambda m: self._address(m[0]), text)
        return _WORD.sub(lambda m: self._word(m[0]), text)

    def _word(self, word: str) -> str:
        """The longest known name that a word begins with, as pods' names do with their Deployment's; else as it is."""
        parts = word.split("-")
        for end in range(len(parts), 0, -1):
            head = "-".join(parts[:end])
            if head in self._names:
                return "-".join([self._names[head], *parts[end:]])
            if head.lower() in _COMMON:
                break
        return word

    def _address(self, text: str) -> str:
        if text not in self._addresses:
            try:
                address = ipaddress.ip_address(text)
            except ValueError:
                return text
            same = address.is_loopback or address.is_unspecified or address.is_link_local or address.is_multicast
            self._addresses[text] = text if same else str(self._shuffled(address))
        return self._addresses[text]

    def _shuffled(self, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
        """Each bit is turned or not by all bits before it, so that addresses share as long a beginning as the real ones do."""
        width, value, made = address.max_prefixlen, int(address), 0
        keep = 8 if address.is_private and width == 32 else 0  # 10/8 stays private; so do most tests on addresses
        for bit in range(width):
            before = value >> (width - bit)
            turn = 0 if bit < keep else hmac.digest(self._key, f"{width}:{bit}:{before}".encode(), "sha256")[0] & 1
            made = (made << 1) | (((value >> (width - 1 - bit)) & 1) ^ turn)
        return type(address)(made)


def _unnamed(value: Any) -> Any:
    """A certificate as Envoy shows a key: there, and not to be read."""
    return {k: ENVOYS.get(k, v) for k, v in value.items()} if isinstance(value, dict) else value


def _hosts_of(item: dict[str, Any]) -> Iterable[str]:
    """Names of hosts that an object speaks of."""
    told = item.get("spec")
    spec: dict[str, Any] = told if isinstance(told, dict) else {}
    for field in ("hosts", "host", "externalName"):
        value = spec.get(field)
        for host in [value] if isinstance(value, str) else value if isinstance(value, list) else ():
            if isinstance(host, str):
                yield host.removeprefix("*.").rpartition("/")[2]
    servers = spec.get("servers")
    for server in servers if isinstance(servers, list) else ():
        yield from (h.rpartition("/")[2].removeprefix("*.") for h in server.get("hosts") or () if isinstance(h, str))
