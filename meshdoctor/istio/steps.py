"""A step of a trace, and what lost in it."""

from __future__ import annotations

import msgspec

from meshdoctor.model.subject import Subject

BLACKHOLE, PASSTHROUGH = "BlackHoleCluster", "PassthroughCluster"


class Lost(msgspec.Struct, frozen=True):
    """An object (or a part of one, at `path`) that could have decided a step, and why it does not."""

    subject: Subject
    why: str
    path: str = ""


class Step(msgspec.Struct, frozen=True):
    """One decision. `is_end` where the request goes no further, `is_unknown` where what decides was not seen.

    `decides` is what is decided in few words, empty where it is not to be compared: configuration and proxies say the same
    ones. `cluster` is Envoy's name of the cluster that the step is about.
    """

    name: str
    says: str
    subject: Subject | None = None
    path: str = ""
    is_end: bool = False
    lost: tuple[Lost, ...] = ()
    cluster: str = ""
    decides: str = ""
    is_unknown: bool = False
