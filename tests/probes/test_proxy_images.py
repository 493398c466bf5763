"""UP-007: images of proxies."""

from __future__ import annotations

import json
from typing import Any

import pytest

from meshdoctor.model.cluster import ConfigMap
from tests.conftest import build, judge
from tests.probes.things import all_of, thing

WEBHOOK = "MutatingWebhookConfiguration"


def namespace(**labels: str) -> str:
    return thing("v1", "Namespace", "shop", labels={k.replace("_", "-"): v for k, v in labels.items()})


def injector(name: str = "istio-sidecar-injector", image: str = "proxyv2", **more: Any) -> str:
    values = {"global": {"hub": "docker.io/istio", "tag": "1.32.0", "proxy": {"image": image}, **more}}
    return thing("v1", "ConfigMap", f"istio-system/{name}", data={"values": json.dumps(values)})


def running(image: str, annotations: dict[str, str] | None = None, init: bool = False, labels: dict[str, str] | None = None) -> str:
    proxy, app = {"name": "istio-proxy", "image": image}, {"name": "app", "image": "app"}
    spec = {"containers": [app], "initContainers": [proxy]} if init else {"containers": [app, proxy]}
    return thing("v1", "Pod", "shop/web", spec, annotations=annotations or {}, labels=labels or {})


NOW, OLD = "docker.io/istio/proxyv2:1.32.0", "docker.io/istio/proxyv2:1.31.0"
ENABLED = namespace(istio_injection="enabled")
SLIM = {"image": {"imageType": "distroless"}}
CONFIG = thing("networking.istio.io/v1beta1", "ProxyConfig", "shop/slim", SLIM)
OF_OTHERS = thing("networking.istio.io/v1beta1", "ProxyConfig", "shop/s", SLIM | {"selector": {"matchLabels": {"app": "other"}}})
MESH_WIDE = thing("networking.istio.io/v1beta1", "ProxyConfig", "istio-system/slim", SLIM)


@pytest.mark.parametrize(
    ("text", "differs"),
    [
        (all_of(ENABLED, injector(), running(NOW)), False),
        (all_of(ENABLED, injector(), running(OLD)), True),
        (all_of(ENABLED, injector(), running(OLD, init=True)), True),
        (all_of(ENABLED, injector(), running(NOW + "-distroless")), True),
        (all_of(ENABLED, injector(), running(NOW + "-distroless", {"sidecar.istio.io/proxyImageType": "distroless"})), False),
        (
            all_of(ENABLED, injector(), running(NOW + "-distroless", {"proxy.istio.io/config": "image: {imageType: distroless}"})),
            False,
        ),
        (all_of(ENABLED, injector(), running(NOW + "-distroless"), CONFIG), False),
        (all_of(ENABLED, injector(), running(NOW + "-distroless"), OF_OTHERS), True),
        (all_of(ENABLED, injector(), running(NOW + "-distroless"), MESH_WIDE), False),
        (all_of(ENABLED, injector(variant="distroless"), running(NOW + "-distroless")), False),
        (all_of(ENABLED, injector(image="registry/own:1"), running("registry/own:1")), False),
        (all_of(namespace(), injector(), running(OLD)), False),
        (all_of(ENABLED, injector("istio-sidecar-injector-blue"), running(OLD)), False),
        (all_of(ENABLED, running(OLD)), False),
    ],
)
def test_images_of_proxies(text: str, differs: bool) -> None:
    found = judge(build(text), "UP-007")
    assert [(str(f.subject), f.severity, f.codes) for f in found] == ([("Namespace shop", "low", ("IST0158",))] if differs else [])


def test_one_workload_of_another_image() -> None:
    chosen = running(OLD, {"sidecar.istio.io/proxyImage": OLD})
    (found,) = judge(build(all_of(ENABLED, injector(), chosen)), "UP-007")
    assert (str(found.subject), found.severity, found.codes) == ("Pod shop/web", "low", ())
    other = running(NOW).replace("web", "cart")
    told = judge(build(all_of(ENABLED, injector(), running(OLD), other)), "UP-007")
    assert {str(f.subject): f.severity for f in told} == {"Namespace shop": "info", "Pod shop/web": "low"}


def test_a_tag_stands_for_its_revision() -> None:
    labels = {"istio.io/rev": "blue", "istio.io/tag": "prod", "app": "sidecar-injector"}
    tag = thing("admissionregistration.k8s.io/v1", WEBHOOK, "istio-revision-tag-prod", labels=labels, webhooks=[])
    place = thing("v1", "Namespace", "shop", labels={"istio.io/rev": "prod"})
    text = all_of(place, tag, injector("istio-sidecar-injector-blue"), running(OLD))
    assert len(judge(build(text), "UP-007")) == 1
    assert {f.status for f in judge(build(text, unseen=[ConfigMap]), "UP-007")} == {"UNKNOWN"}
