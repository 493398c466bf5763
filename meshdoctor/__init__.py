"""meshdoctor as a library: `from meshdoctor import check, diagnose, load, probe, fail`. Imported lazily."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from meshdoctor.library import check, diagnose, load
    from probes.registry import fail, probe

__all__ = ["check", "diagnose", "fail", "load", "probe"]

_HOMES = {
    "check": "meshdoctor.library",
    "diagnose": "meshdoctor.library",
    "load": "meshdoctor.library",
    "fail": "probes.registry",
    "probe": "probes.registry",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'meshdoctor' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
