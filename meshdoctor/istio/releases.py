"""Releases of Istio and Kubernetes: their numbers, and which go together.

Source: istio.io, "Supported Releases" (Kubernetes versions) and "Upgrade" (a proxy may be two minor versions older).
"""

from __future__ import annotations

import re

_NUMBERS = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?")

# istio's minor version to the oldest minor version of Kubernetes it is made for
OLDEST_KUBERNETES = {
    20: 25,
    21: 26,
    22: 27,
    23: 27,
    24: 28,
    25: 29,
    26: 29,
    27: 29,
    28: 30,
    29: 31,
    30: 32,
    31: 32,
    32: 32,
}


def numbers(version: str) -> tuple[int, int] | None:
    """Major and minor of `1.30.3-0f..-Clean` or `v1.36.3`; None where it is no release's number."""
    found = _NUMBERS.match(version)
    return (int(found[1]), int(found[2])) if found and int(found[1]) else None


def oldest_kubernetes(istio: str) -> tuple[int, int] | None:
    """The oldest Kubernetes that a release of Istio is made for; None where that is not known."""
    release = numbers(istio)
    minor = OLDEST_KUBERNETES.get(release[1]) if release and release[0] == 1 else None
    return (1, minor) if minor else None
