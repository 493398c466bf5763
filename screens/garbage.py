"""The cyclic garbage collector beside a large mesh: a full pass over it takes 0.3 s, in which no key is taken.

So full passes are not left to chance. What a picture of the mesh is made of is set aside once it is shown (`gc.freeze`), and
all of it is looked through after many pictures. Objects without cycles, as those of a mesh are, go when they are let go.
"""

from __future__ import annotations

import gc
import itertools
from collections.abc import Iterator
from contextlib import contextmanager

NEVER = 1_000_000  # passes over the middle generation until a full one
PICTURES = 100  # after which everything is looked through once
_shown = itertools.count(1)


@contextmanager
def quiet() -> Iterator[None]:
    """While the application runs: no full pass by itself."""
    before = gc.get_threshold()
    gc.set_threshold(before[0], before[1], NEVER)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def settle() -> None:
    """A picture is shown: what it is made of needs no looking through."""
    if next(_shown) % PICTURES == 0:
        gc.unfreeze()
        gc.collect()
    gc.freeze()
