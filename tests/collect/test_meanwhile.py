"""Work on a mesh in the making is ended when everybody has told, wherever it is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import repeat

import pytest

from meshdoctor.collect.meanwhile import Meanwhile
from meshdoctor.model.mesh import Mesh
from tests.conftest import build


async def test_work_that_is_not_done_is_ended_and_what_it_derived_stays() -> None:
    def work(mesh: Mesh) -> Iterator[None]:
        mesh.memo["begun"] = True
        yield from repeat(None)

    whole = build("")
    meanwhile = Meanwhile(work)
    meanwhile.begin(whole)
    await asyncio.sleep(0)
    await meanwhile.end()
    mesh = meanwhile.completed(whole)
    assert mesh.memo == {"begun": True}
    assert mesh.envoys is not None


async def test_work_that_fails_is_heard_of() -> None:
    def work(mesh: Mesh) -> Iterator[None]:
        yield mesh.memo["nothing"]

    meanwhile = Meanwhile(work)
    meanwhile.begin(build(""))
    await asyncio.sleep(0)
    with pytest.raises(LookupError):
        await meanwhile.end()


async def test_without_work_the_mesh_is_the_one_that_was_collected() -> None:
    whole = build("")
    meanwhile = Meanwhile(None)
    meanwhile.begin(whole)
    await meanwhile.end()
    assert meanwhile.completed(whole) is whole
