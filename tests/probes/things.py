"""Short YAML for the objects that tests of rules need."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import yaml

from meshdoctor.model.envoy import AccessLogEntry, Envoy, Logs
from tests.conftest import NOW

BEFORE = "2026-08-01T10:00:00Z"


def thing(api: str, kind: str, where: str, spec: dict[str, Any] | None = None, **more: Any) -> str:
    """One object; `where` is `namespace/name`; `created`, `labels`, `annotations` and `status` may follow."""
    namespace, _, name = where.rpartition("/")
    meta: dict[str, Any] = {"name": name, "creationTimestamp": more.pop("created", BEFORE)}
    if namespace:
        meta["namespace"] = namespace
    for key in ("labels", "annotations", "generation", "ownerReferences"):
        if key in more:
            meta[key] = more.pop(key)
    body = {"apiVersion": api, "kind": kind, "metadata": meta, **more}
    if spec is not None:
        body["spec"] = spec
    return "---\n" + yaml.dump(body, Dumper=yaml.CSafeDumper)


def service(where: str, ports: str = "http:8080:8080", app: str = "", **more: Any) -> str:
    """A Service of the pods `app: NAME`; ports are `name:port:target`, with commas."""
    spec: dict[str, Any] = {"ports": [], "clusterIP": "10.0.0.1"}
    for one in ports.split(","):
        name, port, target = one.split(":")
        spec["ports"].append({"name": name, "port": int(port), "targetPort": int(target) if target.isdigit() else target})
    spec["selector"] = {"app": app or where.rpartition("/")[2]}
    return thing("v1", "Service", where, spec | more.pop("spec", {}), **more)


def pod(where: str, labels: dict[str, str] | None = None, *, ready: bool = True, proxy: bool = True, **more: Any) -> str:
    """A running pod `app: NAME` (the name up to the first dash) of a Deployment of that name."""
    name = where.rpartition("/")[2]
    app = name.split("-")[0]
    containers = [{"name": "app", "ports": [{"name": "web", "containerPort": 8080}]}] if not more.pop("gateway", False) else []
    if proxy:
        containers.append({"name": "istio-proxy", "args": ["proxy", "sidecar" if containers else "router"]})
    state = "True" if ready else "False"
    status = {
        "phase": "Running",
        "podIP": more.pop("ip", "10.1.0.9"),
        "conditions": [{"type": "Ready", "status": state, "lastTransitionTime": BEFORE}],
    }
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{app}-5d", "controller": True}
    return thing(
        "v1",
        "Pod",
        where,
        {"containers": containers, "serviceAccountName": more.pop("account", app)} | more.pop("spec", {}),
        labels={"app": app, "pod-template-hash": "5d"} | (labels or {}),
        ownerReferences=[owner],
        status=status,
        **more,
    )


def deployment(where: str, labels: dict[str, str], replicas: int = 1, **more: Any) -> str:
    template = {"metadata": {"labels": labels}, "spec": {"containers": []}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return thing("apps/v1", "Deployment", where, spec, **more)


def virtual_service(where: str, **spec: Any) -> str:
    created = {"created": spec.pop("created")} if "created" in spec else {}
    return thing("networking.istio.io/v1", "VirtualService", where, spec, **created)


def to(host: str, subset: str = "", weight: int = 0, **rule: Any) -> dict[str, Any]:
    """One http rule that routes to a host."""
    destination = {"host": host} | ({"subset": subset} if subset else {})
    return {"route": [{"destination": destination, "weight": weight}], **rule}


def destination_rule(where: str, host: str, *subsets: str, **spec: Any) -> str:
    """Subsets named `v1` have the labels `version: v1`."""
    named = [{"name": s, "labels": {"version": s}} for s in subsets]
    return thing("networking.istio.io/v1", "DestinationRule", where, {"host": host, "subsets": named} | spec)


def gateway(where: str, *servers: dict[str, Any], selector: dict[str, str] | None = None, **more: Any) -> str:
    spec = {"selector": selector or {"istio": "ingress"}, "servers": list(servers)}
    return thing("networking.istio.io/v1", "Gateway", where, spec, **more)


def server(port: int, protocol: str, *hosts: str, name: str = "", **tls: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "port": {"number": port, "name": name or f"{protocol.lower()}-{port}", "protocol": protocol},
        "hosts": list(hosts),
    }
    return made | ({"tls": tls} if tls else {})


def entry(where: str, *hosts: str, **spec: Any) -> str:
    base = {"hosts": list(hosts), "ports": [{"number": 443, "name": "tls", "protocol": "TLS"}], "resolution": "DNS"}
    created = {"created": spec.pop("created")} if "created" in spec else {}
    return thing("networking.istio.io/v1", "ServiceEntry", where, base | spec, **created)


def logged(where: str, *lines: AccessLogEntry, **parts: Any) -> Envoy:
    """A proxy whose access log holds these lines."""
    namespace, _, name = where.partition("/")
    return Envoy(namespace=namespace, name=name, parts={"logs": Logs(access=lines), **parts})


def line(cluster: str = "", flags: str = "-", code: int = 503, ago_s: float = 10, **more: Any) -> AccessLogEntry:
    time = NOW - timedelta(seconds=ago_s)
    return AccessLogEntry(time=time, code=code, flags=flags, upstream_cluster=cluster, method="GET", path="/", **more)


def all_of(*texts: str | Iterable[str]) -> str:
    return "\n".join(t if isinstance(t, str) else "\n".join(t) for t in texts)
