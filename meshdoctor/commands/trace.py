"""`meshdoctor trace SRC HOST:PORT/PATH`: what the configuration does with one request, and who lost."""

from __future__ import annotations

import argparse

from meshdoctor.commands.session import Waiting, look, run_async
from meshdoctor.commands.terminal import wants_colour, width
from meshdoctor.istio.find import proxy_named
from meshdoctor.istio.matching import Call
from meshdoctor.istio.steps import Step
from meshdoctor.istio.trace import enter, trace
from meshdoctor.istio.workloads import is_gateway
from meshdoctor.model.errors import UsageError
from meshdoctor.model.mesh import Mesh

HTTP, HTTPS = 80, 443


def run(arguments: argparse.Namespace) -> int:
    """Print the steps; 2 where the request ends before a pod may answer."""
    call = asked(arguments.target, arguments.method, arguments.header)
    waiting = Waiting(colour=not arguments.no_color)
    try:
        mesh, _ = run_async(look(arguments, waiting))
    finally:
        waiting.stop()
    steps = steps_of(mesh, arguments, call)
    if arguments.output == "json":
        from meshdoctor.reports import schema

        print(schema.encode({"schema": "meshdoctor.trace/v1", "source": arguments.source, "call": call, "steps": steps}))
    else:
        from meshdoctor.reports.steps import steps_text

        print(steps_text(steps, colour=wants_colour(arguments), width=width()), end="")
    return 2 if any(s.is_end and s.name != "answer" for s in steps) else 0


def steps_of(mesh: Mesh, arguments: argparse.Namespace, call: Call) -> tuple[Step, ...]:
    """The steps from the pod that the source means."""
    pod = proxy_named(mesh, arguments.source, arguments.namespace)
    from_there = Call(
        host=call.host,
        port=call.port,
        path=call.path,
        method=call.method,
        headers=call.headers,
        namespace=pod.namespace,
        labels=pod.labels,
    )
    if not is_gateway(pod):
        return trace(mesh, from_there)
    taken, step = enter(mesh, pod, from_there)
    return (step,) if step.is_end else (step, *trace(mesh, taken))


def asked(target: str, method: str, headers: list[str]) -> Call:
    """The call that the command line means. Raises UsageError for a port or header that is none."""
    bare = target.partition("://")[2] or target
    place, slash, path = bare.partition("/")
    host, colon, port = place.partition(":")
    if not host or (colon and not (port.isdecimal() and 0 < int(port) < 65536)):
        raise UsageError(f"{target!r} is no host to call.", do="Write it as HOST, HOST:PORT or HOST:PORT/PATH.")
    given = {}
    for each in headers:
        name, sign, value = each.partition(":")
        if not sign:
            raise UsageError(f"{each!r} is no header.", do="Write it as NAME:VALUE.")
        given[name.strip().lower()] = value.strip()
    number = int(port) if port else HTTPS if target.startswith("https://") else HTTP
    return Call(host=host.lower(), port=number, path=slash + path or "/", method=method.upper(), headers=given)
