"""What an injector adds to pods: the values of its ConfigMap `istio-sidecar-injector[-REVISION]`.

Source: istio charts, istiod/files/injection-template.yaml (`image`), and pkg/kube/inject/inject.go (ProxyImage).
"""

from __future__ import annotations

from typing import Any

import msgspec
import yaml

from meshdoctor.istio.controlplane import injectors
from meshdoctor.model.cluster import ConfigMap
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.proxies import ProxyConfig
from meshdoctor.model.workloads import Pod

PREFIX = "istio-sidecar-injector"
IMAGE = "sidecar.istio.io/proxyImage"
IMAGE_TYPE = "sidecar.istio.io/proxyImageType"
CONFIG = "proxy.istio.io/config"


class Values(msgspec.Struct, frozen=True):
    """The values of one injector."""

    image: str = ""  # without its variant; empty where the values do not tell
    variant: str = ""
    by_default: bool = False  # whether namespaces without a label are injected
    requests: dict[str, str] = {}  # of the proxy's container, where no annotation says otherwise


def values(mesh: Mesh, revision: str) -> Values | None:
    """The values of the injector of a revision or tag; None where it is not known."""
    config_maps = mesh[ConfigMap]  # each time, so that each rule is blind where they were not seen
    known: dict[str, Values] | None = mesh.memo.get("injector values")
    if known is None:
        found = {c.name: _read(c) for c in config_maps if c.name.startswith(PREFIX)}
        known = mesh.memo["injector values"] = {name: v for name, v in found.items() if v is not None}
    own = _name(revision)
    return known.get(own) or next((known[n] for c in _tagged(mesh, revision) if (n := _name(c)) in known), None)


def _name(revision: str) -> str:
    return PREFIX if revision in ("", "default") else f"{PREFIX}-{revision}"


def _tagged(mesh: Mesh, tag: str) -> list[str]:
    """The revisions that a tag stands for."""
    return [c.revision for c in injectors(mesh) if tag and c.tag == tag]


def _read(config_map: ConfigMap) -> Values | None:
    try:
        told = msgspec.json.decode(config_map.data.get("values", ""))
    except msgspec.DecodeError:
        return None
    everywhere = _within(told, "global")
    proxy, hub, tag = str(_within(everywhere, "proxy").get("image", "")), everywhere.get("hub"), everywhere.get("tag")
    image = proxy if "/" in proxy else f"{hub}/{proxy}:{tag}" if hub and proxy and tag else ""
    by_default = _within(told, "sidecarInjectorWebhook").get("enableNamespacesByDefault") is True
    requests = _within(_within(_within(everywhere, "proxy"), "resources"), "requests")
    return Values(image, str(everywhere.get("variant") or ""), by_default, {k: str(v) for k, v in requests.items()})


def _within(told: Any, name: str) -> dict[str, Any]:
    value = told.get(name) if isinstance(told, dict) else None
    return value if isinstance(value, dict) else {}


def is_current_image(mesh: Mesh, pod: Pod, image: str, injected: Values) -> bool:
    """Whether a proxy's image is the one that would be injected now, in the variant that the pod asks for, or plain."""
    variants = {v for v in (image_type(mesh, pod), injected.variant) if v}
    return image == injected.image or any(image == f"{injected.image}-{v}" for v in variants)


def image_type(mesh: Mesh, pod: Pod) -> str:
    """The variant of the proxy image, such as `distroless`: the pod's word, then that of the nearest ProxyConfig."""
    own = pod.annotations.get(IMAGE_TYPE) or _type_in(_parsed(pod.annotations.get(CONFIG, "")))
    if own:
        return own
    root = mesh.mesh_config.root_namespace
    for namespace in (pod.namespace, root):
        said = [c for c in mesh[ProxyConfig].within(namespace) if _type_in({"image": c.spec.image})]
        narrow = [c for c in said if c.spec.selector and c.spec.selector.wanted.items() <= pod.labels.items()]
        wide = [c for c in said if not c.spec.selector or not c.spec.selector.wanted]
        for config in (narrow if namespace == pod.namespace else []) + wide:
            return _type_in({"image": config.spec.image})
    return _type_in(mesh.mesh_config.default_config)


def _type_in(config: Any) -> str:
    return str(_within(config, "image").get("imageType") or "")


def _parsed(text: str) -> Any:
    try:
        return yaml.safe_load(text) if text else None
    except yaml.YAMLError:
        return None
