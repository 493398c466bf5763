"""How a pod's proxy is set up: its own annotation over the mesh's `defaultConfig`.

Source: istio.io, ProxyConfig (MeshConfig) and the annotation `proxy.istio.io/config`, which is YAML.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import yaml

from meshdoctor.model.mesh import Mesh
from meshdoctor.model.workloads import Pod

CONFIG = "proxy.istio.io/config"
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def setting(mesh: Mesh, pod: Pod, name: str) -> Any:
    """A field of the pod's ProxyConfig, None where nobody sets it."""
    own = of_annotation(pod.annotations.get(CONFIG, ""))
    return own.get(name, mesh.mesh_config.default_config.get(name))


@functools.lru_cache(maxsize=256)  # thousands of pods carry the same few, and several rules read them
def of_annotation(text: str) -> Mapping[str, Any]:
    """The annotation's fields; none where it is no YAML mapping."""
    try:
        read = yaml.safe_load(text) if text else None
    except yaml.YAMLError:
        return {}
    return read if isinstance(read, dict) else {}


def proxy_variables(mesh: Mesh, pod: Pod) -> dict[str, str]:
    """`proxyMetadata`: variables of the agent, of the mesh and the pod together."""
    both = (
        mesh.mesh_config.default_config.get("proxyMetadata"),
        of_annotation(pod.annotations.get(CONFIG, "")).get("proxyMetadata"),
    )
    return {str(k): str(v) for each in both if isinstance(each, dict) for k, v in each.items()}


def captures_dns(mesh: Mesh, pod: Pod) -> bool:
    """Whether its proxy answers DNS itself, and so gives hosts the addresses that istiod chose for them."""
    return proxy_variables(mesh, pod).get("ISTIO_META_DNS_CAPTURE", "").lower() == "true"


def seconds(text: Any) -> float | None:
    """A duration such as `1m30s`; None where it is none."""
    parts = _DURATION.findall(str(text or ""))
    return sum(float(n) * _UNITS[unit] for n, unit in parts) if parts else None


def drain_time(mesh: Mesh, pod: Pod) -> timedelta:
    """How long a proxy goes on with requests that are under way when its pod is deleted; 5 s where nobody says."""
    known: dict[str, timedelta] = mesh.memo.setdefault("drain times", {})
    own = pod.annotations.get(CONFIG, "")
    if own not in known:
        said = seconds(setting(mesh, pod, "terminationDrainDuration"))
        known[own] = timedelta(seconds=5.0 if said is None else said)
    return known[own]
