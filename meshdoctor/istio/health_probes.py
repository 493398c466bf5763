"""The kubelet's HTTP probes: whether they go through Istio's agent or straight to the application.

Source: istio.io, "Health checking of Istio services" (probe rewrite).
"""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.model.containers import Container


def direct_probes(container: Container) -> Iterator[tuple[int, str]]:
    """HTTP probes that do not go through the agent, as (workload port, field)."""
    probes = (
        ("livenessProbe", container.liveness_probe),
        ("readinessProbe", container.readiness_probe),
        ("startupProbe", container.startup_probe),
    )
    for kind, each in probes:
        if each is None or each.http_get is None:
            continue
        get_action = each.http_get
        if get_action.port == 15020 and get_action.path.startswith("/app-health/"):
            continue
        port = get_action.port
        number = port if isinstance(port, int) else next((p.container_port for p in container.ports if p.name == port), 0)
        if number:
            yield number, kind
