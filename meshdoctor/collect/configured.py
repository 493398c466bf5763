"""The mesh config that a control plane's ConfigMap carries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from meshdoctor.collect.reading.builder import Refused, build
from meshdoctor.model.cluster import ConfigMap
from meshdoctor.model.istiod import MeshConfig


def configured(config_maps: Iterable[ConfigMap]) -> MeshConfig | None:
    """The MeshConfig of the first ConfigMap `istio` that has a usable one; None where none has."""
    for config_map in config_maps:
        text = config_map.data.get("mesh") if config_map.name.startswith("istio") else None
        if text:
            try:
                document = next(build(text), None)
                told: dict[str, Any] = msgspec.convert((document and document.value) or {}, dict[str, Any])
                return msgspec.convert({"rootNamespace": config_map.namespace} | told, MeshConfig, strict=False)
            except (Refused, msgspec.ValidationError):
                continue
    return None
