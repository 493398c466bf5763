"""Commands of fixes and runbooks: what is known is filled in, and nothing is put in its place that is somebody else's."""

from __future__ import annotations

from meshdoctor.model.subject import Subject
from meshdoctor.triage.commands import filled
from meshdoctor.triage.places import places_of
from tests.conftest import build
from tests.probes import things as t

ISTIOD = t.deployment("istio-d/istiod", {"app": "istiod", "istio.io/rev": "default"})
CANARY = t.deployment("istio-c/istiod-canary", {"app": "istiod", "istio.io/rev": "canary"})
RULE = Subject(group="networking.istio.io", kind="DestinationRule", namespace="shop", name="plain")
ASKS = "kubectl -n ${istio_ns} logs deploy/${istiod_deploy}"


def test_the_control_plane_is_where_it_is_and_not_where_the_object_is() -> None:
    assert filled(ASKS, RULE, "prod", places_of(build(ISTIOD))) == "kubectl --context prod -n istio-d logs deploy/istiod"


def test_of_two_control_planes_the_operator_has_to_say_which() -> None:
    places = places_of(build(t.all_of(ISTIOD, CANARY)))
    assert filled(ASKS, RULE, "", places) == "kubectl -n <istio_ns> logs deploy/<istiod_deploy>"
    one = Subject(group="apps", kind="Deployment", namespace="istio-c", name="istiod-canary")
    assert filled(ASKS, one, "", places) == "kubectl -n istio-c logs deploy/istiod-canary"


def test_without_a_mesh_nothing_is_guessed() -> None:
    assert filled(ASKS, RULE) == "kubectl -n <istio_ns> logs deploy/<istiod_deploy>"
    assert filled("kubectl -n ${ns} get dr ${dr}", RULE) == "kubectl -n shop get dr plain"


def test_gateways_are_where_their_pods_are() -> None:
    gateway = t.gateway("shop/door", t.server(80, "HTTP", "*"))
    pod = t.pod("edge/door-1", {"app": "door"}, annotations={"inject.istio.io/templates": "gateway"})
    door = Subject(kind="Gateway", namespace="shop", name="door")
    places = places_of(build(t.all_of(gateway, pod)))
    assert filled("kubectl -n ${gw_ns} get pods", door, "", places) == "kubectl -n edge get pods"
