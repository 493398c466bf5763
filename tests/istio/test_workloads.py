"""Which pods are worth a second look."""

from __future__ import annotations

import msgspec
import pytest

from meshdoctor.istio.workloads import unsettled_pods
from meshdoctor.model.containers import ContainerState, ContainerStatus, StateTerminated
from meshdoctor.model.mesh import Mesh, Table
from meshdoctor.model.workloads import Pod
from tests.conftest import build
from tests.probes.things import all_of, pod

ENDED = ContainerState(terminated=StateTerminated(exit_code=1))


def with_status(mesh: Mesh, status: ContainerStatus, where: str) -> Mesh:
    """The mesh with one more status, of a container or of an init container, in each pod."""
    pods = [
        msgspec.structs.replace(
            p, status=msgspec.structs.replace(p.status, **{where: (ContainerStatus(name="app", ready=True), status)})
        )
        for p in mesh[Pod]
    ]
    return mesh.with_tables({Pod: Table(pods, mesh[Pod].source)})


@pytest.mark.parametrize("where", ["container_statuses", "init_container_statuses"])
@pytest.mark.parametrize(
    ("status", "settled"),
    [
        (ContainerStatus(ready=True), True),
        (ContainerStatus(ready=False), False),
        (ContainerStatus(ready=True, restart_count=1), False),
        (ContainerStatus(ready=True, last_state=ENDED), False),
    ],
)
def test_a_pod_is_settled_when_all_its_containers_started_once(status: ContainerStatus, settled: bool, where: str) -> None:
    mesh = with_status(build(all_of(pod("shop/cart-1"), pod("shop/bare-1", proxy=False))), status, where)
    assert [p.name for p in unsettled_pods(mesh)] == ([] if settled else ["cart-1"])


def test_a_pod_that_is_not_ready_is_not_settled() -> None:
    assert [p.name for p in unsettled_pods(build(all_of(pod("shop/cart-1", ready=False), pod("shop/cart-2"))))] == ["cart-1"]
