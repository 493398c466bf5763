"""Health of requests and workloads as Kiali defines it, with the thresholds that decide.

Source: kiali, config/config.go (AddHealthDefault), business/health_calculator.go, models (WorkloadStatusHealth). The order is
Failure, Degraded, Not Ready, Healthy, NA; TCP has no notion of an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum

import msgspec

ANNOTATION = "health.kiali.io/rate"
NOTHING_SET = 0.1, 10.0  # percent: degraded and failure where no threshold fits


class Health(StrEnum):
    """From unknown to worst."""

    NA = "NA"
    HEALTHY = "Healthy"
    NOT_READY = "Not Ready"
    DEGRADED = "Degraded"
    FAILURE = "Failure"


WORSE = tuple(Health)


NO_ANSWER, GRPC = "^-$", "^[1-9]$|^1[0-6]$"
SAID = {NO_ANSWER: "without an answer", GRPC: "gRPC errors"}


class Tolerance(msgspec.Struct, frozen=True):
    """From which share of errors (percent) requests are degraded, or a failure; what counts as an error is a pattern of codes."""

    code: str
    degraded: float = 0.0
    failure: float = 0.0
    protocol: str = ".*"
    direction: str = ".*"

    def __str__(self) -> str:
        what = SAID.get(self.code, f"{self.code} {self.protocol}")
        return f"{what}: degraded from {self.degraded:g} %, failure from {self.failure:g} %"


class Rates(msgspec.Struct, frozen=True):
    """The tolerances of what a block's patterns fit."""

    namespace: str = ".*"
    kind: str = ".*"
    name: str = ".*"
    tolerance: tuple[Tolerance, ...] = ()


DEFAULT = (
    Rates(
        tolerance=(
            Tolerance("5XX", 0, 10, "http"),
            Tolerance("4XX", 10, 20, "http"),
            Tolerance(GRPC, 0, 10, "grpc"),
            Tolerance(NO_ANSWER, 0, 10, "http|grpc"),
        )
    ),
)

Codes = Mapping[str, Mapping[str, float]]  # protocol to code to requests (or requests a second)


class Judged(msgspec.Struct, frozen=True):
    """A status, the share of errors (percent, -1 without requests) that gave it, and the tolerance that decided."""

    status: Health
    error_percent: float = -1.0
    by: Tolerance | None = None


def worst(found: Iterable[Health]) -> Health:
    return max(found, key=WORSE.index, default=Health.NA)


def tolerances(
    namespace: str, kind: str, name: str, annotations: Mapping[str, str] | None, blocks: Iterable[Rates] = DEFAULT
) -> tuple[Tolerance, ...]:
    """Those of the object's annotation, else of the first block that fits it."""
    own = tuple(_annotated((annotations or {}).get(ANNOTATION, "")))
    if own:
        return own
    for block in blocks:
        fields = ((block.namespace, namespace), (block.kind, kind), (block.name, name))
        if all(_fits(pattern, value) for pattern, value in fields):
            return block.tolerance
    return ()


def _annotated(text: str) -> Iterator[Tolerance]:
    """`CODE,DEGRADED,FAILURE,PROTOCOL,DIRECTION;...`; parts that do not fit are left out."""
    for each in text.split(";"):
        fields = [f.strip() for f in each.split(",")]
        if len(fields) == len(("code", "degraded", "failure", "protocol", "direction")):
            code, degraded, failure, protocol, direction = fields
            try:
                yield Tolerance(code, float(degraded), float(failure), protocol, direction)
            except ValueError:
                continue


def _fits(pattern: str, value: str) -> bool:
    """Whether a pattern of the configuration fits somewhere; one that is no regular expression fits nothing."""
    try:
        return re.search(pattern or ".*", value) is not None
    except re.error:
        return False


def _is_error(pattern: str, code: str) -> bool:
    return _fits(re.sub("[xX]", r"\\d", pattern), code)


def of_requests(inbound: Codes, outbound: Codes, allowed: tuple[Tolerance, ...]) -> Judged:
    """The worst over directions, protocols and tolerances."""
    if not allowed:
        return _without_tolerance(inbound, outbound)
    found = [*_directed(inbound, "inbound", allowed), *_directed(outbound, "outbound", allowed)]
    return max(found, key=lambda j: WORSE.index(j.status), default=Judged(Health.NA))


def _directed(traffic: Codes, direction: str, allowed: tuple[Tolerance, ...]) -> Iterator[Judged]:
    for protocol, codes in traffic.items():
        total = sum(codes.values())
        for each in allowed if total else ():
            if _fits(each.direction, direction) and _fits(each.protocol, protocol):
                percent = 100 * sum(n for code, n in codes.items() if _is_error(each.code, code)) / total
                yield Judged(_status(percent, each.degraded, each.failure), percent, each)


def _status(percent: float, degraded: float, failure: float) -> Health:
    if percent <= 0:
        return Health.HEALTHY
    return Health.FAILURE if percent >= failure else Health.DEGRADED if percent >= degraded else Health.HEALTHY


def _without_tolerance(inbound: Codes, outbound: Codes) -> Judged:
    every = [(p, c, n) for traffic in (inbound, outbound) for p, codes in traffic.items() for c, n in codes.items()]
    total = sum(n for _, _, n in every)
    if not total:
        return Judged(Health.NA)
    percent = 100 * sum(n for p, c, n in every if _is_any_error(p, c)) / total
    return Judged(_status(percent, *NOTHING_SET), percent)


def _is_any_error(protocol: str, code: str) -> bool:
    return code == "-" or (code != "0" if protocol == "grpc" else code[:1] in ("4", "5"))


class Replicas(msgspec.Struct, frozen=True, rename="camel"):
    """Pods of a workload; `synced_proxies` is -1 where it has none, or they are not known."""

    desired_replicas: int = 0
    current_replicas: int = 0
    available_replicas: int = 0
    synced_proxies: int = -1


def of_replicas(replicas: Replicas) -> Health:
    """Scaled to nothing is not ready; nothing available is a failure."""
    wanted, available = replicas.desired_replicas, replicas.available_replicas
    if wanted == 0:
        return Health.NOT_READY
    if available == 0 or (available == wanted and replicas.current_replicas != available):
        return Health.FAILURE
    if available < wanted or 0 <= replicas.synced_proxies < wanted:
        return Health.DEGRADED
    return Health.HEALTHY
