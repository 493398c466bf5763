"""Small recordings for tests."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from meshdoctor.bundle.recording import Recorder, Recording

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
JSON = "application/json"
SYNCZ = '[{"cluster_id": "Kubernetes"}]'


def thing(name: str, namespace: str = "", labels: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """An object as a list holds it."""
    metadata = {"name": name, "resourceVersion": "7", "labels": labels or {}} | ({"namespace": namespace} if namespace else {})
    return {"metadata": metadata, **more}


def listing(kind: str, *items: dict[str, Any], version: str = "v1", token: str = "") -> bytes:
    """A list; `token` is where its next page begins."""
    metadata = {"resourceVersion": "5000", **({"continue": token} if token else {})}
    return json.dumps({"kind": f"{kind}List", "apiVersion": version, "metadata": metadata, "items": items}).encode()


def status(code: int, message: str = "no") -> bytes:
    return json.dumps({"kind": "Status", "status": "Failure", "message": message, "code": code}).encode()


PODS = (
    thing("cart-1", "shop", {"app": "cart", "version": "v1"}, status={"phase": "Running"}, spec={"nodeName": "a"}),
    thing("pay-1", "shop", {"app": "pay"}, status={"phase": "Pending"}),
    thing("istiod-1", "istio-system", {"app": "istiod"}, status={"phase": "Running"}),
)


def recorder() -> Recorder:
    """A mesh of three pods, a denied kind, a proxy and an istiod."""
    kept = Recorder()

    def api(path: str, body: bytes, code: int = 200) -> None:
        kept.record(f"api GET {path}", code, JSON, body)

    api("/api/v1/pods?resourceVersion=0", listing("Pod", *PODS))
    api("/api/v1/namespaces", listing("Namespace", thing("shop"), thing("istio-system")))
    api("/api/v1/nodes?resourceVersion=0", status(403, 'nodes is forbidden: User "ops" cannot list resource "nodes"'), 403)
    api("/apis/networking.istio.io/v1/virtualservices", listing("VirtualService", version="networking.istio.io/v1"))
    api(
        "/api/v1/namespaces/istio-system/configmaps/istio",
        b'{"kind": "ConfigMap", "metadata": {"name": "istio"}, "data": {"mesh": "rootNamespace: istio-system"}}',
    )
    api("/version", b'{"gitVersion": "v1.34.2"}')
    log = "/api/v1/namespaces/shop/pods/cart-1/log?container=istio-proxy&previous=false&sinceSeconds=60"
    kept.record(f"api GET {log}", 200, "text/plain", b"a line\n")
    kept.record("pod istio-system/istiod-1:15014 GET /debug/syncz", 200, JSON, SYNCZ.encode())
    kept.record(
        "pod shop/cart-1:15000 GET /config_dump?resource=dynamic_listeners&mask=name,error_state", 200, JSON, b'{"configs": []}'
    )
    kept.record("pod shop/cart-1:15000 GET /certs", 200, JSON, b"x" * 300_000)
    return kept


def recording() -> Recording:
    return recorder().recording("A shop", "Nothing is wrong with it.", AT)
