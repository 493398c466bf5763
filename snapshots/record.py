"""Record a mesh: `uv run python snapshots/record.py NAME TITLE ABOUT [EXTRA_POD_PATHS]` writes snapshots/NAME.tar.xz."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from pathlib import Path

from meshdoctor.bundle.recording import Recorder
from meshdoctor.collect.live import Options, collect
from meshdoctor.diagnosis import judge
from meshdoctor.istio.workloads import injected_pods
from meshdoctor.kube.client import ApiClient
from meshdoctor.kube.credentials import load
from meshdoctor.model.errors import MeshdoctorError

# What the screens ask of a proxy beyond what a diagnosis reads.
SHOWN = (
    "/config_dump?mask=dynamic_listeners,static_listeners",
    "/config_dump?mask=dynamic_route_configs,static_route_configs",
    "/config_dump?mask=dynamic_active_clusters,dynamic_warming_clusters,static_clusters",
    "/config_dump?mask=dynamic_active_secrets,dynamic_warming_secrets",
    "/config_dump?include_eds&resource=dynamic_endpoint_configs",
    "/listeners?format=json",
)


async def record(name: str, title: str, about: str) -> None:
    """One look at the current context, everything that was answered kept."""
    recorder = Recorder()
    async with ApiClient(await load(), recorder=recorder) as api:
        mesh = await collect(api, Options())
        recorded_at = api.now()
        for pod in injected_pods(mesh):
            for question in SHOWN:
                with contextlib.suppress(MeshdoctorError):
                    await api.pod_get(pod.namespace, pod.name, 15000, question)
        await api.livez()
    path = Path(__file__).with_name(f"{name}.tar.xz")
    recorder.write(path, title, about, recorded_at)
    found = judge(mesh)
    causes = ", ".join(f"{c.problem} {c.subject}" for c in found.causes) or "no cause"
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB, {len(recorder.answers)} answers, {causes}", file=sys.stderr)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    for word in ("name", "title", "about"):
        parser.add_argument(word)
    asked = parser.parse_args()
    asyncio.run(record(asked.name, asked.title, asked.about))
