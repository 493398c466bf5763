"""Selectors that find no workload, or one that has no use for them."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.selecting import SELECTABLE, is_mesh_wide, labels_of, selected, unknown_workloads
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import Sidecar
from meshdoctor.model.security import (
    AuthorizationPolicy,
    PeerAuthentication,
    RequestAuthentication,
    Telemetry,
    TrafficExtension,
    WasmPlugin,
)
from meshdoctor.model.workloads import Pod
from probes.registry import Draft, fail, probe, quote

GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"
NO_EFFECT = "Selector has no effect on a gateway of the Gateway API"


def selector_path(policy: KubernetesObject) -> str:
    """Where an object says its selector's labels."""
    return "spec.workloadSelector.labels" if isinstance(policy, Sidecar) else "spec.selector.matchLabels"


def in_words(labels: dict[str, str]) -> str:
    """`app=cart, version=v1`."""
    return ", ".join(f"{k}={v}" for k, v in labels.items())


@probe(
    "MD5035",
    over=PeerAuthentication,
    needs=(PeerAuthentication, *SELECTABLE),
    title="PeerAuthentication selects no workload",
    codes=("KIA0004",),
    severity="low",
)
@probe(
    "MD5002",
    over=RequestAuthentication,
    needs=(RequestAuthentication, *SELECTABLE),
    title="RequestAuthentication selects no workload",
    codes=("KIA0004",),
    severity="low",
)
@probe(
    "MD5003",
    over=Sidecar,
    needs=(Sidecar, *SELECTABLE),
    title="Sidecar selects no workload",
    codes=("IST0101", "KIA0004"),
    severity="low",
)
@probe(
    "MD5004",
    over=Telemetry,
    needs=(Telemetry, *SELECTABLE),
    title="Telemetry selects no workload",
    codes=("IST0101",),
    severity="low",
)
@probe("MD5005", over=WasmPlugin, needs=(WasmPlugin, *SELECTABLE), title="WasmPlugin selects no workload", severity="low")
@probe(
    "MD5006",
    over=TrafficExtension,
    needs=(TrafficExtension, *SELECTABLE),
    title="TrafficExtension selects no workload",
    severity="low",
)
def selects_nothing(mesh: Mesh, policy: KubernetesObject) -> Iterator[Draft]:
    """A selector matches no workload: the object does nothing."""
    labels = labels_of(policy)
    if not labels or next(selected(mesh, policy), None) is not None:
        return
    at = selector_path(policy)
    where = "of the mesh" if is_mesh_wide(mesh, policy) else f"in {policy.namespace}"
    says = f"selects {in_words(labels)}, and no workload {where} has these labels"
    yield fail(policy, says, at=at, evidence=[quote(policy, at, in_words(labels))], lacking=unknown_workloads(mesh))


@probe(
    "MD5007",
    over=AuthorizationPolicy,
    needs=(AuthorizationPolicy, Pod),
    title=NO_EFFECT,
    codes=("IST0166",),
    severity="medium",
)
@probe(
    "MD5008",
    over=RequestAuthentication,
    needs=(RequestAuthentication, Pod),
    title=NO_EFFECT,
    codes=("IST0166",),
    severity="medium",
)
@probe("MD5009", over=Telemetry, needs=(Telemetry, Pod), title=NO_EFFECT, codes=("IST0166",), severity="medium")
@probe("MD5010", over=WasmPlugin, needs=(WasmPlugin, Pod), title=NO_EFFECT, codes=("IST0166",), severity="medium")
def selects_a_managed_gateway(
    mesh: Mesh, policy: AuthorizationPolicy | RequestAuthentication | Telemetry | WasmPlugin
) -> Iterator[Draft]:
    """A selector matches a gateway that the Gateway API manages: such a gateway takes policies by targetRefs only."""
    labels = labels_of(policy)
    if not labels or policy.spec.targets:
        return
    pod = next((p for p in mesh[Pod].matching(policy.namespace, labels) if GATEWAY_NAME in p.labels), None)
    if pod is not None:
        says = f"selects {in_words(labels)}, which Gateway {pod.labels[GATEWAY_NAME]} has: a gateway needs targetRefs"
        yield fail(policy, says, at=selector_path(policy), evidence=[quote(policy, selector_path(policy)), quote(pod)])
