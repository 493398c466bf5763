"""Who keeps an object: tools that would write their own version over a direct change.

Their marks, as they set them: Argo CD's field managers, and its tracking annotation, which counts only on the object that it
names, as copies carry it too (docs: user-guide/resource_tracking); Flux' kustomize and helm labels; Helm's release annotations
(set with `app.kubernetes.io/managed-by: Helm`, which rendered charts carry alone too); controllers by their owner reference;
Sail by its label.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from meshdoctor.fixes.patch import Object

BUILT_IN = ("apps", "batch", "")  # groups of Kubernetes' own controllers


class Owner(msgspec.Struct, frozen=True):
    """The tool, what of it keeps the object, by which mark that was seen, and the command that shows it."""

    tool: str
    name: str
    mark: str
    command: str = ""
    reverts: bool = True  # whether it writes its own version back on its own

    def __str__(self) -> str:
        return f"{self.tool} {self.name}".strip()


def owner_of(thing: Object) -> Owner | None:
    """Who keeps an object; None where nobody is seen to."""
    return next((owner for find in FINDERS for owner in find(_Marks(thing))), None)


class _Marks:
    """What an object carries."""

    def __init__(self, thing: Object) -> None:
        meta: dict[str, Any] = thing.get("metadata") or {}
        self.kind, self.namespace, self.name = (str(x or "") for x in (thing.get("kind"), meta.get("namespace"), meta.get("name")))
        self.labels: dict[str, str] = meta.get("labels") or {}
        self.annotations: dict[str, str] = meta.get("annotations") or {}
        self.managers = {str(m.get("manager", "")) for m in meta.get("managedFields") or () if m.get("subresource") != "status"}
        self.owners: list[dict[str, Any]] = meta.get("ownerReferences") or []


def _argo(marks: _Marks) -> Iterator[Owner]:
    tracking = marks.annotations.get("argocd.argoproj.io/tracking-id", "")
    tracking = tracking if _is_about(tracking, marks) else ""
    manager = marks.managers & {"argocd-controller", "argocd-application-controller"}
    label = marks.labels.get("argocd.argoproj.io/instance", "")
    if tracking or manager or label:
        app = tracking.partition(":")[0].replace("_", "/") or label or marks.labels.get("app.kubernetes.io/instance", "")
        seen = (
            "argocd.argoproj.io/tracking-id"
            if tracking
            else "argocd.argoproj.io/instance"
            if label
            else f"field manager {min(manager)}"
        )
        yield Owner("Argo CD application", app, seen, f"argocd app get {app}" if app else "")


def _is_about(tracking: str, marks: _Marks) -> bool:
    """Whether APP:GROUP/KIND:NAMESPACE/NAME names this object; what has no namespace is named with that of the application."""
    what, _, where = tracking.partition(":")[2].partition(":")
    namespace, _, name = where.partition("/")
    return (what.rpartition("/")[2], name) == (marks.kind, marks.name) and marks.namespace in ("", namespace)


def _flux(marks: _Marks) -> Iterator[Owner]:
    for kind, group in (("Kustomization", "kustomize.toolkit.fluxcd.io"), ("HelmRelease", "helm.toolkit.fluxcd.io")):
        if name := marks.labels.get(f"{group}/name", ""):
            namespace = marks.labels.get(f"{group}/namespace", "")
            command = f"flux get {kind.lower()}s {name} -n {namespace or 'flux-system'}"
            yield Owner(f"Flux {kind}", f"{namespace}/{name}" if namespace else name, f"{group}/name", command)
    for manager in ("kustomize-controller", "helm-controller"):
        if manager in marks.managers:
            yield Owner("Flux", "", f"field manager {manager}")


def _helm(marks: _Marks) -> Iterator[Owner]:
    if release := marks.annotations.get("meta.helm.sh/release-name", ""):
        namespace = marks.annotations.get("meta.helm.sh/release-namespace", "")
        command = f"helm get manifest {release}{f' -n {namespace}' if namespace else ''}"
        yield Owner("Helm release", f"{namespace}/{release}" if namespace else release, "meta.helm.sh/release-name", command, False)


def _operator(marks: _Marks) -> Iterator[Owner]:
    for reference in marks.owners:
        group = str(reference.get("apiVersion", "")).rpartition("/")[0]
        if reference.get("controller") and group not in BUILT_IN:
            yield Owner(f"controller of {reference.get('kind', '')}", str(reference.get("name", "")), "ownerReferences")
    if marks.labels.get("managed-by") == "sail-operator":
        yield Owner("Sail operator", "", "label managed-by")


FINDERS: tuple[Callable[[_Marks], Iterator[Owner]], ...] = (_argo, _flux, _operator, _helm)
