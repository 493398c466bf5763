"""Annotations for which istiod refuses an object of its own kinds."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.fields.reading import Field
from meshdoctor.istio.schema.fault import Fault

_DRY_RUN = "istio.io/dry-run"
_INTERNAL = ("internal.istio.io/parent-namespace", "internal.istio.io/parents")
_BOOLEANS = {"1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"}  # as Go parses them


def bad_annotations(body: Field) -> Iterator[Fault]:
    """A dry run is for policies that allow or deny; what istiod writes itself nobody else may."""
    annotations = body["metadata"]["annotations"]
    dry_run, action = annotations[_DRY_RUN], body["spec"]["action"].text or "ALLOW"
    if dry_run and body["kind"].text != "AuthorizationPolicy":
        yield dry_run.wrong("is for an AuthorizationPolicy only")
    elif dry_run and action not in ("ALLOW", "DENY"):
        yield dry_run.wrong(f"is for ALLOW and DENY, not for {action}")
    elif dry_run and dry_run.text not in _BOOLEANS:
        yield dry_run.wrong(f'is {dry_run.value!r}, it must be "true" or "false"')
    for name in _INTERNAL:
        if annotations[name]:
            yield annotations[name].wrong("may be set by istiod only")
