"""exportTo: who sees what."""

from __future__ import annotations

import pytest

from meshdoctor.istio.visibility import exports, is_limited, meet, sees
from meshdoctor.model.istiod import Istiod, MeshConfig
from meshdoctor.model.networking import VirtualService
from tests.conftest import build
from tests.probes.things import all_of, virtual_service


@pytest.mark.parametrize(
    ("said", "default", "where"),
    [
        ([], (), ("*",)),
        (["."], (), ("shop",)),
        ([".", "bank"], (), ("shop", "bank")),
        ([], (".",), ("shop",)),
        (["*"], (".",), ("*",)),
        (["~"], (), ("~",)),
    ],
)
def test_exports(said: list[str], default: tuple[str, ...], where: tuple[str, ...]) -> None:
    istiod = Istiod(namespace="i", name="i", parts={"mesh": MeshConfig(default_virtual_service_export_to=default)})
    mesh = build(virtual_service("shop/r", hosts=["x"], exportTo=said), istiods=[istiod])
    (thing,) = mesh[VirtualService]
    assert exports(mesh, thing) == where
    assert sees(mesh, "shop", thing) is (where[0] != "~")
    assert sees(mesh, "edge", thing) is is_unlimited(where)
    assert is_limited(mesh, thing) is not is_unlimited(where)


def is_unlimited(where: tuple[str, ...]) -> bool:
    return "*" in where


@pytest.mark.parametrize(
    ("one", "other", "met"),
    [([], [], True), (["bank"], ["edge"], False), (["bank"], ["edge", "bank"], True), ([], ["~"], False), ([], ["."], True)],
)
def test_meet(one: list[str], other: list[str], met: bool) -> None:
    text = all_of(virtual_service("shop/a", hosts=["x"], exportTo=one), virtual_service("shop/b", hosts=["x"], exportTo=other))
    mesh = build(text)
    first, second = mesh[VirtualService]
    assert meet(mesh, first, second) is met
