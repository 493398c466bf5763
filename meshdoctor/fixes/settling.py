"""Closes what an ended process left open: each entry is held against its object, as far as this cluster tells."""

from __future__ import annotations

import msgspec

from meshdoctor.fixes.engine import Reality, settle
from meshdoctor.fixes.journal import Entry, Journal
from meshdoctor.kube.client import ApiClient
from meshdoctor.model.errors import MeshdoctorError
from meshdoctor.model.text import plain


class Settled(msgspec.Struct, frozen=True):
    """What became of one interrupted entry; `reality` is None where that cannot be told, and `why` says why."""

    entry: Entry
    reality: Reality | None
    why: str = ""

    @property
    def is_written(self) -> bool:
        return self.reality == "applied"


async def settle_open(api: ApiClient, journal: Journal) -> list[Settled]:
    """Look at the object of every open entry that was sent to this cluster, and write down what is seen."""
    found = []
    for entry in journal.entries():
        if not entry.is_open or entry.holds.server != api.credentials.server:
            continue
        try:
            found.append(Settled(entry, await settle(api, journal, entry)))
        except MeshdoctorError as why:
            found.append(Settled(entry, None, plain(why, 300)))
    return found
