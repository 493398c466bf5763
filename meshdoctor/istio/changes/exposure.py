"""Hosts that gateways begin or cease to take, or take in another way."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.doors import Door, doors
from meshdoctor.model.changes import Effect, ExposureChange
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.subject import Subject

Place = tuple[Subject, int]


def exposure_changes(before: Mesh, after: Mesh) -> Iterator[ExposureChange]:
    """Each host of each port of each Gateway that is taken in another way, or leads somewhere or nowhere newly."""
    old, new = doors(before), doors(after)
    for place in sorted({*old, *new}):
        one, other = old.get(place), new.get(place)
        for host in sorted((one.hosts if one else frozenset()) | (other.hosts if other else frozenset())):
            was, now = _said(one, host), _said(other, host)
            if was != now:
                yield _change(place, host, was, now, other)


def _said(door: Door | None, host: str) -> str | None:
    """How a host is taken and that nobody answers where that is so; None where it is not taken."""
    how = door.says(host) if door else None
    if door is None or how is None:
        return None
    return how if door.who(host) else f"{how}, without a route: 404"


def _change(place: Place, host: str, was: str | None, now: str | None, door: Door | None) -> ExposureChange:
    gateway, port = place
    who = door.who(host) if door else ()
    by = ", ".join(str(s) for s in who)
    effect: Effect = "changes"
    if was is None:
        effect, says = "gains", f"is exposed: {now}{f', answered by {by}' if by else ''}"
    elif now is None:
        effect, says = "loses", f"is no longer exposed (was {was})"
    elif now.endswith("404"):
        effect, says = "loses", f"has no route any more: 404 (was {was})"
    elif was.endswith("404"):
        effect, says = "gains", f"is exposed: {now}{f', answered by {by}' if by else ''}"
    else:
        says = f"{was} -> {now}"
    return ExposureChange(
        effect=effect,
        about=f"{host} at {gateway} port {port}",
        says=says,
        by=(gateway, *who),
        host=host,
        gateway=gateway,
        port=port,
        before=was,
        after=now,
    )
