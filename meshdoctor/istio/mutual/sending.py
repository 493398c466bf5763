"""What a client sends to an endpoint: by its DestinationRule, by automatic mutual TLS, or past its sidecar.

Sources: istio.io, "Auto mutual TLS", DestinationRule and Sidecar references; istio, pilot/pkg/xds/endpoints (which endpoints
are marked for mutual TLS) and pilot/pkg/networking/core/cluster_tls.go (which clusters heed the mark).
"""

from __future__ import annotations

from typing import Literal

import msgspec

from meshdoctor.istio.imports import imports_of, sidecar_of, takes_any
from meshdoctor.istio.mtls import server_mode_of
from meshdoctor.istio.mtls_wide import auto_mtls, tls_mode
from meshdoctor.istio.mutual.client_rules import ClientTLS, client_tls, rules_for
from meshdoctor.istio.mutual.interception import is_redirected, past_outbound
from meshdoctor.istio.mutual.targets import REDIRECTION, TLS_MODE, Endpoint, Target
from meshdoctor.istio.visibility import export_path, sees
from meshdoctor.istio.workloads import is_gateway
from meshdoctor.model.mesh import USABLE, Mesh
from meshdoctor.model.networking import Sidecar
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Pod

How = Literal["mTLS", "plaintext", "TLS", "nothing", "unknown"]


class Sends(msgspec.Struct, frozen=True):
    """What leaves the client (TLS is one with certificates that are not Istio's, nothing: it is refused at the client),
    why, and the object that decides; None where Istio's own choice does."""

    how: How
    why: str
    by: Subject | None = None
    path: str = ""


def sends(mesh: Mesh, client: Pod, target: Target, end: Endpoint, subset: str = "") -> Sends:
    """What a pod sends to an endpoint that it calls by a target's name (by its address where that has none)."""
    owner = mesh.owner(client)
    if client.proxy is None:
        return _without_proxy(client, owner, end)
    if not is_redirected(client):
        return Sends("unknown", f"{owner.name} has interception mode NONE: what it sends depends on the application", owner)
    address = target.address or (end.pod.status.pod_ip if end.pod else "")
    past = None if is_gateway(client) else past_outbound(client, address, target.port)
    if past is not None:
        return Sends("plaintext", f"{past.setting} of {owner.name} leads past its sidecar", owner, past.path)
    if end.is_ambient:
        return Sends("unknown", "whether a sidecar reaches ztunnel by HBONE depends on how both were installed", end.owner)
    if mesh.state(Sidecar) not in USABLE and not is_gateway(client):
        return Sends("unknown", f"Sidecars could not be read, so whether {owner.name} imports its servers is not known")
    if target.origin is None:
        return _past_registry(mesh, client, Sends("plaintext", "a pod's own address is no Service: its proxy passes it through"))
    unseen = _unseen(mesh, client, target)
    if unseen is not None:
        return unseen if is_gateway(client) else _past_registry(mesh, client, unseen)
    tls = client_tls(rules_for(mesh, client, target.host, (target.namespace,)), subset, target.port)
    return _by_rule(client, target, tls) if tls.tls is not None else _automatic(mesh, client, target, end, tls)


def _without_proxy(client: Pod, owner: Subject, end: Endpoint) -> Sends:
    if client.annotations.get(REDIRECTION) != "enabled":
        return Sends("plaintext", f"{owner.name} has no sidecar", owner)
    if end.is_ambient:
        return Sends("mTLS", "ztunnel of both sides speaks HBONE")
    if end.has_proxy:
        return Sends("unknown", "whether ztunnel reaches a sidecar by HBONE depends on how both were installed", owner)
    return Sends("plaintext", f"ztunnel sends plain text to {end.owner.name}, which is outside the mesh", end.owner)


def _unseen(mesh: Mesh, client: Pod, target: Target) -> Sends | None:
    """Why a client's proxy is not told of a target; None where it is. `by` is the object that hides it."""
    origin = target.origin
    if origin is not None and not sees(mesh, client.namespace, origin):
        return Sends("nothing", f"{origin.subject} is not exported to {client.namespace}", origin.subject, export_path(origin))
    sidecar = None if is_gateway(client) else sidecar_of(mesh, client)
    if sidecar is None or takes_any(mesh, imports_of(sidecar, client.namespace), (target.host,), target.namespace):
        return None
    return Sends("nothing", f"{sidecar.subject} does not import {target.host}", sidecar.subject, "spec.egress")


def _past_registry(mesh: Mesh, client: Pod, why: Sends) -> Sends:
    """What becomes of calls to what a proxy does not know: passed through as they are, or refused with REGISTRY_ONLY."""
    sidecar = sidecar_of(mesh, client)
    own = sidecar.spec.outbound_traffic_policy if sidecar else None
    only = own.mode == "REGISTRY_ONLY" if own and own.mode else mesh.mesh_config.registry_only
    how: How = "nothing" if only else "plaintext"
    says = f"{why.why}; {'egress is REGISTRY_ONLY' if only else 'it is passed through in plain text'}"
    return msgspec.structs.replace(why, how=how, why=says if why.by or only else why.why)


def _by_rule(client: Pod, target: Target, found: ClientTLS) -> Sends:
    rule, tls = found.rule, found.tls
    assert rule is not None
    assert tls is not None
    mode, by = tls_mode(tls), rule.subject
    selects = bool(rule.spec.workload_selector and rule.spec.workload_selector.wanted)
    says = f"{by} sets {mode} for {target.host}"
    if mode == "DISABLE":
        return Sends("plaintext", says, by, found.path)
    if mode == "ISTIO_MUTUAL":
        return Sends("mTLS", says, by, found.path)
    if tls.credential_name and not is_gateway(client) and not selects and not tls.credential_name.startswith("configmap://"):
        says = f"{says} with a credentialName, which sidecars ignore without a workloadSelector: plain text"
        return Sends("plaintext", says, by, found.path)
    return Sends("TLS", says, by, found.path)


def _automatic(mesh: Mesh, client: Pod, target: Target, end: Endpoint, found: ClientTLS) -> Sends:
    """Without a tls block: mutual TLS where the mesh, the Service's namespace and the endpoint allow it."""
    by = found.rule.subject if found.rule else None
    if target.is_external and target.origin is not None:
        return Sends("plaintext", f"{target.origin.subject} is MESH_EXTERNAL", target.origin.subject, "spec.location")
    if not auto_mtls(mesh):
        return Sends("plaintext", "automatic mutual TLS is off in the mesh config, and no DestinationRule sets it")
    wide = server_mode_of(mesh, target.namespace, {})
    if wide.mode == "DISABLE" and wide.policy is not None:
        says = f"{wide.policy.subject} switches mutual TLS off for {target.namespace}, so its callers do not use it"
        return Sends("plaintext", says, wide.policy.subject, wide.path)
    if (target.is_headless or found.passes_through) and not is_gateway(client):
        return _by_address(target)
    if found.endpoint_mode:
        how: How = "mTLS" if found.endpoint_mode == "ISTIO_MUTUAL" else "plaintext"
        return Sends(
            how, f"{by} sets {found.endpoint_mode} for the host, which marks its endpoints", by, "spec.trafficPolicy.tls.mode"
        )
    if not end.offers_mtls:
        reason = f"its label {TLS_MODE} says so" if end.has_proxy else "it has no sidecar"
        return Sends("plaintext", f"automatic mutual TLS: {end.owner.name} does not offer it ({reason})", end.owner)
    own = server_mode_of(mesh, end.namespace, end.labels, end.port)
    if own.mode == "DISABLE" and own.policy is not None:
        return Sends("plaintext", f"automatic mutual TLS: {own.policy.subject} switches it off", own.policy.subject, own.path)
    return Sends("mTLS", f"automatic mutual TLS: {end.owner.name} offers it")


def _by_address(target: Target) -> Sends:
    """Clients of a headless Service choose the address, so all endpoints get the same: mutual TLS if every one offers it."""
    by = target.origin.subject if target.origin else None
    without = next((e for e in target.endpoints if not e.offers_mtls), None)
    if without is not None or not target.endpoints:
        who = f"{without.owner.name} of it does not" if without else "it has no endpoint that does"
        return Sends("plaintext", f"{target.host} is headless: all endpoints must offer mutual TLS, and {who}", by)
    return Sends("mTLS", f"{target.host} is headless and all its endpoints offer mutual TLS")
