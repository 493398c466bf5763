"""The plan of an enrolment: which labels, which waves, what is left out, what stands in the way, and whom it touches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from meshdoctor.enrolment.others import compared, grouped
from meshdoctor.enrolment.plan import Enrolment
from meshdoctor.model.errors import ClusterError, UsageError
from meshdoctor.model.istiod import MeshConfig
from meshdoctor.model.workloads import Pod
from tests.onboarding.sound import World, bare, thing

Change = Callable[[World], None]


def outside(*changes: Change) -> World:
    """A sound world whose namespace `shop` is not in the mesh, without policies of its own; then changed."""
    world = World()
    world["Namespace/shop"]["metadata"]["labels"].pop("istio-injection")
    for name in ("PeerAuthentication/default", "AuthorizationPolicy/web", "Sidecar/default"):
        world.objects.pop(name)
    for each in world.pods():
        each["spec"]["initContainers"] = []
        each["metadata"]["annotations"] = {}
        each["metadata"]["labels"].pop("security.istio.io/tlsMode")
    for change in changes:
        change(world)
    return world


def plan(*changes: Change, workload: str = "", revision: str = "") -> Enrolment:
    return Enrolment(outside(*changes).mesh(), "shop", workload, revision)


def webhook(w: World) -> dict[str, Any]:
    made: dict[str, Any] = w["MutatingWebhookConfiguration/injector"]["webhooks"][0]
    return made


def by_revision(w: World) -> None:
    webhook(w)["namespaceSelector"] = {"matchExpressions": [{"key": "istio.io/rev", "operator": "In", "values": ["default"]}]}


def by_object(w: World) -> None:
    """A webhook that takes pods which ask for themselves in namespaces that say nothing."""
    asks = {"matchExpressions": [{"key": "sidecar.istio.io/inject", "operator": "In", "values": ["true"]}]}
    silent = {"matchExpressions": [{"key": "istio-injection", "operator": "DoesNotExist"}]}
    both = webhook(w) | {"name": "object.sidecar-injector.istio.io", "namespaceSelector": silent, "objectSelector": asks}
    w["MutatingWebhookConfiguration/injector"]["webhooks"].append(both)


def test_the_label_is_the_one_that_the_webhooks_take() -> None:
    assert plan().way.add == {"istio-injection": "enabled"}
    assert plan(by_revision).way.add == {"istio.io/rev": "default"}
    assert plan(by_object, workload="web").way.add == {"sidecar.istio.io/inject": "true"}
    assert [str(w.target) for w in plan().waves] == ["Namespace shop", "Deployment shop/web"]
    assert [str(w.target) for w in plan(by_object, workload="Deployment/web").waves] == ["Deployment shop/web"]


def twice(w: World) -> None:
    w.add(w["MutatingWebhookConfiguration/injector"] | {"metadata": {"name": "second", "labels": {"app": "sidecar-injector"}}})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"revision": "canary"}, "default"),
        ({"workload": "wen"}, "Deployment/web"),
        ({"workload": "web"}, "No label was found"),
    ],
)
def test_what_cannot_be_planned_is_said(changes: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        plan(**changes)


def test_two_webhooks_and_unread_pods_end_it() -> None:
    with pytest.raises(UsageError, match="exactly one"):
        plan(twice)
    with pytest.raises(ClusterError, match="pods"):
        Enrolment(outside().mesh([Pod]), "shop")


def template(w: World) -> dict[str, Any]:
    return w.template()


def strict(w: World) -> None:
    w.add(thing("security.istio.io/v1", "PeerAuthentication", "istio-d/default", spec={"mtls": {"mode": "STRICT"}}))
    w.add(bare("gw/alien"))


def registry_only(w: World) -> None:
    w.said["config"] = MeshConfig(root_namespace="istio-d", outbound_traffic_policy={"mode": "REGISTRY_ONLY"})


def authorization(w: World) -> None:
    allow = {"rules": [{"from": [{"source": {"principals": ["cluster.local/ns/gw/sa/gw"]}}]}]}
    w.add(thing("security.istio.io/v1", "AuthorizationPolicy", "istio-d/all", spec=allow))
    w.add(bare("gw/alien"))


def proxy_port(w: World) -> None:
    template(w)["spec"]["containers"][0]["ports"] = [{"containerPort": 15090}]


def ftp(w: World) -> None:
    w["Service/web"]["spec"]["ports"].append({"name": "ftp", "port": 21, "targetPort": 2121})


def proxys_user(w: World) -> None:
    template(w)["spec"]["securityContext"] = {"runAsUser": 1337}


def exempt(w: World) -> None:
    w["Namespace/shop"]["metadata"]["annotations"]["meshdoctor.dev/exempt"] = "batch jobs only"


def hidden(w: World) -> None:
    rule = {"host": "web.shop.svc.cluster.local", "trafficPolicy": {"tls": {"mode": "SIMPLE"}}}
    w.add(thing("networking.istio.io/v1", "DestinationRule", "istio-d/web", spec=rule))


BLOCKED = [
    (strict, "strict", "gw/alien"),
    (registry_only, "registry-only", "the mesh config"),
    (authorization, "authorization", "gw/alien"),
    (proxy_port, "ports", "15090"),
    (ftp, "server-first", "FTP"),
    (proxys_user, "25", "1337"),
    (exempt, "exempt", "batch jobs only"),
]


@pytest.mark.parametrize(("change", "ident", "words"), BLOCKED, ids=[b[1] for b in BLOCKED])
def test_what_stands_in_the_way_is_said(change: Change, ident: str, words: str) -> None:
    assert plan().blockers == ()
    found = {b.id: b.says for b in plan(change).blockers}
    assert words in found[ident]
    assert list(found) == [ident]


def without_alien(w: World) -> None:
    w.objects.pop("Pod/alien")


def test_strict_without_callers_outside_is_no_obstacle() -> None:
    assert plan(strict, without_alien).blockers == ()


def test_what_no_restart_takes_in_is_left_out_with_the_reason() -> None:
    def on_host(w: World) -> None:
        w.template()["spec"]["hostNetwork"] = True

    found = plan(on_host, lambda w: w.add(bare("shop/alone")))
    assert [w.target.kind for w in found.waves] == ["Namespace"]
    assert found.left_words() == (
        "Deployment shop/web: uses the host's network, which has no sidecar",
        "Pod shop/alone: nobody would make this pod again: it gets a sidecar when you do",
    )


def test_who_is_in_already_has_no_wave() -> None:
    done = Enrolment(World().mesh(), "shop")
    assert (done.waves, done.blockers) == ((), ())


def test_calls_of_its_own_turn_and_nobody_elses() -> None:
    found = plan(lambda w: w.add(bare("gw/alien")))
    assert found.others.differences == ()
    assert found.others.workloads == 3
    assert grouped(found.turned, found.own) == ("gw/gw-1 -> shop/web:8080: plaintext -> mTLS",)


def test_what_another_did_meanwhile_is_seen() -> None:
    before = outside(lambda w: w.add(bare("gw/alien"))).mesh()
    own = Enrolment(before, "shop").own

    def opened(w: World) -> None:
        w.add(bare("gw/alien"))
        w["Namespace/gw"]["metadata"]["labels"]["istio-injection"] = "enabled"
        w.objects.pop("VirtualService/web")

    found = compared(before, outside(opened).mesh(), own).differences
    assert any("new pods are injected by nobody -> default" in d for d in found)
    assert any("shop.example.com" in d for d in found)
