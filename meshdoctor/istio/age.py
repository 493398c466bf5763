"""Which of several objects is the oldest: Istio lets it win."""

from __future__ import annotations

from meshdoctor.model.base import KubernetesObject


def by_age(thing: KubernetesObject) -> tuple[float, str, str]:
    """Sort key: the oldest first, then by name, as Istio breaks ties."""
    return thing.created.timestamp() if thing.created else 0.0, thing.name, thing.namespace
