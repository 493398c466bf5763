"""Bundles of other tools: what is in them is read, what is not is UNKNOWN."""

from __future__ import annotations

import json
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshdoctor.bundle.opening import Opened, open_bundle
from meshdoctor.bundle.replay import ReplayServer
from meshdoctor.collect.live import Options, collect
from meshdoctor.collect.proxies import REJECTED
from meshdoctor.kube.client import ApiClient
from meshdoctor.kube.credentials import Credentials
from meshdoctor.model.cluster import Namespace, Secret
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import DestinationRule, VirtualService
from meshdoctor.model.sources import SourceState
from meshdoctor.model.workloads import Pod

AT = "2026-03-01T12:00:00Z"


def thing(kind: str, name: str, namespace: str = "", version: str = "v1", **more: Any) -> dict[str, Any]:
    metadata = {"name": name, "creationTimestamp": AT} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **more}


POD = thing("Pod", "cart-1", "shop", spec={"containers": [{"name": "app"}, {"name": "istio-proxy"}]}, status={"phase": "Running"})
ROUTE = thing("VirtualService", "cart", "shop", "networking.istio.io/v1", spec={"hosts": ["cart"]})
SPACES = [thing("Namespace", name) for name in ("shop", "bank")]
DUMP = {
    "configs": [
        {
            "@type": "x.ListenersConfigDump",
            "dynamic_listeners": [{"name": "a", "active_state": {}, "error_state": {"details": "no", "failed_configuration": {}}}],
        },
        {"@type": "x.SecretsConfigDump", "dynamic_active_secrets": [{"name": "default"}]},
    ]
}


def write(folder: Path, files: dict[str, Any]) -> Path:
    for name, body in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body if isinstance(body, str) else yaml.safe_dump(body) if name.endswith("yaml") else json.dumps(body))
    return folder


async def mesh_of(opened: Opened) -> Mesh:
    async with ReplayServer(opened.recording) as server:
        who = Credentials(context="b", cluster="b", server=server.url, user="b", namespace="default")
        async with ApiClient(who) as api:
            return await collect(api, Options())


async def test_a_folder_of_what_kubectl_printed(tmp_path: Path) -> None:
    whole = {"apiVersion": "v1", "kind": "List", "items": [POD, *SPACES]}
    opened = open_bundle(write(tmp_path, {"all.yaml": whole, "vs.json": ROUTE}))
    mesh = await mesh_of(opened)
    assert opened.form == "folder of manifests"
    assert [p.name for p in mesh[Pod]] == ["cart-1"]
    assert [v.name for v in mesh[VirtualService]] == ["cart"]
    assert mesh.state(DestinationRule) is SourceState.ERROR  # none in the folder is not none in the cluster
    assert mesh.state(Secret) is SourceState.ERROR
    assert opened.recording.recorded_at == datetime(2026, 3, 1, 12, tzinfo=UTC)


async def test_an_empty_list_of_a_kind_says_that_there_is_none(tmp_path: Path) -> None:
    empty = {"apiVersion": "networking.istio.io/v1", "kind": "DestinationRuleList", "items": []}
    mesh = await mesh_of(open_bundle(write(tmp_path, {"pods.yaml": POD, "dr.json": empty})))
    assert mesh.state(DestinationRule) is SourceState.LIVE
    assert len(mesh[DestinationRule]) == 0


async def test_a_troubleshoot_support_bundle(tmp_path: Path) -> None:
    root = "support-bundle-2026"
    files = {
        f"{root}/cluster-info/cluster_version.json": {"info": {"gitVersion": "v1.36.3"}, "string": "v1.36.3"},
        f"{root}/cluster-resources/namespaces.json": {"kind": "NamespaceList", "apiVersion": "v1", "items": SPACES},
        f"{root}/cluster-resources/pods/shop.json": {
            "kind": "PodList",
            "apiVersion": "v1",
            "items": [{**POD, "kind": "", "apiVersion": ""}],
        },
        f"{root}/cluster-resources/pods/bank.json": {"kind": "PodList", "apiVersion": "v1", "items": []},
        f"{root}/cluster-resources/pods-errors.json": [],
        f"{root}/cluster-resources/custom-resources/virtualservices.networking.istio.io/shop.json": [ROUTE],
        f"{root}/cluster-resources/pods/logs/shop/cart-1/istio-proxy.log": f"{AT} a line\n",
    }
    opened = open_bundle(write(tmp_path, files))
    mesh = await mesh_of(opened)
    assert opened.form == "troubleshoot support bundle"
    assert mesh.cluster.kubernetes == "v1.36.3"
    assert [p.name for p in mesh[Pod].everywhere()] == ["cart-1"]
    assert [v.name for v in mesh[VirtualService]] == ["cart"]
    assert any(k.endswith("/pods/cart-1/log?container=istio-proxy&previous=false") for k in opened.recording.answers)


@pytest.mark.parametrize("inspected", [("shop",), ("shop", "bank")])
async def test_a_must_gather_knows_the_namespaces_that_were_inspected(tmp_path: Path, inspected: tuple[str, ...]) -> None:
    root = "must-gather.local.1/quay-io-x"
    files: dict[str, Any] = {f"{root}/cluster-scoped-resources/core/namespaces/{s['metadata']['name']}.yaml": s for s in SPACES}
    files |= {
        f"{root}/namespaces/{n}/core/services.yaml": {"kind": "ServiceList", "apiVersion": "v1", "items": []} for n in inspected
    }
    files |= {
        f"{root}/namespaces/shop/pods/cart-1/cart-1.yaml": POD,
        f"{root}/namespaces/shop/pods/cart-1/istio-proxy/istio-proxy/logs/current.log": f"{AT} a line\n",
        f"{root}/namespaces/shop/networking.istio.io/virtualservices/cart.yaml": ROUTE,
    }
    opened = open_bundle(write(tmp_path, files))
    mesh = await mesh_of(opened)
    assert opened.form == "must-gather"
    assert len(mesh[Namespace]) == 2
    assert mesh[Pod].source.namespaces == (None if len(inspected) == 2 else ("shop",))
    assert any("/pods/cart-1/log" in k for k in opened.recording.answers)


async def test_a_bug_report_with_what_proxies_and_istiod_said(tmp_path: Path) -> None:
    clusters = "outbound|80||cart::default_priority::max_connections::7\noutbound|80||cart::10.0.0.1:80::health_flags::/failed_outlier_check\n"
    files = {
        "bug-report/cluster/kubectl-version": "Client Version: v1.36.3\nServer Version: v1.35.1\n",
        "bug-report/cluster/k8s-resources": yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": [POD]}),
        "bug-report/cluster/crs": yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": [ROUTE]}),
        "bug-report/istio/istio-system/istiod-1/debug/syncz": "[]",
        "bug-report/proxies/shop/cart-1/clusters": clusters,
        "bug-report/proxies/shop/cart-1/listeners": "0.0.0.0_80::0.0.0.0:80\n",
        "bug-report/proxies/shop/cart-1/config_dump?include_eds": json.dumps(DUMP),
        "bug-report/proxies/shop/cart-1/istio-proxy.log": "{}\n",
    }
    write(tmp_path / "in", files)
    path = tmp_path / "bug-report.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.add(tmp_path / "in" / "bug-report", "bug-report")
    opened = open_bundle(path)
    mesh = await mesh_of(opened)
    assert opened.form == "istioctl bug-report"
    assert mesh.cluster.kubernetes == "v1.35.1"
    assert mesh.state(DestinationRule) is SourceState.LIVE  # all of Istio's kinds were asked for
    answers = opened.recording.answers
    assert "pod istio-system/istiod-1:15014 GET /debug/syncz" in answers
    refused = json.loads(answers[f"pod shop/cart-1:15000 GET {REJECTED}"].body)
    assert refused == {"configs": [{"name": "a", "error_state": {"details": "no"}}]}
    statuses = json.loads(answers["pod shop/cart-1:15000 GET /clusters?format=json"].body)["cluster_statuses"]
    assert statuses[0]["host_statuses"][0]["health_status"] == {"eds_health_status": "HEALTHY", "failed_outlier_check": True}
    assert statuses[0]["circuit_breakers"]["thresholds"] == [{"priority": "DEFAULT", "max_connections": 7}]


async def test_the_data_of_a_secret_in_a_folder_is_not_kept(tmp_path: Path) -> None:
    secret = thing("Secret", "tls", "shop", data={"tls.key": "Zm9vYmFy"})
    opened = open_bundle(write(tmp_path, {"s.yaml": secret}))
    assert b"Zm9vYmFy" not in b"".join(a.body for a in opened.recording.answers.values())
    assert [s.name for s in (await mesh_of(opened))[Secret]] == ["tls"]


def test_a_file_that_does_not_parse_leaves_the_others(tmp_path: Path) -> None:
    opened = open_bundle(write(tmp_path, {"a.yaml": "a: [", "b.json": "{", "pod.yaml": POD}))
    assert opened.notes == ("2 entries were left out: it does not parse.",)
    assert any("/pods" in k for k in opened.recording.answers)
