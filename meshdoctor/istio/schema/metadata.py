"""The metadata of an object as the API server holds it: its name, its namespace, its labels."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from meshdoctor.istio.schema.fault import Fault

_SUBDOMAIN = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*", re.ASCII)
_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)
_MAX_NAME = 253


def metadata_faults(metadata: Any) -> Iterator[Fault]:
    """A name that no object can have, and labels and annotations that are no text."""
    if not isinstance(metadata, dict):
        quote = "metadata.name: Required value: name or generateName is required"
        yield Fault("metadata", "it has no metadata, so no name", quote, broken=True)
        return
    name, namespace = metadata.get("name"), metadata.get("namespace")
    if name is None and not metadata.get("generateName"):
        quote = "metadata.name: Required value: name or generateName is required"
        yield Fault("metadata.name", "it has no name", quote, broken=True)
    elif name and not (isinstance(name, str) and len(name) <= _MAX_NAME and _SUBDOMAIN.fullmatch(name)):
        says = f"metadata.name is {name!r}: a name has lower-case letters, digits, - and . only"
        yield Fault(
            "metadata.name", says, f'metadata.name: Invalid value: "{name}": a lowercase RFC 1123 subdomain must consist of ...'
        )
    if namespace and not (isinstance(namespace, str) and _LABEL.fullmatch(namespace)):
        says = f"metadata.namespace is {namespace!r}, which no namespace is called"
        yield Fault("metadata.namespace", says, f'metadata.namespace: Invalid value: "{namespace}"')
    for kind in ("labels", "annotations"):
        yield from _texts(metadata.get(kind), f"metadata.{kind}")


def _texts(values: Any, path: str) -> Iterator[Fault]:
    if values is not None and not isinstance(values, dict):
        yield Fault(path, f"{path} must be a mapping", f"{path}: Invalid value: must be of type object", broken=True)
    for key, value in values.items() if isinstance(values, dict) else ():
        if not isinstance(value, str | None):
            says = f"{path}.{key} is {str(value).lower() if isinstance(value, bool) else value}, it must be text (in quotes)"
            quote = f"{path}.{key}: Invalid value: must be of type string"
            yield Fault(f"{path}.{key}", says, quote, broken=True)
