"""The cases of istioctl's analyzers: the codes of the named analyzer, on exactly these objects, as often."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshdoctor.model.mesh import Mesh
from tests.vectors.cases import (
    SYSTEM,
    VECTORS,
    difference,
    found,
    manifests_of,
    mesh_config,
    mesh_from,
    must_be_there,
    named,
    objects_in,
    read,
)

FOLDER = VECTORS / "istio-analyze"
CASES: list[dict[str, Any]] = read("istio-analyze/vectors.json")
INGRESS = {"istio": "ingressgateway"}
DIFFERENT: dict[str, str] = {}  # id of a case to the reason why we say something else

ANALYZERS: dict[str, tuple[str, str]] = {  # analyzer to its codes and the kinds it loads
    "annotations.K8sAnalyzer": ("IST0108 IST0135 IST0107 IST0125", "Namespace Service Pod Deployment"),
    "authn.BlockedCIDRsAnalyzer": ("IST0175", "RequestAuthentication Deployment"),
    "auth.AuthorizationPoliciesAnalyzer": ("IST0127 IST0101", "MeshConfig AuthorizationPolicy Namespace Pod"),
    "conditions.ConditionAnalyzer": (
        "IST0171",
        "Service ServiceEntry WorkloadEntry AuthorizationPolicy gateway.networking.k8s.io/Gateway HTTPRoute GRPCRoute",
    ),
    "applicationUID.Analyzer": ("IST0144", "Pod Deployment"),
    "deployment.MultiServiceAnalyzer": ("IST0116 IST0137", "Service Deployment Namespace"),
    "deprecation.DeprecationAnalyzer": ("IST0002", "VirtualService Sidecar CustomResourceDefinition"),
    "destinationrule.CaCertificateAnalyzer": ("IST0128 IST0129", "DestinationRule"),
    "destinationrule.SubsetSelectPodAnalyzer": ("IST0174 IST0173", "DestinationRule Pod Service ServiceEntry Node"),
    "envoyfilter.EnvoyPatchAnalyzer": ("IST0151 IST0155 IST0153 IST0154 IST0152", "EnvoyFilter"),
    "externalcontrolplane.ExternalControlPlaneAnalyzer": (
        "IST0163 IST0164",
        "ValidatingWebhookConfiguration MutatingWebhookConfiguration",
    ),
    "gateway.CertificateAnalyzer": ("IST0138", "networking.istio.io/Gateway"),
    "gateway.ConflictingGatewayAnalyzer": ("IST0101 IST0145", "networking.istio.io/Gateway Pod"),
    "gateway.IngressGatewayPortAnalyzer": ("IST0101 IST0162", "networking.istio.io/Gateway Pod Service"),
    "gateway.SecretAnalyzer": ("IST0101 IST0161", "networking.istio.io/Gateway Pod Secret"),
    "injection.ImageAutoAnalyzer": ("IST0147 IST0146", "Namespace Pod Deployment MutatingWebhookConfiguration"),
    "injection.ImageAnalyzer": ("IST0158", "Namespace Pod ConfigMap MeshConfig ProxyConfig"),
    "injection.Analyzer": ("IST0123 IST0148 IST0102 IST0103", "Namespace Pod ConfigMap"),
    "k8sgateway.CRDVersionAnalyzer": ("IST0176", "CustomResourceDefinition"),
    "k8sgateway.SelectorAnalyzer": ("IST0166", "AuthorizationPolicy RequestAuthentication Telemetry WasmPlugin Pod"),
    "annotations.AlphaAnalyzer": ("IST0136", "Namespace Service Pod Deployment"),
    "meshnetworks.MeshNetworksAnalyzer": ("IST0126", "MeshNetworks Secret"),
    "services.MultiClusterServiceAnalyzer": ("IST0170", "Service"),
    "service.PortNameAnalyzer": ("IST0118 IST0150", "Service"),
    "serviceentry.ConflictingServiceEntryProtocolAnalyzer": ("IST0177", "ServiceEntry"),
    "serviceentry.Analyzer": ("IST0134", "ServiceEntry MeshConfig"),
    "sidecar.SelectorAnalyzer": ("IST0101 IST0167 IST0110 IST0111", "Sidecar Pod Namespace"),
    "telemetry.DefaultSelectorAnalyzer": ("IST0160", "Telemetry"),
    "telemetry.LightstepAnalyzer": ("IST0002", "Telemetry MeshConfig"),
    "telemetry.ProviderAnalyzer": ("IST0157", "Telemetry MeshConfig"),
    "telemetry.SelectorAnalyzer": ("IST0101 IST0159", "Telemetry Pod"),
    "virtualservice.ConflictingMeshGatewayHostsAnalyzer": ("IST0109", "VirtualService"),
    "virtualservice.DestinationHostAnalyzer": ("IST0140 IST0101 IST0112", "ServiceEntry VirtualService Service"),
    "virtualservice.DestinationRuleAnalyzer": ("IST0101", "VirtualService DestinationRule"),
    "virtualservice.GatewayAnalyzer": (
        "IST0165 IST0101 IST0132",
        "networking.istio.io/Gateway gateway.networking.k8s.io/Gateway VirtualService",
    ),
    "virtualservice.JWTClaimRouteAnalyzer": ("IST0149", "VirtualService RequestAuthentication networking.istio.io/Gateway Pod"),
    "webhook.Analyzer": ("IST0139", "MutatingWebhookConfiguration Service"),
    "schema.ValidationAnalyzer.AuthorizationPolicy": ("IST0106 IST0133", "AuthorizationPolicy"),
    "schema.ValidationAnalyzer.DestinationRule": ("IST0106 IST0133", "DestinationRule"),
    "schema.ValidationAnalyzer.EnvoyFilter": ("IST0106 IST0133", "EnvoyFilter"),
    "schema.ValidationAnalyzer.Gateway": ("IST0106 IST0133", "networking.istio.io/Gateway"),
    "schema.ValidationAnalyzer.PeerAuthentication": ("IST0106 IST0133", "PeerAuthentication"),
    "schema.ValidationAnalyzer.ProxyConfig": ("IST0106 IST0133", "ProxyConfig"),
    "schema.ValidationAnalyzer.RequestAuthentication": ("IST0106 IST0133", "RequestAuthentication"),
    "schema.ValidationAnalyzer.ServiceEntry": ("IST0106 IST0133", "ServiceEntry"),
    "schema.ValidationAnalyzer.Sidecar": ("IST0106 IST0133", "Sidecar"),
    "schema.ValidationAnalyzer.Telemetry": ("IST0106 IST0133", "Telemetry"),
    "schema.ValidationAnalyzer.TrafficExtension": ("IST0106 IST0133", "TrafficExtension"),
    "schema.ValidationAnalyzer.VirtualService": ("IST0106 IST0133 IST0130 IST0131", "VirtualService"),
    "schema.ValidationAnalyzer.WasmPlugin": ("IST0106 IST0133", "WasmPlugin"),
    "schema.ValidationAnalyzer.WorkloadEntry": ("IST0106 IST0133", "WorkloadEntry"),
    "schema.ValidationAnalyzer.WorkloadGroup": ("IST0106 IST0133", "WorkloadGroup"),
}


def mesh_of_case(case: dict[str, Any]) -> Mesh:
    """The objects of the kinds that the analyzer loads, with the ingress gateway that istioctl adds."""
    _, kinds = ANALYZERS[case["analyzer"]]
    objects = [o for o in objects_in(FOLDER / f for f in case["inputFiles"]) if not in_system(o)]
    opened = [i for o in objects for i in (o["items"] if str(o.get("kind")).endswith("List") else [o])]
    config, networks = case.get("meshConfigFile"), case.get("meshNetworksFile")
    given = text(config)
    loaded = [o for o in opened if o.get("kind") in {k.rpartition("/")[2] for k in kinds.split()}]
    return mesh_from(
        [*loaded, *default_ingress(kinds)],
        manifests=manifests_of(loaded) if case["analyzer"].startswith("schema.") else (),
        mesh_config=mesh_config(given),
        mesh_networks=(yaml.safe_load(text(networks) or "{}") or {}).get("networks"),
    )


def text(name: str | None) -> str | None:
    return (FOLDER / name).read_text() if name else None


def in_system(thing: dict[str, Any]) -> bool:
    metadata = thing.get("metadata") or {}
    return metadata.get("namespace") in SYSTEM or (thing.get("kind") == "Namespace" and metadata.get("name") in SYSTEM)


def default_ingress(kinds: str) -> list[dict[str, Any]]:
    pod = named("Pod", "istio-ingressgateway-dummypod", "istio-system")
    pod["metadata"]["labels"] = INGRESS
    ports = [{"name": f"tcp-{n}", "port": n, "protocol": "TCP"} for n in (80, 443, 31400, 15443)]
    service = named("Service", "istio-ingressgateway", "istio-system", spec={"selector": INGRESS, "ports": ports})
    return [o for o in (pod, service) if o["kind"] in kinds.split()]


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['id']}-{c['name']}")
def test_istio_analyze(case: dict[str, Any], record_property: Any) -> None:
    must_be_there()
    codes = set(ANALYZERS[case["analyzer"]][0].split())
    expected = Counter((e["code"], e["resource"]) for e in case["expected"])
    actual = Counter(
        (code, f"{f.subject.kind} {f.subject.namespace}/{f.subject.name}".replace(" /", " "))
        for f in found(mesh_of_case(case))
        for code in set(f.codes) & codes
    )
    told = difference(expected, actual)
    reason = DIFFERENT.get(case["id"], "")
    record_property("vectors", ["istio-analyze", not told, case["id"], reason])
    assert bool(told) == bool(reason), told or f"judged the same now, so it is no longer one that differs: {reason}"


def test_the_folder_is_not_in_the_project() -> None:
    assert Path(__file__).parents[2] not in VECTORS.parents
