"""What an operator asks about authorization, in their words: which Service, which callers, which refusal."""

from __future__ import annotations

import difflib

from meshdoctor.collect.pasted import Pasted, read
from meshdoctor.istio.authorization.callers import Entrance, entrances, pods_calling
from meshdoctor.istio.authorization.refused import Refusal, of_entry, of_request
from meshdoctor.istio.authorization.request import Request
from meshdoctor.model.cluster import Service
from meshdoctor.model.errors import UsageError
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.workloads import Pod


def service_named(mesh: Mesh, text: str, namespace: str | None) -> Service:
    """The Service that `NAME`, `NAMESPACE/NAME` or `NAME.NAMESPACE` means.

    Raises UsageError with near names, Unseen where it may be among those that may not be read.
    """
    name = text.partition(":")[0].lower()
    every = list(mesh[Service])
    found = [s for s in every if name in (f"{s.namespace}/{s.name}", f"{s.name}.{s.namespace}", f"{s.name}.{s.namespace}.svc")]
    found += [s for s in every if name.startswith(f"{s.name}.{s.namespace}.svc.")]
    found += [s for s in every if name == s.name and namespace in (None, s.namespace)]
    if len({s.subject for s in found}) == 1:
        return found[0]
    if found:
        raise UsageError(f"{text!r} may be {', '.join(f'{s.namespace}/{s.name}' for s in found[:5])}.", do="Write NAMESPACE/NAME.")
    mesh[Service].everywhere()
    near = difflib.get_close_matches(name.rpartition("/")[2], [s.name for s in every], 3, 0.4)
    hint = f"Near: {', '.join(dict.fromkeys(near))}." if near else "`kubectl get services -A` lists them."
    raise UsageError(f"No Service is called {text!r}.", do=hint)


def callers_named(mesh: Mesh, text: str | None) -> tuple[Pod, ...]:
    """The pods of `NAMESPACE` or `NAMESPACE/WORKLOAD`; without a text all. Raises UsageError where there is none."""
    namespace, _, name = (text or "").partition("/")
    found = pods_calling(mesh, namespace or None, name or None)
    if not found and text:
        raise UsageError(f"No running pod is of {text!r}.", do="Write --from NAMESPACE or NAMESPACE/WORKLOAD.")
    return found


def entrances_named(mesh: Mesh, service: Service, port: int | None = None) -> tuple[Entrance, ...]:
    """The ports of a Service, or the one that is asked about. Raises UsageError where no pod answers there."""
    ports = entrances(mesh, service, port)
    if not ports:
        raise UsageError(
            f"{service.namespace}/{service.name} has no {f'port {port}' if port else 'running pod'}.",
            "Nobody can call it there.",
            f"`kubectl -n {service.namespace} get service {service.name}` shows its ports and selector.",
        )
    return ports


def pasted(raw: bytes) -> Pasted:
    """What was pasted. Raises UsageError where it is neither a line of an access log nor a request."""
    found = read(raw)
    if found is None:
        raise UsageError(
            "What was pasted is neither a line of an access log nor a request.",
            "Nothing in it tells who was refused.",
            "Paste a line of `kubectl logs POD -c istio-proxy`, a request (`GET /path HTTP/1.1`) or a curl command.",
        )
    return found


def why_refused(mesh: Mesh, told: Pasted, service: Service | None, caller: str | None = None, port: int | None = None) -> Refusal:
    """Why the pasted line tells of a refusal, or whether the pasted request from that caller to that Service would be one."""
    if told.entry is not None or not told.is_request or service is None:
        return of_entry(mesh, told.entry, told.details)
    wanted = port or told.port
    ports = entrances(mesh, service, wanted) or entrances_named(mesh, service)
    request = Request(
        method=told.method,
        path=told.path,
        host=told.host or None,
        headers=told.headers,
        has_all_headers=True,
        claims=told.claims,
    )
    return of_request(mesh, ports[0], request, callers_named(mesh, caller) if caller else ())
