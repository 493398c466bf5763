"""Argo CD and Flux: what keeps objects as Git has them, and whether that is paused. Only that is read of them.

Argo CD (operator-manual/application.yaml): without `syncPolicy.automated.selfHeal` a change in the cluster stays.
Flux (kustomize and helm controllers): `spec.suspend` stops reconciling.
"""

from __future__ import annotations

from typing import ClassVar

from meshdoctor.model.base import KubernetesObject, Record


class Automated(Record, frozen=True):
    self_heal: bool = False
    prune: bool = False
    enabled: bool | None = None  # Argo CD 3.1 on: false switches it off and keeps the rest


class SyncPolicy(Record, frozen=True):
    automated: Automated | None = None


class ApplicationSpec(Record, frozen=True):
    sync_policy: SyncPolicy | None = None


class Application(KubernetesObject, frozen=True):
    GROUP = "argoproj.io"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1alpha1",)
    KIND = "Application"
    PLURAL = "applications"

    spec: ApplicationSpec = ApplicationSpec()


class SuspendedSpec(Record, frozen=True):
    suspend: bool = False


class Kustomization(KubernetesObject, frozen=True):
    GROUP = "kustomize.toolkit.fluxcd.io"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1", "v1beta2")
    KIND = "Kustomization"
    PLURAL = "kustomizations"

    spec: SuspendedSpec = SuspendedSpec()


class HelmRelease(KubernetesObject, frozen=True):
    GROUP = "helm.toolkit.fluxcd.io"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v2", "v2beta2")
    KIND = "HelmRelease"
    PLURAL = "helmreleases"

    spec: SuspendedSpec = SuspendedSpec()
