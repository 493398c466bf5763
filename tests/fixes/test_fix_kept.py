"""`meshdoctor fix` of an object that Argo CD, Flux or Helm would write back: the patch for Git instead of a write."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from meshdoctor.fixes.patch import applied, ours
from tests.fixes.cluster import Cluster
from tests.fixes.conftest import Run
from tests.fixes.test_fix_command import FIXED, RULE, writes

FLUX = "kustomize.toolkit.fluxcd.io"
KEPT: list[tuple[dict[str, Any], str, str]] = [
    (
        {"annotations": {"argocd.argoproj.io/tracking-id": "shop-prod:networking.istio.io/DestinationRule:shop/payment-plain"}},
        "Argo CD application shop-prod",
        "argocd app get shop-prod",
    ),
    (
        {
            "labels": {"app.kubernetes.io/instance": "shop-prod"},
            "managedFields": [{"manager": "argocd-controller", "operation": "Apply", "fieldsType": "FieldsV1"}],
        },
        "Argo CD application shop-prod",
        "argocd app get shop-prod",
    ),
    (
        {
            "labels": {f"{FLUX}/name": "apps", f"{FLUX}/namespace": "flux-system"},
            "managedFields": [{"manager": "kustomize-controller", "operation": "Apply", "fieldsType": "FieldsV1"}],
        },
        "Flux Kustomization flux-system/apps",
        "flux get kustomizations apps -n flux-system",
    ),
    (
        {
            "labels": {"app.kubernetes.io/managed-by": "Helm"},
            "annotations": {"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": "shop"},
            "managedFields": [{"manager": "helm", "operation": "Update", "fieldsType": "FieldsV1"}],
        },
        "Helm release shop/shop",
        "helm get manifest shop -n shop",
    ),
]


@pytest.mark.writes
@pytest.mark.parametrize(("marks", "owner", "command"), KEPT, ids=["Argo CD", "Argo CD by label", "Flux", "Helm"])
def test_what_a_tool_keeps_is_not_written_but_told_for_git(
    meshdoctor: Run, cluster: Cluster, journal: Path, marks: dict[str, Any], owner: str, command: str
) -> None:
    rule = cluster.get(RULE)
    assert rule is not None
    kept = copy.deepcopy(cluster.put(RULE, {**rule, "metadata": {**rule["metadata"], **marks}}))
    done = meshdoctor(*FIXED)
    assert done.returncode == 64
    assert f"is kept by {owner}" in done.stderr
    assert f"$ {command}" in done.stdout
    assert (writes(cluster), journal.exists()) == ([], False)
    patch = next(line.strip() for line in done.stdout.splitlines() if line.strip().startswith("[{"))
    assert patch == '[{"op":"replace","path":"/spec/trafficPolicy/tls/mode","value":"ISTIO_MUTUAL"}]'
    assert meshdoctor(*FIXED, "--force").returncode == 0
    forced = cluster.get(RULE)
    assert forced is not None
    assert ours(forced) == ours(applied(kept, json.loads(patch))), "what Git is told is what would have been written"
