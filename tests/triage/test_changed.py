"""What changed: writes, rollouts, restarts, scalings and releases, those that meet a cause first."""

from __future__ import annotations

from datetime import timedelta

from meshdoctor.diagnosis import judge
from meshdoctor.model.mesh import Mesh
from meshdoctor.triage.changed import Change, changes
from tests.conftest import NOW, build
from tests.probes import things as t


def ago(minutes: float) -> str:
    return (NOW - timedelta(minutes=minutes)).isoformat()


def written(name: str, minutes: float, *, created: float = 9999, by: str = "kubectl-edit", sub: str = "") -> str:
    field = f"{{manager: {by}, operation: Update, time: '{ago(minutes)}', subresource: '{sub}'}}"
    return f"""---
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: shop, creationTimestamp: '{ago(created)}', managedFields: [{field}]}}
spec: {{ports: [{{port: 80}}]}}
"""


def replica_set(name: str, image: str, minutes: float) -> str:
    return f"""---
apiVersion: apps/v1
kind: ReplicaSet
metadata:
  name: {name}
  namespace: shop
  creationTimestamp: '{ago(minutes)}'
  ownerReferences: [{{apiVersion: apps/v1, kind: Deployment, name: cart, controller: true}}]
spec: {{template: {{spec: {{containers: [{{name: app, image: {image}}}]}}}}}}
"""


def told(mesh: Mesh, hours: float = 2) -> list[tuple[str, str, str]]:
    return [(c.subject.name, c.says, c.who) for c in changes(mesh, None, hours)]


def test_writes_within_the_window_and_no_status() -> None:
    text = t.all_of(written("cart", 5), written("old", 500), written("status", 5, sub="status"), written("new", 1, created=1))
    assert told(build(text)) == [("new", "created", "kubectl-edit"), ("cart", "written", "kubectl-edit")]
    assert ("old", "written", "kubectl-edit") in told(build(text), 24)


def test_tools_have_their_names() -> None:
    assert told(build(written("cart", 5, by="argocd-controller"))) == [("cart", "written", "Argo CD")]


def test_rollouts_tell_the_images() -> None:
    text = t.all_of(
        t.deployment("shop/cart", {"app": "cart"}), replica_set("cart-a", "cart:1", 900), replica_set("cart-b", "cart:2", 3)
    )
    assert ("cart", "rolled out: app cart:1 -> cart:2", "") in told(build(text))


def test_events_are_summed() -> None:
    event = f"""---
apiVersion: v1
kind: Event
metadata: {{name: e%d, namespace: shop}}
type: Warning
reason: FailedCreate
message: quota
count: 3
lastTimestamp: '{ago(4)}'
involvedObject: {{kind: ReplicaSet, apiVersion: apps/v1, namespace: shop, name: cart-b}}
"""
    assert told(build(t.all_of(event % 1, event % 2))) == [("cart-b", "FailedCreate (6 times): quota", "event")]


def test_what_meets_a_cause_comes_first() -> None:
    route = f"""---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: lost, namespace: shop, creationTimestamp: '{ago(60)}'}}
spec: {{hosts: [cart], http: [{{route: [{{destination: {{host: nobody}}}}]}}]}}
"""
    mesh = build(t.all_of(route, written("cart", 5), written("other", 1)))
    first: Change = changes(mesh, judge(mesh))[0]
    assert (first.subject.name, first.of) == ("lost", "RT-001 VirtualService shop/lost")
