"""Objects written short, and what is said of their fields."""

from __future__ import annotations

from typing import Any

import yaml

from meshdoctor.istio.fields.judged import faults_of
from meshdoctor.model.manifest import Manifest
from meshdoctor.model.subject import Subject

GROUPS = {
    **dict.fromkeys(("AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication"), "security.istio.io/v1"),
    **dict.fromkeys(("WasmPlugin", "TrafficExtension"), "extensions.istio.io/v1alpha1"),
    "Telemetry": "telemetry.istio.io/v1",
    "EnvoyFilter": "networking.istio.io/v1alpha3",
    "ProxyConfig": "networking.istio.io/v1beta1",
}


def said(kind: str, spec: str, *, name: str = "x", **metadata: Any) -> list[str]:
    """The paths below `spec`, with `?` before a doubt and `~` before a remark."""
    metadata |= {"name": name, "namespace": "shop"}
    api = GROUPS.get(kind, "networking.istio.io/v1")
    body = {"apiVersion": api, "kind": kind, "metadata": metadata, "spec": yaml.safe_load(spec)}
    marks = {"warning": "?", "remark": "~"}
    manifest = Manifest(subject=Subject(kind=kind), api_version=api, body=body)
    return [marks.get(f.level, "") + f.path.removeprefix("spec.") for f in faults_of(manifest)]
