"""What istiod answers on its ports for xDS, for `istioctl proxy-status`: the recorded /debug/syncz, in protobuf.

Field numbers: envoy/service/discovery/v3/discovery.proto, envoy/service/status/v3/csds.proto, envoy/config/core/v3/base.proto.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from meshdoctor.bundle.pods import RecordedPods
from meshdoctor.bundle.protobuf import fields, packed

PORTS = {15010: False, 15012: True}
"""istiod's ports for xDS, and whether they are encrypted."""
DEBUG = 15014
SYNCZ = "istio.io/debug/syncz"
CLIENT_CONFIG = "type.googleapis.com/envoy.service.status.v3.ClientConfig"
NONCE = "recorded-1"
SYNCED, NOT_SENT, STALE, ERROR = 1, 2, 3, 4


class Ads:
    """One recorded istiod."""

    def __init__(self, pods: RecordedPods, namespace: str, pod: str) -> None:
        self._pods, self._namespace, self._pod = pods, namespace, pod

    def answer(self, message: bytes) -> bytes | None:
        """The answer to a DiscoveryRequest; None where it only acknowledges one."""
        try:
            told = dict(fields(message))
        except ValueError:
            return None
        kind = told.get(4, b"").decode("utf-8", "replace")
        if told.get(5) == NONCE.encode():  # istioctl's first request has a nonce too, of its own making
            return None
        resources = [packed((1, CLIENT_CONFIG), (2, config)) for config in self._configs()] if kind == SYNCZ else []
        identifier = msgspec.json.encode({"Component": "istiod", "ID": self._pod, "Info": {"version": self._version()}})
        return packed((1, "recorded"), *((2, r) for r in resources), (4, kind), (5, NONCE), (6, packed((1, identifier))))

    def _version(self) -> str:
        answer = self._pods.answer(self._namespace, self._pod, DEBUG, "/version")
        return answer.body.decode("utf-8", "replace").strip() if answer.status == 200 else ""

    def _configs(self) -> list[bytes]:
        answer = self._pods.answer(self._namespace, self._pod, DEBUG, "/debug/syncz")
        try:
            told = msgspec.json.decode(answer.body) if answer.status == 200 else []
        except msgspec.DecodeError:
            return []
        return [_config(proxy) for proxy in told or () if isinstance(proxy, dict)]


def _config(proxy: dict[str, Any]) -> bytes:
    """A ClientConfig: the proxy, and a status for each type of resource."""
    name = str(proxy.get("proxy", ""))
    metadata = {
        "CLUSTER_ID": str(proxy.get("cluster_id", "")),
        "ISTIO_VERSION": str(proxy.get("istio_version", "")),
        "NAMESPACE": name.rpartition(".")[2],
    }
    struct = packed(*((1, packed((1, key), (2, packed((3, value))))) for key, value in metadata.items()))
    types = sorted((proxy.get("resources") or {}).items())
    statuses = ((3, _status(kind, told)) for kind, told in types if isinstance(told, dict))
    return packed((1, packed((1, name), (3, struct))), *statuses)


def _status(kind: str, told: dict[str, Any]) -> bytes:
    sent, acked, error = (str(told.get(name) or "") for name in ("sent", "acked", "error"))
    state = ERROR if error else NOT_SENT if not sent else SYNCED if sent == acked else STALE
    at = _timestamp(told.get("sentTime"))
    failure = packed((3, error)) if error else b""
    return packed((1, kind), (5, at), (6, state), (8, failure))


def _timestamp(text: object) -> bytes:
    """A protobuf Timestamp; nothing where there is no time."""
    try:
        at = msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        return b""
    return packed((1, int(at.timestamp())), (2, at.microsecond * 1000))
