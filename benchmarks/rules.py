"""Time of all rules over a made-up mesh of growing size, and what `check` of ten files takes: `uv run python benchmarks/rules.py`.

1x is 500 Istio objects, 250 Services and 2,500 pods in 10 namespaces; 4x is 2,000, 1,000 and 10,000 in 40.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from meshdoctor.model import kinds
from meshdoctor.model.mesh import Mesh, Table
from meshdoctor.model.sources import Source
from probes.runner import run

SERVICES = 25  # a namespace, each with ten pods, a VirtualService and a DestinationRule
TRIES = 3


def objects(namespaces: int) -> Iterator[dict[str, Any]]:
    """A healthy mesh: Services with pods of one Deployment each, and a rule and a route for each."""
    for n in range(namespaces):
        where = f"ns-{n:03}"
        yield thing("v1", "Namespace", where, "", labels={"istio-injection": "enabled"})
        for s in range(SERVICES):
            yield from service(where, f"svc-{s:02}")


def service(where: str, name: str) -> Iterator[dict[str, Any]]:
    labels = {"app": name, "version": "v1"}
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    yield thing("v1", "Service", name, where, spec={"selector": {"app": name}, "ports": ports})
    template = {
        "metadata": {"labels": labels},
        "spec": {"serviceAccountName": name, "containers": [{"name": "app", "image": "app"}]},
    }
    yield thing(
        "apps/v1", "Deployment", name, where, spec={"replicas": 10, "selector": {"matchLabels": labels}, "template": template}
    )
    yield thing("v1", "ServiceAccount", name, where)
    subsets = [{"name": "v1", "labels": {"version": "v1"}}]
    yield thing("networking.istio.io/v1", "DestinationRule", name, where, spec={"host": name, "subsets": subsets})
    route = [{"destination": {"host": name, "subset": "v1"}}]
    yield thing("networking.istio.io/v1", "VirtualService", name, where, spec={"hosts": [name], "http": [{"route": route}]})
    containers = [{"name": "app", "image": "app"}, {"name": "istio-proxy", "image": "proxyv2:1.32.0"}]
    ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    addresses = []
    for p in range(10):
        spec = {"serviceAccountName": name, "containers": containers}
        owner = [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{name}-abc", "controller": True}]
        marks = {"security.istio.io/tlsMode": "istio", "pod-template-hash": "abc"}
        yield thing("v1", "Pod", f"{name}-abc-{p}", where, labels=labels | marks, ownerReferences=owner, spec=spec, status=ready)
        addresses.append({"addresses": [f"10.0.{p}.1"], "conditions": {"ready": True}})
    slices = {"endpoints": addresses, "ports": [{"name": "http", "port": 8080}]}
    yield thing("discovery.k8s.io/v1", "EndpointSlice", f"{name}-x", where, labels={"kubernetes.io/service-name": name}, **slices)


def thing(api: str, kind: str, name: str, namespace: str, **fields: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    for key in ("labels", "ownerReferences"):
        if key in fields:
            metadata[key] = fields.pop(key)
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **fields}


def mesh_of(namespaces: int) -> Mesh:
    """The objects as a Mesh."""
    found: dict[Any, list[Any]] = {kind: [] for kind in kinds.ALL}
    for each in objects(namespaces):
        kind = kinds.kind_of(each["apiVersion"], each["kind"])
        assert kind is not None
        found[kind].append(msgspec.convert(each, kind))
    tables = {kind: Table(those, Source(name=kind.resource(), objects=len(those))) for kind, those in found.items()}
    return Mesh(tables, now=datetime.now(UTC))


def judged(namespaces: int) -> tuple[float, int]:
    """Seconds of all rules, the fastest of some tries, and how many findings."""
    times, count = [], 0
    for _ in range(TRIES):
        mesh = mesh_of(namespaces)
        gc.disable()
        began = time.perf_counter()
        findings, _ = run(mesh)
        times.append(time.perf_counter() - began)
        gc.enable()
        count = len(findings)
    return min(times), count


def ten_files() -> float:
    """Seconds of `meshdoctor check` of ten files, process and all."""
    import yaml

    with tempfile.TemporaryDirectory() as folder:
        for n in range(10):
            (Path(folder) / f"{n}.yaml").write_text(yaml.safe_dump_all(list(service("shop", f"svc-{n}"))[:5]))
        command = [sys.executable, "-m", "meshdoctor", "check", folder]
        times = []
        for _ in range(TRIES):
            began = time.perf_counter()
            subprocess.run(command, check=False, capture_output=True)
            times.append(time.perf_counter() - began)
    return min(times)


def main() -> None:
    """Print a line a size, with its ratio to the smallest."""
    run(mesh_of(1))  # rules and pages are loaded
    first = 0.0
    for factor in (1, 2, 4):
        seconds, count = judged(10 * factor)
        first = first or seconds
        print(f"{factor}x: {2500 * factor:6} pods  {seconds:6.3f} s   {seconds / first:4.1f} x   {count} findings")
    print(f"check of ten files: {ten_files():.3f} s")


if __name__ == "__main__":
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # as installed: the second start finds its bytecode
    main()
