"""Istio's annotations: which there are, for which kinds, and which values fit.

Source: istio.io, Resource Annotations; istio, pkg/kube/inject (what the injector refuses).
"""

from __future__ import annotations

import functools
import ipaddress
import re
import tomllib
from collections.abc import Callable
from importlib.resources import files

import msgspec

IGNORED = {  # written by Istio itself, or for its analyzers
    "sidecar.istio.io/status",
    "gateway.istio.io/controller-version",
    "istio.io/rev",
    "galley.istio.io/analyze-suppress",
}
INSTALLERS = ("install.operator.istio.io", "operator.istio.io")  # their domains: what the operator notes for itself
CAPTURE = {  # written by the CNI plugin where pods have no istio-init
    "sidecar.istio.io/interceptionMode",
    "traffic.sidecar.istio.io/includeOutboundIPRanges",
    "traffic.sidecar.istio.io/excludeInboundPorts",
    "traffic.sidecar.istio.io/includeInboundPorts",
}
_QUANTITY = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+|[numkMGTPE]i?|Ki)?")


class Annotation(msgspec.Struct, frozen=True):
    """One annotation. `kinds` may be `Any`; `value` names what its values are."""

    status: str
    kinds: tuple[str, ...]
    deprecated: bool = False
    value: str = ""

    def belongs_to(self, kind: str) -> bool:
        return kind in self.kinds or "Any" in self.kinds


@functools.cache
def known() -> dict[str, Annotation]:
    """All annotations by name."""
    text = files("meshdoctor.istio").joinpath("annotations.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, Annotation])


def is_istios(name: str) -> bool:
    """Whether a name is in Istio's domains (or the one that it took over from Ingress)."""
    domain = name.partition("/")[0]
    return (domain.endswith("istio.io") and domain not in INSTALLERS) or name == "kubernetes.io/ingress.class"


def fits(what: str, value: str) -> bool:
    """Whether a value is of a sort (`validateUInt32`, ...); any value is of a sort that is not checked here."""
    check = _CHECKS.get(what)
    return check is None or check(value)


def _is_number(value: str) -> bool:
    return value.isdecimal() and int(value) < 2**32


def _are_ports(value: str) -> bool:
    return all(p.strip().isdecimal() and int(p) <= 65_535 for p in value.split(",") if p.strip())


def _are_ranges(value: str) -> bool:
    try:
        return all(ipaddress.ip_network(r.strip(), strict=False) for r in value.split(",") if r.strip())
    except ValueError:
        return False


_CHECKS: dict[str, Callable[[str], bool]] = {
    "validateUInt32": _is_number,
    "validateStatusPort": _is_number,
    "validateBool": lambda v: v.lower() in {"1", "t", "true", "0", "f", "false"},
    "validateResourceQuantity": lambda v: _QUANTITY.fullmatch(v) is not None,
    "validateInterceptionMode": lambda v: v in {"REDIRECT", "TPROXY", "NONE"},
    "ValidateIncludeInboundPorts": lambda v: v == "*" or _are_ports(v),
    "ValidateExcludeInboundPorts": _are_ports,
    "ValidateExcludeOutboundPorts": _are_ports,
    "ValidateIncludeIPRanges": lambda v: v == "*" or _are_ranges(v),
    "ValidateExcludeIPRanges": _are_ranges,
}
