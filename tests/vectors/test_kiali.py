"""The cases of Kiali's checkers: the codes of the named checker, on exactly these objects and paths, as often."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from meshdoctor.istio.authorization.identity import identity_fields
from meshdoctor.istio.visibility import Exported, concerns
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import DestinationRule, ServiceEntry, VirtualService
from meshdoctor.model.security import AuthorizationPolicy
from tests.vectors.cases import (
    VECTORS,
    Said,
    difference,
    found,
    in_cluster,
    mesh_config,
    mesh_from,
    must_be_there,
    named,
    objects_in,
    read,
    said,
)

DATA = VECTORS / "kiali" / "testdata"
CASES: list[dict[str, Any]] = (read("kiali/vectors.json") or {"vectors": []})["vectors"]
WITHOUT_GATEWAYS = "the recording left out the gateways that the test hands over"
WITHOUT_ENTRY = "the recording left out the ServiceEntry that the test hands over"
DIFFERENT: dict[str, str] = {  # case to the reason why we say something else
    "docs/008.yaml": "the STRICT policy is that of the mesh: KIA0208 alone, as Kiali's own checker says it",
    "integration/bookinfo-workload-groups.yaml": "the Sidecars select machines that have a WorkloadEntry",
    "TestForeignDomainWithEmptyKnownDomains#14": "a mesh always has a trust domain, so cluster.local is not foreign",
    "TestPeerAuthMultiCPCorrectRootResolution#2": "one mesh has one root namespace; the second is another mesh",
    "TestFoundGateway#6": WITHOUT_GATEWAYS,
    "TestFoundGatewayTwoPartNaming#8": WITHOUT_GATEWAYS,
    "TestFoundRemoteGateway#7": WITHOUT_GATEWAYS,
    "TestMissingGatewayInHTTPMatch.func1#3": WITHOUT_GATEWAYS,
    "TestNewIstioGatewayNameFormat#11": WITHOUT_GATEWAYS,
    "TestValidAndMissingGateway#5": WITHOUT_GATEWAYS,
    "TestEgressExportedExternalServiceEntryPresent#7": WITHOUT_ENTRY,
    "TestValidWildcardServiceEntryHost#13": WITHOUT_ENTRY,
}

AMBIENT = "KIA0109 KIA0110 KIA0210 KIA0211 KIA0212 KIA1109 KIA1110 KIA1111 KIA1112 KIA1113 KIA1114 KIA1115 KIA1116 KIA1117"
CHECKERS: dict[str, str] = {
    "AmbientPolicyChecker": AMBIENT,
    "AuthorizationPolicyChecker": "KIA0002 KIA0003 KIA0004 KIA0101 KIA0102 KIA0104 KIA0105 KIA0106 KIA0107 KIA0108",
    "DestinationRulesChecker": "KIA0005 KIA0201 KIA0204 KIA0205 KIA0206 KIA0207 KIA0208",
    "GatewayChecker": "KIA0301 KIA0302",
    "K8sGRPCRouteChecker": "KIA1401 KIA1402",
    "K8sGatewayChecker": "KIA1501 KIA1502 KIA1503 KIA1504 GWAPI",
    "K8sHTTPRouteChecker": "KIA1401 KIA1402",
    "K8sReferenceGrantChecker": "KIA1601",
    "NoServiceChecker": "KIA0104 KIA0202 KIA0203 KIA0209 KIA1101 KIA1102 KIA1108 KIA1401 KIA1402",
    "PeerAuthenticationChecker": "KIA0002 KIA0003 KIA0004 KIA0401 KIA0501 KIA0505 KIA0506",
    "RequestAuthenticationChecker": "KIA0002 KIA0003 KIA0004",
    "ServiceChecker": "KIA0601 KIA0602 KIA0701",
    "ServiceEntryChecker": "KIA0005 KIA1211 KIA1212",
    "SidecarChecker": "KIA0002 KIA0003 KIA0004 KIA1004 KIA1006 KIA1007",
    "TelemetryChecker": "KIA0002 KIA0003 KIA0004",
    "TrafficExtensionChecker": "KIA0002 KIA0003 KIA0004",
    "VirtualServiceChecker": "KIA0005 KIA1104 KIA1105 KIA1106 KIA1107",
    "WorkloadChecker": "KIA1301 KIA1311 KIA1312 KIA1313 KIA1314 KIA1315 KIA1316 KIA1317",
    "WorkloadGroupsChecker": "KIA1701 KIA1702",
    "ambient.AmbientWorkloadChecker": "KIA1311 KIA1312 KIA1313 KIA1314 KIA1315 KIA1316 KIA1317",
    "authorization.MtlsEnabledChecker": "KIA0105",
    "authorization.NamespaceMethodChecker": "KIA0101 KIA0102",
    "authorization.NoHostChecker": "KIA0104",
    "authorization.PrincipalsChecker": "KIA0106 KIA0107 KIA0108",
    "common.ExportToNamespaceChecker": "KIA0005",
    "common.GenericMultiMatchChecker": "KIA0002 KIA0003",
    "common.GenericNoWorkloadFoundChecker": "KIA0004",
    "destinationrules.DisabledMeshWideMTLSChecker": "KIA0208",
    "destinationrules.DisabledNamespaceWideMTLSChecker": "KIA0207 KIA0208",
    "destinationrules.MeshWideMTLSChecker": "KIA0205",
    "destinationrules.MultiMatchChecker": "KIA0201",
    "destinationrules.NamespaceWideMTLSChecker": "KIA0206",
    "destinationrules.NoDestinationChecker": "KIA0202 KIA0203 KIA0209",
    "destinationrules.TrafficPolicyChecker": "KIA0204",
    "gateways.MultiMatchChecker": "KIA0301",
    "gateways.PortChecker": "KIA0601",
    "gateways.SelectorChecker": "KIA0302",
    "k8sgateways.GatewayClassChecker": "KIA1504",
    "k8sgateways.MultiMatchChecker": "KIA1501 KIA1502 KIA1503",
    "k8sgateways.StatusChecker": "GWAPI",
    "k8sgrpcroutes.NoHostChecker": "KIA1402",
    "k8sgrpcroutes.NoK8sGatewayChecker": "KIA1401",
    "k8shttproutes.NoHostChecker": "KIA1402",
    "k8shttproutes.NoK8sGatewayChecker": "KIA1401",
    "k8sreferencegrants.NamespaceChecker": "KIA1601",
    "peerauthentications.DisabledMeshWideChecker": "KIA0506",
    "peerauthentications.DisabledNamespaceWideChecker": "KIA0505",
    "peerauthentications.MeshMtlsChecker": "KIA0401",
    "peerauthentications.NamespaceMtlsChecker": "KIA0501",
    "serviceentries.MultiMatchChecker": "KIA1211 KIA1212",
    "serviceentries.PortChecker": "KIA0601",
    "services.PortMappingChecker": "KIA0601 KIA0602 KIA0701",
    "sidecars.EgressHostChecker": "KIA1004",
    "sidecars.GlobalChecker": "KIA1006",
    "sidecars.OutboundTrafficPolicyModeChecker": "KIA1007",
    "virtualservices.NoGatewayChecker": "KIA1102 KIA1108",
    "virtualservices.NoHostChecker": "KIA1101",
    "virtualservices.RouteChecker": "KIA1104 KIA1105",
    "virtualservices.SingleHostChecker": "KIA1106",
    "virtualservices.SubsetPresenceChecker": "KIA1107",
    "workloadgroups.DuplicateLabelsChecker": "KIA1702",
    "workloadgroups.ServiceAccountsChecker": "KIA1701",
    "workloads.UncoveredWorkloadChecker": "KIA1301",
}
ALL = " ".join(dict.fromkeys(" ".join(CHECKERS.values()).split())).replace("KIA1301 ", "")  # left out of full runs


def mesh_of_case(case: dict[str, Any]) -> Mesh:
    """The objects of a case, and the Mesh that its context tells of."""
    context = case["context"] or {}
    files = case.get("objects_file") or case["file"]
    paths = [DATA / f for f in (files if isinstance(files, list) else [files])]
    unread = {k for k in context.get("kinds_not_read") or () if k.isalpha()} | ({"List"} if case["scope"] == "full" else set())
    objects = [o for o in objects_in(paths) if o.get("kind") not in unread and not str(o.get("kind")).endswith("List")]
    if default := context.get("defaultNs"):
        for thing in objects:
            if thing.get("kind") not in {"Namespace", "GatewayClass"}:
                thing["metadata"].setdefault("namespace", default)
    elif case["scope"] == "checker":
        _into_one_namespace(objects)
    objects += told_by(context, objects)
    domain = (context.get("IdentityDomain") or "svc.cluster.local").removeprefix("svc.")
    cluster = context.get("Cluster") or "Kubernetes"
    accounts = context.get("ServiceAccounts") or {}
    return mesh_from(
        objects,
        cluster=in_cluster(domain),
        mesh_config=config_of(context, objects),
        remote_accounts=[a for name, those in accounts.items() if name != cluster for a in those],
    )


def _into_one_namespace(objects: list[dict[str, Any]]) -> None:
    """Kiali hands a checker the pods and Deployments of the namespace judged; some of its tests leave theirs empty."""
    said = {o["metadata"].get("namespace", "") for o in objects if o.get("kind") == "Service"}
    for thing in objects if len(said) == 1 and "" not in said else ():
        if thing.get("kind") in {"Pod", "Deployment"}:
            thing["metadata"].setdefault("namespace", *said)


def config_of(context: dict[str, Any], objects: list[dict[str, Any]]) -> Any:
    fields: dict[str, Any] = {}
    roots = list((context.get("RootNamespaces") or {}).values()) or [context.get("RootNamespace")]
    if roots[0]:
        fields["rootNamespace"] = next((r for r in roots if any(o["metadata"].get("namespace") == r for o in objects)), roots[0])
    fields["enableAutoMtls"] = context.get("autoMtls", False)  # recordings leave out what is false
    allow = context.get("allowAny", context.get("PolicyAllowAny"))
    if allow is not None:
        fields["outboundTrafficPolicy"] = {"mode": "ALLOW_ANY" if allow else "REGISTRY_ONLY"}
    if domains := context.get("KnownTrustDomains"):
        fields["trustDomain"], fields["trustDomainAliases"] = domains[0], domains[1:]
    if default := context.get("mesh_default_export_to"):
        for kind in ("Service", "VirtualService", "DestinationRule"):
            fields[f"default{kind}ExportTo"] = default
    return mesh_config(**fields)


def told_by(context: dict[str, Any], objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The objects that the context tells of and the file leaves out."""
    there = {(o["kind"], o["metadata"].get("namespace", ""), o["metadata"].get("name")) for o in objects}
    made = [*namespaces(context, objects), *accounts_in(context), *subsets_in(context, objects), *sidecar_in(context)]
    made += twins_in(context, objects)
    made += [*pods_in(context), *selecting_in(context)]
    if "ExportTo" in context and not any("exportTo" in (o.get("spec") or {}) for o in objects):
        spec = {"host": "example.com", "exportTo": context["ExportTo"]}
        made.append(named("DestinationRule", EXPORTING["name"], api="networking.istio.io/v1", spec=spec))
    for name in context.get("gatewayNames") or ():
        made.append(named("Gateway", name.split(".")[0], name.split(".")[1], api="gateway.networking.k8s.io/v1"))
    for each in context.get("GatewayClasses") or ():
        made.append(named("GatewayClass", each["className"], api="gateway.networking.k8s.io/v1"))
    return [o for o in made if (o["kind"], o["metadata"].get("namespace", ""), o["metadata"]["name"]) not in there]


def namespaces(context: dict[str, Any], objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names = set(context.get("namespaces") or ()) | set(context.get("RootNamespaces") or ())
    if not names:
        names = {o["metadata"].get("namespace", "") for o in objects} - {""}
    made = [named("Namespace", name) for name in sorted(names)]
    for each in made:
        if each["metadata"]["name"] in (context.get("ambient_namespaces") or ()):
            each["metadata"]["labels"] = {"istio.io/dataplane-mode": "ambient"}
    return made


def accounts_in(context: dict[str, Any]) -> list[dict[str, Any]]:
    local = (context.get("ServiceAccounts") or {}).get(context.get("Cluster") or "Kubernetes") or ()
    pairs = {(a.split("/")[2], a.split("/")[4]) for a in local}
    return [named("ServiceAccount", name, namespace) for namespace, name in sorted(pairs)]


def subsets_in(context: dict[str, Any], objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if any(o["kind"] == "DestinationRule" for o in objects):
        return []
    made = []
    for number, (host, subsets) in enumerate((context.get("DRSubsets") or {}).items()):
        namespace = next(iter(subsets.values())).get("namespace", "") if subsets else ""
        spec = {"host": host, "subsets": [{"name": s, "labels": {"version": s}} for s in subsets]}
        made.append(named("DestinationRule", f"told-{number}", namespace, api="networking.istio.io/v1", spec=spec))
    return made


def twins_in(context: dict[str, Any], objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Workloads of one name and other labels: the file has the first of them only."""
    seen: dict[tuple[str, str], list[dict[str, str]]] = {}
    for each in context.get("workloads") or ():
        if each.get("labels"):
            seen.setdefault((each.get("namespace", ""), each["name"]), []).append(each["labels"])
    made = []
    for (namespace, name), all_labels in seen.items():
        for number, labels in enumerate(all_labels[1:]):
            template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "app"}]}}
            spec = {"selector": {"matchLabels": labels}, "template": template}
            made.append(named("Deployment", f"{name}-{number}", namespace, api="apps/v1", spec=spec))
    return made if any(o["kind"] == "Deployment" for o in objects) else []


def sidecar_in(context: dict[str, Any]) -> list[dict[str, Any]]:
    scope = context.get("ImportScope") or {}
    if not scope.get("limited"):
        return []
    hosts = [f"{e['Namespace']}/{e['DNSName']}" for e in scope["egress"]]
    spec = {"egress": [{"hosts": hosts}]}
    return [named("Sidecar", "import-scope", scope["workloadNS"], api="networking.istio.io/v1", spec=spec)]


def pods_in(context: dict[str, Any]) -> list[dict[str, Any]]:
    """The pods of the workloads that a context tells of."""
    made = []
    for workload in context.get("workloads") or ():
        for told in workload.get("pods") or ():
            sidecars = [{"name": "istio-proxy"}] if told.get("istioContainers") else []
            pod = named("Pod", told["name"], workload["namespace"], spec={"containers": [{"name": "app"}, *sidecars]})
            owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": workload["name"], "controller": True}
            pod["metadata"] |= {"labels": told.get("labels", {}), "annotations": told.get("annotations", {})}
            made.append(pod | {"metadata": pod["metadata"] | {"ownerReferences": [owner]}})
    return made


def selecting_in(context: dict[str, Any]) -> list[dict[str, Any]]:
    """The objects of which a recording kept the selectors only; one that has no name is called None, as expected."""
    gvk = context.get("ObjectGVK") or {}
    api, kind = f"{gvk.get('Group')}/{gvk.get('Version')}", gvk.get("Kind", "")
    selectors = context.get("Selectors") or {}
    told = [(k["name"], k["namespace"], selectors.get(str(i), {})) for i, k in enumerate(context.get("Keys") or ())]
    if "SelectorLabels" in context:
        told.append(("None", context["Namespace"], context["SelectorLabels"]))
    made = []
    for name, namespace, labels in told:
        selector = {"workloadSelector": {"labels": labels}} if kind == "Sidecar" else {"selector": {"matchLabels": labels}}
        made.append(named(kind, name, namespace, api=api, spec=selector if labels else {}))
    return made


def expected_of(case: dict[str, Any], codes: set[str]) -> Counter[Said]:
    those = [e for e in case["expected"] if e["code"] in codes]
    return Counter((e["code"], *tag(e["object"] or EXPORTING), e.get("path") or "") for e in those)


def tag(thing: dict[str, Any]) -> tuple[str, str]:
    kind = "Deployment" if thing["kind"] == "workload" else thing["kind"]  # all workloads of the recordings are
    return kind, f"{thing.get('namespace', '')}/{thing['name']}"


EXPORTING = {"kind": "DestinationRule", "namespace": "", "name": "exporting"}  # some recordings left the object out


JUDGED = [c for c in CASES if c["scope"] != "helper"]


@pytest.mark.parametrize("case", JUDGED, ids=lambda c: f"{c['checker']}-{c['case']}")
def test_kiali(case: dict[str, Any], record_property: Any) -> None:
    must_be_there()
    codes = set((ALL if case["scope"] == "full" else CHECKERS[case["checker"]]).split())
    told = difference(expected_of(case, codes), said(found(mesh_of_case(case)), codes))
    reason = DIFFERENT.get(case["case"], "")
    record_property("vectors", ["kiali", not told, case["case"], reason])
    assert bool(told) == bool(reason), told or f"judged the same now, so it is no longer one that differs: {reason}"


HELPERS = [c for c in CASES if c["scope"] == "helper"]


@pytest.mark.parametrize("case", HELPERS, ids=lambda c: f"{c['checker']}-{c['case']}")
def test_kiali_helper(case: dict[str, Any], record_property: Any) -> None:
    """Questions that Kiali's helpers answer: what needs mutual TLS, and who sees what."""
    must_be_there()
    answer = {"authorization.needsMtls": identities_in, "visibility.exportTo": seen_in}[case["checker"]]
    expected = {e.get("path") or e["object"] for e in case["expected"]}
    record_property("vectors", ["kiali", answer(case) == expected, case["case"], ""])
    assert answer(case) == expected


def identities_in(case: dict[str, Any]) -> set[str]:
    mesh, name = mesh_from(objects_in([DATA / case["file"]])), case["case"].rpartition("/")[2]
    policies = [p for p in mesh[AuthorizationPolicy] if p.name == name]
    return {path.replace(".", "/") for p in policies for path in identity_fields(p)}


def seen_in(case: dict[str, Any]) -> set[str]:
    context = case["context"]
    kind = "Service" if context["kind"] == "ServiceEntry" else context["kind"]
    default = {f"default{kind}ExportTo": context["mesh_default_export_to"]}
    objects = [o for f in case["file"] for o in objects_in([DATA / f])]
    mesh = mesh_from([*objects, *namespaces(context, objects)], mesh_config=mesh_config(**default))
    exported: list[Exported] = [*mesh[VirtualService], *mesh[DestinationRule], *mesh[ServiceEntry]]
    things = {t.name: t for t in exported}
    files = {f: things[o["metadata"]["name"]] for f in case["file"] for o in objects_in([DATA / f])}
    return {f for f, thing in files.items() if concerns(mesh, context["viewer_namespace"], thing)}
