"""A namespace of which every check passes, as objects that tests change; and its scan."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from meshdoctor.diagnosis import judge
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.envoy import Envoy, Logs
from meshdoctor.model.istiod import Istiod, MeshConfig, ProxySync, Sample, TypeSync
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.onboarding import CheckResult, NamespaceResult, Scan
from meshdoctor.model.prometheus import Prometheus
from meshdoctor.model.subject import Subject
from meshdoctor.onboarding.scan import scan
from tests.conftest import NOW, build
from tests.probes.test_enrolment import ROOT, bundle
from tests.probes.things import line

Json = dict[str, Any]
BEFORE = "2026-08-01T10:00:00Z"
RESOURCES = {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}}
READY = [{"type": "Ready", "status": "True", "lastTransitionTime": BEFORE}]


def thing(api: str, kind: str, where: str, **fields: Any) -> Json:
    namespace, _, name = where.rpartition("/")
    meta = {"name": name, "creationTimestamp": BEFORE} | ({"namespace": namespace} if namespace else {})
    for key in ("labels", "annotations", "ownerReferences"):
        if key in fields:
            meta[key] = fields.pop(key)
    return {"apiVersion": api, "kind": kind, "metadata": meta, **fields}


class World:
    """The objects by `Kind/name`, and what istiod, Envoy and Prometheus say."""

    def __init__(self) -> None:
        self.objects: dict[str, Json] = {}
        self.said: dict[str, Any] = {}
        for each in _sound():
            self.add(each)

    def add(self, each: Json) -> None:
        self.objects[f"{each['kind']}/{each['metadata']['name']}"] = each

    def __getitem__(self, name: str) -> Json:
        return self.objects[name]

    def template(self) -> Json:
        """The template of the Deployment `web`."""
        made: Json = self["Deployment/web"]["spec"]["template"]
        return made

    def pods(self) -> list[Json]:
        return [self["Pod/web-a"], self["Pod/web-b"]]

    def mesh(self, unseen: Iterable[type[KubernetesObject]] = ()) -> Mesh:
        text = "\n---\n".join(json.dumps(o) for o in self.objects.values())
        synced = self.said.get("sync", {"CDS": TypeSync(sent="1", acked="1"), "LDS": TypeSync(sent="2", acked="2")})
        known = [
            ProxySync(
                namespace="shop", name=f"web-{x}", istiod="istiod-1", version=self.said.get("version", "1.32.0"), types=synced
            )
            for x in "ab"
        ]
        known.append(ProxySync(namespace="gw", name="gw-1", istiod="istiod-1", version="1.32.0", types={}))
        config = self.said.get(
            "config",
            MeshConfig(
                root_namespace="istio-d", access_log_file="/dev/stdout", default_config={"holdApplicationUntilProxyStarts": True}
            ),
        )
        istiod = Istiod(namespace="istio-d", name="istiod-1", parts={"mesh": config, "version": "1.32.0", "syncz": tuple(known)})
        entries = self.said.get(
            "log",
            [line(cluster="inbound|8080||", flags="-", code=200, sni="outbound_.80_._.web.shop", downstream_remote="10.1.0.9:3")],
        )
        envoys = [Envoy(namespace="shop", name=f"web-{x}", parts={"logs": Logs(access=tuple(entries))}) for x in "ab"]
        samples = {"measured": [("web", 1.0)], "plain_text": []} | self.said.get("prometheus", {})
        parts = {
            name: tuple(
                Sample(name, {"destination_workload_namespace": "shop", "source_workload": who}, value) for who, value in found
            )
            for name, found in samples.items()
        }
        told = Prometheus(
            service=Subject(kind="Service", namespace="monitoring", name="prometheus"),
            parts=parts | {"up": (), "pilot_xds": (Sample("pilot_xds", {}, 1.0),)},
        )
        return build(text, unseen=unseen, istiods=[istiod], envoys=envoys, prometheus=self.said.get("told", told), now=NOW)

    def scan(self, unseen: Iterable[type[KubernetesObject]] = ()) -> Scan:
        mesh = self.mesh(unseen)
        return scan(mesh, judge(mesh))

    def result(self, unseen: Iterable[type[KubernetesObject]] = (), name: str = "shop") -> NamespaceResult:
        return next(n for n in self.scan(unseen).namespaces if n.name == name)

    def check(self, ident: str, unseen: Iterable[type[KubernetesObject]] = ()) -> CheckResult:
        return next(c for c in self.result(unseen).checks if c.id == ident)


def pod(where: str, owner: str, labels: Json, ip: str, **spec: Any) -> Json:
    proxy = {"name": "istio-proxy", "args": ["proxy", "sidecar"], "restartPolicy": "Always", "resources": RESOURCES}
    app = {
        "name": "app",
        "ports": [{"name": "http", "containerPort": 8080}],
        "resources": RESOURCES,
        "lifecycle": {"preStop": {"sleep": {"seconds": 5}}},
    }
    both = {
        "containers": [app],
        "initContainers": [proxy],
        "serviceAccountName": owner,
        "nodeName": "node",
        "terminationGracePeriodSeconds": 30,
    }
    statuses = [{"name": "istio-proxy", "ready": True, "restartCount": 0, "state": {"running": {"startedAt": BEFORE}}}]
    marks = {"istio.io/rev": "default", "sidecar.istio.io/status": "{}"}
    reference = [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{owner}-5d", "controller": True}]
    status = {"phase": "Running", "podIP": ip, "conditions": READY, "initContainerStatuses": statuses}
    return thing(
        "v1",
        "Pod",
        where,
        labels=labels | {"pod-template-hash": "5d", "security.istio.io/tlsMode": "istio"},
        annotations=marks,
        ownerReferences=reference,
        spec=both | spec,
        status=status,
    )


def bare(where: str, **spec: Any) -> Json:
    """A running pod without controller and without proxy."""
    made = {"containers": [{"name": "app", "resources": RESOURCES}], "serviceAccountName": "bare"} | spec
    labels = {"app": "bare", "version": "v1"}
    return thing(
        "v1", "Pod", where, labels=labels, spec=made, status={"phase": "Running", "podIP": "10.1.0.77", "conditions": READY}
    )


def _sound() -> list[Json]:
    labels = {"app": "web", "version": "v1"}
    template = {
        "metadata": {"labels": labels},
        "spec": {
            "serviceAccountName": "web",
            "containers": [{"name": "app", "resources": RESOURCES, "ports": [{"name": "http", "containerPort": 8080}]}],
        },
    }
    selector = {"matchLabels": {"app": "web"}}
    client = {"caBundle": bundle(ROOT), "service": {"name": "istiod", "namespace": "istio-d", "path": "/inject"}}
    enabled = {"matchExpressions": [{"key": "istio-injection", "operator": "In", "values": ["enabled"]}]}
    wanted = {"matchExpressions": [{"key": "sidecar.istio.io/inject", "operator": "NotIn", "values": ["false"]}]}
    webhook = {
        "name": "namespace.sidecar-injector.istio.io",
        "clientConfig": client,
        "namespaceSelector": enabled,
        "objectSelector": wanted,
    }
    istiod = thing(
        "v1",
        "Pod",
        "istio-d/istiod-1",
        labels={"app": "istiod", "istio.io/rev": "default"},
        spec={"containers": [{"name": "discovery"}]},
        status={"phase": "Running", "podIP": "10.1.0.1", "conditions": READY},
    )
    gateway = thing(
        "v1",
        "Pod",
        "gw/gw-1",
        labels={"istio": "ingress"},
        spec={"serviceAccountName": "gw", "containers": [{"name": "istio-proxy", "args": ["proxy", "router"]}]},
        status={"phase": "Running", "podIP": "10.1.0.2", "conditions": READY},
    )
    slices = [{"addresses": ["10.1.0.1"], "conditions": {"ready": True}}]
    server = {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["shop.example.com"]}
    route = {
        "hosts": ["shop.example.com"],
        "gateways": ["gw/in"],
        "http": [{"route": [{"destination": {"host": "web", "port": {"number": 80}}}]}],
    }
    allow = {
        "selector": {"matchLabels": {"app": "web"}},
        "rules": [{"from": [{"source": {"principals": ["cluster.local/ns/gw/sa/gw"]}}]}],
    }
    network = {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": [{"namespaceSelector": {}}]}]}
    return [
        thing(
            "v1",
            "Namespace",
            "shop",
            labels={"istio-injection": "enabled", "kubernetes.io/metadata.name": "shop"},
            annotations={"example.com/team": "buyers"},
        ),
        thing("v1", "Namespace", "gw", labels={"kubernetes.io/metadata.name": "gw"}),
        thing("v1", "Namespace", "istio-d"),
        thing("v1", "ServiceAccount", "gw/gw"),
        thing("v1", "ServiceAccount", "shop/web"),
        thing(
            "admissionregistration.k8s.io/v1",
            "MutatingWebhookConfiguration",
            "injector",
            labels={"app": "sidecar-injector", "istio.io/rev": "default"},
            webhooks=[webhook],
        ),
        thing(
            "admissionregistration.k8s.io/v1",
            "ValidatingWebhookConfiguration",
            "validator",
            labels={"app": "istiod", "istio.io/rev": "default"},
            webhooks=[{"name": "rev.validation.istio.io", "clientConfig": client}],
        ),
        thing(
            "v1",
            "Service",
            "istio-d/istiod",
            spec={"selector": {"app": "istiod"}, "ports": [{"name": "https-webhook", "port": 443, "targetPort": 15017}]},
        ),
        thing(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            "istio-d/istiod-x",
            labels={"kubernetes.io/service-name": "istiod"},
            endpoints=slices,
            ports=[{"name": "https-webhook", "port": 15017}],
        ),
        istiod,
        gateway,
        thing(
            "apps/v1",
            "Deployment",
            "shop/web",
            labels=labels,
            spec={"replicas": 2, "selector": selector, "template": template},
            status={"replicas": 2, "readyReplicas": 2},
        ),
        pod("shop/web-a", "web", labels, "10.1.0.3"),
        pod("shop/web-b", "web", labels, "10.1.0.4"),
        thing(
            "v1",
            "Service",
            "shop/web",
            spec={"selector": {"app": "web"}, "clusterIP": "10.0.0.9", "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
        ),
        thing(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            "shop/web-x",
            labels={"kubernetes.io/service-name": "web"},
            endpoints=[{"addresses": ["10.1.0.3"], "conditions": {"ready": True}}],
            ports=[{"name": "http", "port": 8080}],
        ),
        thing(
            "policy/v1",
            "PodDisruptionBudget",
            "shop/web",
            spec={"selector": selector, "minAvailable": 1},
            status={"disruptionsAllowed": 1, "expectedPods": 2, "currentHealthy": 2},
        ),
        thing("security.istio.io/v1", "PeerAuthentication", "shop/default", spec={"mtls": {"mode": "STRICT"}}),
        thing("security.istio.io/v1", "AuthorizationPolicy", "shop/web", spec=allow),
        thing("networking.istio.io/v1", "Sidecar", "shop/default", spec={"egress": [{"hosts": ["./*", "istio-d/*"]}]}),
        thing("networking.istio.io/v1", "Gateway", "gw/in", spec={"selector": {"istio": "ingress"}, "servers": [server]}),
        thing("networking.istio.io/v1", "VirtualService", "shop/web", spec=route),
        thing("networking.k8s.io/v1", "NetworkPolicy", "shop/deny", spec=network),
        thing("v1", "ResourceQuota", "shop/room", status={"hard": {"requests.cpu": "1"}, "used": {"requests.cpu": "100m"}}),
    ]
