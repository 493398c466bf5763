"""Every kind of object that is collected, and how."""

from __future__ import annotations

from meshdoctor.model import (
    admission,
    certmanager,
    cluster,
    gatewayapi,
    gitops,
    networking,
    networkpolicies,
    proxies,
    security,
    workloads,
)
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.envoyfilters import EnvoyFilter

WORKLOADS: tuple[type[workloads.Workload], ...] = (workloads.Deployment, workloads.StatefulSet, workloads.DaemonSet)

LISTED: tuple[type[KubernetesObject], ...] = (
    workloads.Pod,
    cluster.Namespace,
    cluster.Service,
    cluster.EndpointSlice,
    cluster.Node,
    cluster.ServiceAccount,
    cluster.Event,
    cluster.ResourceQuota,
    cluster.LimitRange,
    networkpolicies.NetworkPolicy,
    *WORKLOADS,
    workloads.ReplicaSet,
    workloads.Job,
    workloads.CronJob,
    workloads.HorizontalPodAutoscaler,
    workloads.PodDisruptionBudget,
    admission.MutatingWebhookConfiguration,
    admission.ValidatingWebhookConfiguration,
    networking.VirtualService,
    networking.DestinationRule,
    networking.Gateway,
    networking.ServiceEntry,
    networking.WorkloadEntry,
    networking.Sidecar,
    EnvoyFilter,
    proxies.WorkloadGroup,
    proxies.ProxyConfig,
    security.PeerAuthentication,
    security.AuthorizationPolicy,
    security.RequestAuthentication,
    security.Telemetry,
    security.WasmPlugin,
    security.TrafficExtension,
    gatewayapi.GatewayClass,
    gatewayapi.Gateway,
    gatewayapi.HTTPRoute,
    gatewayapi.GRPCRoute,
    gatewayapi.TLSRoute,
    gatewayapi.TCPRoute,
    gatewayapi.ReferenceGrant,
    certmanager.Certificate,
    gitops.Application,
    gitops.Kustomization,
    gitops.HelmRelease,
)
"""Listed over all namespaces (or those that may be read)."""

METADATA_ONLY: tuple[type[KubernetesObject], ...] = (cluster.Secret, admission.CustomResourceDefinition)
"""Listed as PartialObjectMetadata: a Secret's body never leaves the API server, the schemas in definitions are megabytes."""

BY_NAME: tuple[type[KubernetesObject], ...] = (cluster.ConfigMap,)
"""Read one by one: the control plane's own (`istio`, `istio-sidecar-injector`, `istio-ca-root-cert`)."""

ALL: tuple[type[KubernetesObject], ...] = LISTED + METADATA_ONLY + BY_NAME

ISTIO_GROUPS = ("networking.istio.io", "security.istio.io", "telemetry.istio.io", "extensions.istio.io")
MESH_GROUPS = (*ISTIO_GROUPS, "gateway.networking.k8s.io")


def kind_of(api_version: str, kind: str) -> type[KubernetesObject] | None:
    """The class for an apiVersion and kind as a manifest writes them; None for one we do not read."""
    group = api_version.rpartition("/")[0]
    return _BY_NAME.get((group, kind))


_BY_NAME = {(k.GROUP, k.KIND): k for k in ALL}
