"""TLS that proxies begin towards servers outside the mesh."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import ClientTLSSettings, DestinationRule
from probes.registry import Draft, fail, probe


@probe("CRT-011", over=DestinationRule, needs=(DestinationRule,))
def server_not_verified(mesh: Mesh, rule: DestinationRule) -> Iterator[Draft]:
    """TLS mode SIMPLE or MUTUAL does not verify the server, or names no certificate authority to do it with.

    The second is a remark: releases of today take the operating system's authorities then. A credentialName counts only
    with a workloadSelector, as sidecars read no Secrets otherwise.
    """
    policy = rule.spec.traffic_policy
    if policy is None:
        return
    if policy.tls and _unverified(rule, policy.tls):
        yield _draft(rule, policy.tls, "spec.trafficPolicy.tls", "IST0128")
    for index, port in enumerate(policy.port_level_settings):
        if port.tls and _unverified(rule, port.tls):
            yield _draft(rule, port.tls, f"spec.trafficPolicy.portLevelSettings[{index}].tls", "IST0129")


def _unverified(rule: DestinationRule, tls: ClientTLSSettings) -> bool:
    read = tls.credential_name and rule.spec.workload_selector is not None
    return tls.mode in ("SIMPLE", "MUTUAL") and not tls.ca_certificates and not read


def _draft(rule: DestinationRule, tls: ClientTLSSettings, at: str, code: str) -> Draft:
    if tls.insecure_skip_verify:
        says = f"{tls.mode} towards {rule.spec.host} is told not to verify the server: anybody may answer in its place"
        return fail(rule, says, at=f"{at}.insecureSkipVerify", codes=(code,))
    says = f"{tls.mode} towards {rule.spec.host} names no certificate authority to verify the server with"
    return fail(rule, says, at=at, codes=(code,), severity="info")
