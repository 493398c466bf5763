"""The stages of STRICT: who stands in the way of which, by observation and by configuration; what a plain-text answer means."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from meshdoctor.enrolment.plaintext import Door, told
from meshdoctor.enrolment.strict import Staging
from meshdoctor.model.subject import Subject
from tests.onboarding.sound import World, bare, thing
from tests.probes.things import line

Change = Callable[[World], None]
ALIEN = "10.1.0.77"  # of tests.onboarding.sound.bare


def permissive(*changes: Change) -> World:
    world = World()
    world.objects.pop("PeerAuthentication/default")
    for change in changes:
        change(world)
    return world


def ids(where: str, *changes: Change) -> list[str]:
    stages = Staging(permissive(*changes).mesh(), where).stages
    return sorted({b.id for s in stages for b in s.blockers})


def alien(w: World) -> None:
    w.add(bare("gw/alien"))


def calls_in_plain_text(w: World) -> None:
    alien(w)
    w.said["log"] = [
        line(
            cluster="inbound|8080||", flags="-", code=200, sni="", downstream_remote=f"{ALIEN}:4", downstream_local="10.1.0.3:8080"
        )
    ]


def scraped(w: World) -> None:
    for each in w.pods():
        each["metadata"]["annotations"] |= {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"}


def load_balancer(w: World) -> None:
    w["Service/web"]["spec"]["type"] = "LoadBalancer"


def probed(w: World) -> None:
    for each in w.pods():
        each["spec"]["containers"][0]["livenessProbe"] = {"httpGet": {"path": "/", "port": 8080}}


def switched_off(w: World) -> None:
    rule = {"host": "web.shop.svc.cluster.local", "trafficPolicy": {"tls": {"mode": "DISABLE"}}}
    w.add(thing("networking.istio.io/v1", "DestinationRule", "gw/off", spec=rule))


WAYS: list[tuple[str, tuple[Change, ...], list[str]]] = [
    ("shop", (), []),
    ("shop", (alien,), []),
    ("shop", (calls_in_plain_text,), ["gw/alien"]),
    ("shop", (scraped,), ["Prometheus"]),
    ("shop", (load_balancer,), ["LoadBalancer"]),
    ("shop", (probed,), ["kubelet"]),
    ("shop", (switched_off,), ["gw/gw-1"]),
    ("shop/web:8080", (probed,), ["kubelet"]),
    ("shop/web:9090", (probed,), []),
    ("gw", (), ["outside"]),
    ("mesh", (), ["stages"]),
    ("mesh", (alien,), ["callers-outside", "stages"]),
]


@pytest.mark.parametrize(("where", "changes", "wanted"), WAYS, ids=[f"{w} {'+'.join(c.__name__ for c in cs)}" for w, cs, _ in WAYS])
def test_who_stands_in_the_way(where: str, changes: tuple[Change, ...], wanted: list[str]) -> None:
    assert ids(where, *changes) == wanted


def test_a_namespace_is_taken_workload_by_workload_where_that_is_wanted() -> None:
    stages = Staging(permissive().mesh(), "shop", staged=True).stages
    assert [(s.wish.scope, str(s.found.policy.subject)) for s in stages] == [
        ("workload", "PeerAuthentication shop/web"),
        ("namespace", "PeerAuthentication shop/default"),
    ]


def test_what_is_strict_already_has_no_stage() -> None:
    assert Staging(World().mesh(), "shop").stages == ()


ANSWERS = [
    ("error trying to reach service: read tcp 10.0.0.1:4->10.1.0.3:8080: read: connection reset by peer", "refused"),
    ("error trying to reach service: EOF", "refused"),
    ("error trying to reach service: dial tcp 10.1.0.3:8080: connect: connection refused", "unknown"),
    ("error trying to reach service: dial tcp: i/o timeout", "unknown"),
    ('error trying to reach service: net/http: HTTP/1.x transport connection broken: malformed HTTP status code "x"', "answered"),
    ("GET /api/v1/... answered 404: no such page.", "answered"),
]


@pytest.mark.parametrize(("said", "outcome"), ANSWERS)
def test_what_an_answer_to_plain_text_means(said: str, outcome: str) -> None:
    assert told(Door(Subject("apps", "Deployment", "shop", "web"), "web-a", 8080), said).outcome == outcome
