"""Who keeps an object, by the marks that the tools really set."""

from __future__ import annotations

from typing import Any

import pytest

from meshdoctor.fixes.owner import owner_of


def managed(*managers: str) -> list[dict[str, str]]:
    return [{"manager": m, "operation": "Apply"} for m in managers]


@pytest.mark.parametrize(
    ("meta", "owner"),
    [
        ({"annotations": {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/cart"}}, "Argo CD application shop"),
        (
            {"annotations": {"argocd.argoproj.io/tracking-id": "team_shop:apps/Deployment:shop/cart"}},
            "Argo CD application team/shop",
        ),
        (
            {"labels": {"app.kubernetes.io/instance": "shop"}, "managedFields": managed("argocd-controller")},
            "Argo CD application shop",
        ),
        ({"managedFields": managed("argocd-application-controller")}, "Argo CD application"),
        (
            {"labels": {"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}},
            "Flux Kustomization flux-system/apps",
        ),
        (
            {"labels": {"helm.toolkit.fluxcd.io/name": "shop", "helm.toolkit.fluxcd.io/namespace": "shop"}},
            "Flux HelmRelease shop/shop",
        ),
        (
            {
                "labels": {"app.kubernetes.io/managed-by": "Helm"},
                "annotations": {"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": "shop"},
            },
            "Helm release shop/shop",
        ),
        (
            {
                "ownerReferences": [
                    {"apiVersion": "sailoperator.io/v1", "kind": "IstioRevision", "name": "default", "controller": True}
                ]
            },
            "controller of IstioRevision default",
        ),
    ],
)
def test_tools_are_known_by_their_marks(meta: dict[str, Any], owner: str) -> None:
    assert str(owner_of({"kind": "Deployment", "metadata": {"namespace": "shop", "name": "cart", **meta}})) == owner


def test_what_has_no_namespace_is_tracked_with_that_of_the_application() -> None:
    marks = {"argocd.argoproj.io/tracking-id": "mesh:admissionregistration.k8s.io/MutatingWebhookConfiguration:istio-d/injector"}
    found = owner_of({"kind": "MutatingWebhookConfiguration", "metadata": {"name": "injector", "annotations": marks}})
    assert str(found) == "Argo CD application mesh"


@pytest.mark.parametrize(
    "meta",
    [
        {},
        {"labels": {"app.kubernetes.io/managed-by": "Helm", "app.kubernetes.io/instance": "istio"}},  # a rendered chart, applied
        {"managedFields": managed("kubectl-client-side-apply", "kube-controller-manager", "pilot-discovery")},
        {"managedFields": [{"manager": "argocd-controller", "subresource": "status"}]},
        {"annotations": {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/another"}},  # a copy
        {"ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "x", "controller": True}]},
    ],
)
def test_what_people_wrote_is_nobodys(meta: dict[str, Any]) -> None:
    assert owner_of({"kind": "Deployment", "metadata": {"namespace": "shop", "name": "cart", **meta}}) is None
