"""Time of the mTLS picture and of forecasts over a made-up mesh of growing size: `uv run python benchmarks/mtls.py`.

Each workload has a Service in one of its namespaces of ten; every fifth Service has a DestinationRule with a tls block.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from meshdoctor.istio.mutual.forecast import forecast
from meshdoctor.istio.mutual.picture import picture
from meshdoctor.istio.mutual.wish import parse
from meshdoctor.model import kinds
from meshdoctor.model.mesh import Mesh, Table
from meshdoctor.model.sources import Source


def objects(workloads: int) -> Iterator[dict[str, Any]]:
    for n in range(workloads):
        where, name = f"ns-{n // 10}", f"app-{n}"
        labels = {"app": name, "security.istio.io/tlsMode": "istio"}
        meta = {"namespace": where, "name": name, "labels": labels}
        pod = {"containers": [{"name": "app"}, {"name": "istio-proxy"}]}
        status = {"phase": "Running", "podIP": f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}"}
        yield {"kind": "Pod", "metadata": meta, "spec": pod, "status": status}
        ports = [{"name": "http", "port": 80, "targetPort": 8080}]
        yield {"kind": "Service", "metadata": meta, "spec": {"selector": {"app": name}, "ports": ports, "clusterIP": "10.96.0.1"}}
        if n % 5 == 0:
            spec = {"host": f"{name}.{where}.svc.cluster.local", "trafficPolicy": {"tls": {"mode": "DISABLE"}}}
            yield {"kind": "DestinationRule", "metadata": meta, "spec": spec}


def mesh(workloads: int) -> Mesh:
    made = list(objects(workloads))
    tables: dict[Any, Table[Any]] = {}
    for kind in kinds.ALL:
        own = [
            msgspec.convert(o, kind, strict=False)
            for o in made
            if o["kind"] == kind.KIND and kind.GROUP != "gateway.networking.k8s.io"
        ]
        tables[kind] = Table(own, Source(name=kind.resource()))
    return Mesh(tables, now=datetime.now(UTC))


def timed(work: Callable[..., object], *given: object) -> float:
    began = time.perf_counter()
    work(*given)
    return time.perf_counter() - began


def main() -> None:
    for size in (100, 200, 1000):
        whole, one, wide = mesh(size), mesh(size), mesh(size)
        seconds = timed(picture, whole), timed(picture, one, "ns-1")
        guess = timed(forecast, one, parse("ns-1=STRICT")), timed(forecast, wide, parse("mesh=STRICT"))
        pairs = len(picture(whole).pairs)
        print(f"{size} workloads: {pairs} pairs {seconds[0]:.2f} s, one namespace {seconds[1]:.2f} s;", end=" ")
        print(f"what if a namespace {guess[0]:.2f} s, the mesh {guess[1]:.2f} s")


if __name__ == "__main__":
    main()
