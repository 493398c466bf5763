"""Load balancing: hashes, localities, zones, warm-up."""

from __future__ import annotations

import math
from collections.abc import Iterator

from meshdoctor.istio.fields.common import bad_duration
from meshdoctor.istio.fields.reading import Field
from meshdoctor.istio.schema.fault import Fault

_TOPOLOGY = {"topology.kubernetes.io/region", "topology.kubernetes.io/zone", "topology.istio.io/subzone"}
_MAGLEV_LIMIT = 5_000_011


def bad_load_balancer(settings: Field, outlier: Field) -> Iterator[Fault]:
    locality, zones = settings["localityLbSetting"], settings["zoneAwareLbSetting"]
    yield from _bad_hash(settings["consistentHash"])
    if locality and zones:
        yield zones.wrong("stands beside localityLbSetting: only one of them may be set")
    yield from _bad_locality(locality, outlier)
    for label in zones["failoverPriority"].items:
        if label.text in _TOPOLOGY:
            yield label.wrong(f"is {label.text}: with zoneAwareLbSetting proxies order regions and zones themselves")
    yield from _bad_failover(zones, outlier)
    yield from _bad_warmup(settings["warmup"])


def _bad_hash(settings: Field) -> Iterator[Fault]:
    cookie, ring, maglev = settings["httpCookie"], settings["minimumRingSize"], settings["maglev"]
    if cookie and not cookie["name"].text:
        yield cookie.wrong("has no name")
    seen = set()
    for attribute in cookie["attributes"].items:
        name = attribute["name"].text
        if not name or name in seen:
            yield attribute.wrong(f"says {name} again" if name else "has no name")
        seen.add(name)
    if ring.number:
        yield ring.doubtful("is deprecated: use ringHash.minimumRingSize")
        for name in ("ringHash", "maglev"):
            if settings[name]:
                yield settings[name].wrong("stands beside minimumRingSize: only one of them may be set")
    if maglev:
        yield from _bad_table(maglev)


def _bad_table(maglev: Field) -> Iterator[Fault]:
    size = int(maglev["tableSize"].number)
    if not size:
        yield (maglev["tableSize"] if maglev["tableSize"] else maglev).wrong("needs the size of its table")
    elif size >= _MAGLEV_LIMIT:
        yield maglev["tableSize"].wrong(f"is {size}, it must be below {_MAGLEV_LIMIT}")
    elif not _is_prime(size):
        yield maglev["tableSize"].wrong(f"is {size}, which is no prime number")


def _is_prime(number: int) -> bool:
    if number < 4:
        return number > 0  # Envoy takes 1 too
    return number % 2 == 1 and all(number % f for f in range(3, math.isqrt(number) + 1, 2))


def _bad_locality(setting: Field, outlier: Field) -> Iterator[Fault]:
    distribute, failover = setting["distribute"], setting["failover"]
    if distribute.size and failover.size:
        yield failover.wrong("stands beside distribute: only one of them may be set")
        return
    for label in setting["failoverPriority"].items if failover.size else ():
        if label.text in _TOPOLOGY:
            yield label.wrong(f"is {label.text}, failover says already which region follows which")
    for entry in distribute.items:
        yield from _bad_shares(entry["to"])
    yield from _bad_localities([(e["from"].text, e["from"]) for e in distribute.items])
    yield from _bad_failover(setting, outlier)


def _bad_shares(shares: Field) -> Iterator[Fault]:
    weights = list(shares.entries)
    for _, weight in weights:
        if not 0 < weight.number <= 100:
            yield weight.wrong(f"is {weight.value}, a share is between 1 and 100")
            return
    total = sum(w.number for _, w in weights)
    if total != 100:
        yield shares.wrong(f"adds up to {total:g}, the shares must add up to 100")
    yield from _bad_localities(weights)


def _bad_localities(localities: list[tuple[str, Field]]) -> Iterator[Fault]:
    """Localities are region/zone/subzone, a wildcard only at the end, and none is part of another."""
    seen: list[list[str]] = []
    for name, field in localities:
        parts = name.split("/", 2)
        if name.count("*") > 1 or ("*" in name and not name.endswith("*")):
            yield field.wrong(f"is about {name}: one * may stand, at the end")
        elif not all(parts):
            yield field.wrong(f"is about {name!r}, which has an empty part: a locality is region/zone/subzone")
        elif any(_meet(parts, other) for other in seen):
            yield field.wrong(f"is about {name}, which overlaps with an earlier locality")
        else:
            seen.append(parts)


def _meet(one: list[str], other: list[str]) -> bool:
    """Whether one locality holds the other."""
    for a, b in zip(one, other, strict=False):
        if "*" in (a, b):
            return True
        if a != b:
            return False
    return True


def _bad_failover(setting: Field, outlier: Field) -> Iterator[Fault]:
    """Failover goes from one region to another one, and needs outlier detection to see that one fails."""
    failover = setting["failover"]
    named = next((f for f in (failover, setting["failoverPriority"]) if f.size), None)
    if named is not None and not outlier:
        yield named.doubtful("does nothing without outlierDetection: proxies do not see that a locality fails")
    for entry in failover.items:
        start, end = entry["from"].text, entry["to"].text
        if start == end:
            yield entry.wrong(f"leads from {start} to itself")
        if "/" in start + end or "*" in start + end:
            yield entry.wrong("is about more or less than a region: failover goes from region to region")


def _bad_warmup(warmup: Field) -> Iterator[Fault]:
    share, aggression = warmup["minimumPercent"], warmup["aggression"]
    if warmup and not warmup["duration"]:
        yield warmup.wrong("has no duration")
    yield from bad_duration(warmup["duration"])
    if share.number > 100:
        yield share.wrong(f"is {share.value}, the most is 100")
    if aggression and aggression.number <= 0:
        yield aggression.wrong(f"is {aggression.value}, it must be above 0")
