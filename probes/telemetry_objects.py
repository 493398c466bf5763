"""Telemetry objects: those that compete, and providers that are not there."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.competing import Competitor, codes_of, competing
from meshdoctor.istio.selecting import SELECTABLE, labels_of
from meshdoctor.model.findings import Severity
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.security import Telemetry
from probes.registry import Draft, fail, probe, quote


@probe("OB-005", needs=(Telemetry, *SELECTABLE))
def conflicting_telemetry(mesh: Mesh) -> Iterator[Draft]:
    """Several Telemetry objects hold for one namespace or one workload: only the oldest counts."""
    table = mesh[Telemetry]
    for namespace in sorted(table.namespaces):
        for found in competing(mesh, namespace, [t for t in table.within(namespace) if not t.spec.targets]):
            yield _one_of_several(mesh, found)


def _one_of_several(mesh: Mesh, found: Competitor) -> Draft:
    one, rest = found.one, found.rest
    which = "it is the oldest and counts" if found.is_oldest else f"it is ignored, as {rest[0].name} is older"
    severity: Severity | None = "info" if found.is_oldest else None
    return fail(
        one,
        f"it holds for {found.scope} together with {found.others}: {which}",
        at="spec.selector",
        evidence=[quote(t, "spec.selector", labels_of(t) or "none") for t in (one, *rest[:2])],
        also=rest,
        since=one.created,
        codes=codes_of(mesh, found, ("IST0160",), ("IST0159",)),
        severity=severity,
    )


@probe(
    "MD5032",
    over=Telemetry,
    needs=(Telemetry,),
    title="Telemetry asks for access logs and names no provider",
    codes=("IST0157",),
    severity="info",
)
def no_log_provider(mesh: Mesh, telemetry: Telemetry) -> Iterator[Draft]:
    """An entry of accessLogging names no provider, and the mesh has no default one: nothing is logged."""
    if mesh.mesh_config.default_providers.access_logging:
        return
    for index, entry in enumerate(telemetry.spec.access_logging):
        if not entry.get("disabled") and not entry.get("providers"):
            yield fail(
                telemetry, "names no provider of access logs, and the mesh has no default", at=f"spec.accessLogging[{index}]"
            )


@probe(
    "MD5033",
    over=Telemetry,
    needs=(Telemetry,),
    title="Telemetry uses a tracing provider that was given up",
    codes=("IST0002",),
    severity="low",
)
def given_up_provider(mesh: Mesh, telemetry: Telemetry) -> Iterator[Draft]:
    """A tracing provider is a Lightstep one of the mesh configuration, which Istio replaced by OpenTelemetry."""
    gone = {p.get("name") for p in mesh.mesh_config.extension_providers if "lightstep" in p}
    for i, entry in enumerate(telemetry.spec.tracing):
        for j, provider in enumerate(entry.get("providers") or ()):
            if provider.get("name") in gone:
                says = f"provider {provider['name']} is Lightstep's own, given up for OpenTelemetry"
                yield fail(telemetry, says, at=f"spec.tracing[{i}].providers[{j}].name")
