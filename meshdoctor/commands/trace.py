"""`meshdoctor trace SRC HOST:PORT/PATH`: what the configuration does with one request, and what the proxy itself does."""

from __future__ import annotations

import argparse
import asyncio
from typing import NamedTuple

from meshdoctor.collect.live import collect
from meshdoctor.collect.walked import read_walk
from meshdoctor.commands.session import Waiting, open_api, options, run_async
from meshdoctor.commands.terminal import wants_colour, width
from meshdoctor.istio.find import proxy_named
from meshdoctor.istio.live.compare import Difference, differences
from meshdoctor.istio.matching import Call, call_of
from meshdoctor.istio.steps import Step
from meshdoctor.istio.trace import from_pod
from meshdoctor.istio.trace_authorized import whole_trace
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.findings import Finding
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.workloads import Pod
from probes.registry import all_probes

OTHERWISE = "MD5036"
PUSH = 1.0  # seconds after which a push that came between the two looks has arrived


class Traced(NamedTuple):
    """A request as configured, and as the proxy's Envoy takes it."""

    pod: Pod
    configured: tuple[Step, ...]
    live: tuple[Step, ...]
    differences: tuple[Difference, ...]
    findings: tuple[Finding, ...]


def run(arguments: argparse.Namespace) -> int:
    """Print the steps; 2 where the request ends before a pod may answer, on either side."""
    call = call_of(arguments.target, arguments.method, arguments.header)
    with Waiting(colour=not arguments.no_color) as waiting:
        traced = run_async(_traced(arguments, call, waiting))
    print(printed(traced, call, arguments), end="")
    return 2 if any(s.is_end and s.name != "answer" for s in (*traced.configured, *traced.live)) else 0


async def _traced(arguments: argparse.Namespace, call: Call, waiting: Waiting) -> Traced:
    async with open_api(arguments) as api:
        mesh = await collect(api, options(arguments, api), waiting)
        pod = proxy_named(mesh, arguments.source, arguments.namespace)
        waiting(f"asking the Envoy of {pod.name}")
        configured, live = whole_trace(mesh, pod, call), await read_walk(api, mesh, pod, from_pod(call, pod))
        found = differences(mesh, configured, live)
        if found and not isinstance(arguments.demo or arguments.bundle, str):
            await asyncio.sleep(PUSH)
            live = await read_walk(api, mesh, pod, from_pod(call, pod))
            found = differences(mesh, configured, live)
    heard = mesh.heard([Envoy(namespace=pod.namespace, name=pod.name, parts={"walks": ((call, live),)})], None)
    return Traced(pod, configured, live, found, told(heard) if found else ())


def told(mesh: Mesh) -> tuple[Finding, ...]:
    """The difference as the finding that it is."""
    from probes.runner import run as judged

    return judged(mesh, [p for p in all_probes() if p.code == OTHERWISE])[0]


def printed(traced: Traced, call: Call, arguments: argparse.Namespace) -> str:
    """Both ways in the wanted format."""
    if arguments.output == "json":
        from meshdoctor.reports import schema

        shown = {"steps": traced.configured, "live": traced.live, "differences": traced.differences, "findings": traced.findings}
        return schema.encode({"schema": "meshdoctor.trace/v1", "source": arguments.source, "call": call, **shown}) + "\n"
    from meshdoctor.reports.both_ways import as_table, as_text

    both = as_table if arguments.output == "table" else as_text
    return both(
        str(traced.pod.subject), traced.configured, traced.live, traced.differences, colour=wants_colour(arguments), width=width()
    )
