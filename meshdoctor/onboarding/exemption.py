"""Namespaces that stay out of the mesh: because they say so, or because they can never be in it."""

from __future__ import annotations

from datetime import date

import msgspec

from meshdoctor.istio.controlplane import control_plane_namespaces
from meshdoctor.istio.injection import AMBIENT, IGNORED_NAMESPACES, NAMESPACE_LABEL
from meshdoctor.model.cluster import Namespace
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.text import plain

ANNOTATION = "meshdoctor.dev/exempt"


class Exemption(msgspec.Struct, frozen=True):
    """Why a namespace stays out, where that is written (a path of the Namespace, empty where it follows from what it is),
    and until when; `flaw` is what is wrong with it."""

    reason: str
    at: str = ""
    until: date | None = None
    flaw: str = ""


def exemption(mesh: Mesh, namespace: Namespace) -> Exemption | None:
    """The exemption of a namespace; None where it has none, or where the one that it had is over."""
    found = _written(namespace) or _by_nature(mesh, namespace)
    return None if found is not None and is_over(mesh, found) else found


def expired(mesh: Mesh, namespace: Namespace) -> Exemption | None:
    """The exemption that was and is over."""
    found = _written(namespace)
    return found if found is not None and is_over(mesh, found) else None


def is_over(mesh: Mesh, found: Exemption) -> bool:
    """Whether its last day has passed."""
    return found.until is not None and found.until < mesh.now.date()


def _by_nature(mesh: Mesh, namespace: Namespace) -> Exemption | None:
    if namespace.name in IGNORED_NAMESPACES:
        return Exemption("istiod never injects this namespace")
    if namespace.name in control_plane_namespaces(mesh):
        return Exemption("the control plane's own namespace")
    return None


def _written(namespace: Namespace) -> Exemption | None:
    text = namespace.annotations.get(ANNOTATION)
    if text is not None:
        return _parsed(text)
    if namespace.labels.get(NAMESPACE_LABEL) == "disabled":
        return Exemption(f"{NAMESPACE_LABEL}=disabled", f"metadata.labels[{NAMESPACE_LABEL}]")
    if namespace.labels.get(AMBIENT) == "none" and NAMESPACE_LABEL not in namespace.labels:
        return Exemption(f"{AMBIENT}=none", f"metadata.labels[{AMBIENT}]")
    return None


def _parsed(text: str) -> Exemption:
    """`REASON` or `REASON; until=YYYY-MM-DD`."""
    reason, _, rest = (part.strip() for part in text.partition(";"))
    at = f"metadata.annotations[{ANNOTATION}]"
    said = rest.removeprefix("until=").strip()
    try:
        until = date.fromisoformat(said) if rest else None
    except ValueError:
        return Exemption(plain(reason, 300), at, flaw=f"{plain(rest, 60)!r} is no until=YYYY-MM-DD")
    return Exemption(plain(reason, 300), at, until, "" if reason else "it gives no reason")
