"""istiod's debug answers as model structs."""

from __future__ import annotations

import re
from datetime import datetime

import msgspec

from meshdoctor.model.istiod import XDS_TYPES, MeshConfig, ProxySync, Sample, TypeSync

OLD_FIELDS = {"cluster": "CDS", "listener": "LDS", "route": "RDS", "endpoint": "EDS", "extensionconfig": "ECDS"}
_SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?\s+(\S+)")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')


class _Resource(msgspec.Struct, rename="camel"):
    sent: str = ""
    acked: str = ""
    sent_time: datetime | None = None
    last_error: str = ""


class _Line(msgspec.Struct):
    proxy: str = ""
    cluster_id: str = ""
    proxy_type: str = ""
    istio_version: str = ""
    resources: dict[str, _Resource] | None = None
    cluster_sent: str = ""
    cluster_acked: str = ""
    listener_sent: str = ""
    listener_acked: str = ""
    route_sent: str = ""
    route_acked: str = ""
    endpoint_sent: str = ""
    endpoint_acked: str = ""
    extensionconfig_sent: str = ""
    extensionconfig_acked: str = ""


class _Rooted(msgspec.Struct, frozen=True, rename="camel"):
    root_namespace: str = ""


def syncz(body: bytes, istiod: str) -> tuple[ProxySync, ...]:
    """`/debug/syncz` of one replica; releases before 1.23 have no `resources` and no errors."""
    lines = msgspec.json.decode(body, type=list[_Line] | None) or []
    return tuple(_proxy(line, istiod) for line in lines)


def _proxy(line: _Line, istiod: str) -> ProxySync:
    name, _, namespace = line.proxy.rpartition(".")
    if line.resources is not None:
        types = {
            XDS_TYPES[url]: TypeSync(sent=r.sent, acked=r.acked, sent_at=r.sent_time, error=r.last_error)
            for url, r in line.resources.items()
            if url in XDS_TYPES
        }
    else:
        types = {
            short: TypeSync(sent=getattr(line, f"{old}_sent"), acked=getattr(line, f"{old}_acked"))
            for old, short in OLD_FIELDS.items()
        }
    return ProxySync(
        namespace=namespace,
        name=name,
        istiod=istiod,
        cluster_id=line.cluster_id,
        proxy_type=line.proxy_type,
        version=line.istio_version,
        types=types,
    )


def mesh_config(body: bytes) -> MeshConfig:
    """`/debug/mesh`: the effective MeshConfig. Any JSON would fit a type of defaults: istiod always names its root namespace."""
    if not msgspec.json.decode(body, type=_Rooted).root_namespace:
        raise ValueError("it is no mesh config: it has no rootNamespace")
    return msgspec.json.decode(body, type=MeshConfig, strict=False)


def metrics(body: bytes, prefixes: tuple[str, ...]) -> tuple[Sample, ...]:
    """A Prometheus text exposition: the samples whose name begins with one of the prefixes."""
    found = []
    for line in body.decode("utf-8", "replace").splitlines():
        if not line.startswith(prefixes):
            continue
        match = _SAMPLE.match(line)
        if match:
            try:
                value = float(match[3])
            except ValueError:
                continue
            found.append(Sample(match[1], dict(_LABEL.findall(match[2] or "")), value))
    return tuple(found)
