"""`meshdoctor who-can SERVICE`: who may call it and by which policy, why a request was refused, what its callers need."""

from __future__ import annotations

import argparse
import difflib
import sys
from typing import Any

import msgspec

from meshdoctor.collect.pasted import Pasted, read
from meshdoctor.commands.session import looked
from meshdoctor.commands.terminal import wants_colour, width
from meshdoctor.istio.authorization.callers import Row, entrances, pods_calling, who_can
from meshdoctor.istio.authorization.decide import Verdict
from meshdoctor.istio.authorization.refused import Refusal, of_entry, of_request
from meshdoctor.istio.authorization.request import Request
from meshdoctor.model.cluster import Service
from meshdoctor.model.errors import UsageError
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Unseen
from meshdoctor.model.text import plain
from meshdoctor.reports import authorization as reports

DENIED, COULD_NOT_SEE = 2, 3


def run(arguments: argparse.Namespace) -> int:
    """Print who may, why not, or a proposal; 2 where the one request that was asked about is refused."""
    pasted = _pasted(arguments.why) if arguments.why is not None else None
    asked = request_of(arguments)
    if not arguments.service and (pasted is None or pasted.is_request):
        raise UsageError("No Service was named.", do="Write `meshdoctor who-can NAMESPACE/NAME`.")
    mesh, _ = looked(arguments)
    try:
        return _answer(mesh, pasted, asked, arguments)
    except Unseen as why:
        return _blind(arguments, why)


def _answer(mesh: Mesh, pasted: Pasted | None, asked: Request, arguments: argparse.Namespace) -> int:
    service = service_named(mesh, arguments.service, arguments.namespace) if arguments.service else None
    if pasted is not None:
        return _why(mesh, pasted, service, arguments)
    assert service is not None
    return _propose(mesh, service, arguments) if arguments.propose else _table(mesh, service, asked, arguments)


def _blind(arguments: argparse.Namespace, why: Unseen) -> int:
    """Without one of the kinds that decide nothing is said, neither yes nor no."""
    if arguments.output == "json":
        from meshdoctor.reports import schema

        print(schema.encode({"schema": "meshdoctor.who-can/v1", "error": str(why), "source": why.source}))
    do = f" See by hand: {why.source.command}" if why.source.command else ""
    print(plain(f"meshdoctor: who may call cannot be told: {why}.{do}", 600), file=sys.stderr)
    return COULD_NOT_SEE


def _table(mesh: Mesh, service: Service, asked: Request, arguments: argparse.Namespace) -> int:
    callers = _callers(mesh, arguments.caller)
    ports = entrances(mesh, service, arguments.port)
    if not ports:
        raise UsageError(
            f"{service.namespace}/{service.name} has no {'port ' + str(arguments.port) if arguments.port else 'running pod'}.",
            "Nobody can call it there.",
            f"`kubectl -n {service.namespace} get service {service.name}` shows its ports and selector.",
        )
    rows = [row for each in ports for row in who_can(mesh, each, asked, callers)]
    if arguments.output == "json":
        from meshdoctor.reports import schema

        found = {"schema": "meshdoctor.who-can/v1", "service": service.subject, "rows": [reports.as_json(r) for r in rows]}
        print(schema.encode(found))
    else:
        print(reports.table_of(rows, colour=wants_colour(arguments), columns=_columns()), end="")
    return DENIED if arguments.caller and rows and all(_is_refused(r) for r in rows) else 0


def _columns() -> int | None:
    """The terminal's width; none in a pipe, where nothing is cut."""
    return width() if sys.stdout.isatty() else None


def _is_refused(row: Row) -> bool:
    return row.decision.verdict in (Verdict.DENIED, Verdict.UNAUTHENTICATED)


def _why(mesh: Mesh, pasted: Pasted, service: Service | None, arguments: argparse.Namespace) -> int:
    if pasted.entry is not None:
        found = of_entry(mesh, pasted.entry, pasted.details)
    elif pasted.is_request and service is not None:
        found = _asked(mesh, pasted, service, arguments)
    else:
        found = of_entry(mesh, None, pasted.details)
    if arguments.output == "json":
        from meshdoctor.reports import schema

        print(schema.encode({"schema": "meshdoctor.why-refused/v1", **reports.refusal_json(found)}))
    else:
        print(reports.refusal_text(found, colour=wants_colour(arguments), columns=_columns()), end="")
    if pasted.is_cut:
        print("meshdoctor: only the first 1 MB of what was pasted was read.", file=sys.stderr)
    return DENIED if found.is_refused else 0


def _asked(mesh: Mesh, pasted: Pasted, service: Service, arguments: argparse.Namespace) -> Refusal:
    """A pasted request from the caller that `--from` names, to the port of its URL or of `--port`."""
    port = arguments.port or pasted.port
    ports = entrances(mesh, service, port) or entrances(mesh, service)
    if not ports:
        raise UsageError(f"{service.namespace}/{service.name} has no running pod.", "Nobody can call it.")
    request = Request(
        method=pasted.method,
        path=pasted.path,
        host=pasted.host or None,
        headers=pasted.headers,
        has_all_headers=True,
        claims=pasted.claims,
    )
    callers = _callers(mesh, arguments.caller) if arguments.caller else ()
    return of_request(mesh, ports[0], request, callers)


def _propose(mesh: Mesh, service: Service, arguments: argparse.Namespace) -> int:
    from meshdoctor.topology.proposal import propose

    found = propose(mesh, service)
    if arguments.output == "json":
        from meshdoctor.reports import schema

        print(schema.encode({"schema": "meshdoctor.policy-proposal/v1", **msgspec.to_builtins(found)}))
    else:
        print(reports.proposal_yaml(found), end="")
    return 0


def request_of(arguments: argparse.Namespace) -> Request:
    """The request that the flags tell. Raises UsageError for a header or claims that are none."""
    headers: dict[str, tuple[str, ...]] = {}
    for each in arguments.header:
        name, sign, value = each.partition(":") if ":" in each else each.partition("=")
        if not sign or not name.strip():
            raise UsageError(f"{each!r} is no header.", do="Write it as NAME:VALUE.")
        low = name.strip().lower()
        headers[low] = (*headers.get(low, ()), value.strip())
    claims: dict[str, Any] | None = None
    if arguments.jwt_claims is not None:
        try:
            claims = msgspec.json.decode(arguments.jwt_claims, type=dict[str, Any])
        except (msgspec.DecodeError, msgspec.ValidationError) as why:
            raise UsageError(f"The claims are no JSON object: {why}.", do='Write them as {"iss": "...", "sub": "..."}.') from why
    path = arguments.path
    if path is not None and not path.startswith("/"):
        path = f"/{path}"
    host = headers.pop("host", (arguments.host,))[0]
    method = arguments.method.upper() if arguments.method else None
    return Request(method=method, path=path, host=host, headers=headers, claims=claims)


def service_named(mesh: Mesh, text: str, namespace: str | None) -> Service:
    """The Service that `NAME`, `NAMESPACE/NAME` or `NAME.NAMESPACE` means. Raises UsageError with near names."""
    name = text.partition(":")[0].lower()
    every = list(mesh[Service])
    found = [s for s in every if name in (f"{s.namespace}/{s.name}", f"{s.name}.{s.namespace}", f"{s.name}.{s.namespace}.svc")]
    found += [s for s in every if name.startswith(f"{s.name}.{s.namespace}.svc.")]
    found += [s for s in every if name == s.name and namespace in (None, s.namespace)]
    if len({s.subject for s in found}) == 1:
        return found[0]
    if found:
        raise UsageError(f"{text!r} may be {', '.join(f'{s.namespace}/{s.name}' for s in found[:5])}.", do="Write NAMESPACE/NAME.")
    near = difflib.get_close_matches(name.rpartition("/")[2], [s.name for s in every], 3, 0.4)
    hint = f"Near: {', '.join(dict.fromkeys(near))}." if near else "`kubectl get services -A` lists them."
    raise UsageError(f"No Service is called {text!r}.", do=hint)


def _callers(mesh: Mesh, text: str | None) -> tuple[Any, ...]:
    namespace, _, name = (text or "").partition("/")
    found = pods_calling(mesh, namespace or None, name or None)
    if not found and text:
        raise UsageError(f"No running pod is of {text!r}.", do="Write --from NAMESPACE or NAMESPACE/WORKLOAD.")
    return found


def _pasted(text: str) -> Pasted:
    """What was given with --why, or by a pipe."""
    if text == "-":
        if sys.stdin.isatty():
            print("meshdoctor: paste the line or the request, then press ctrl-d.", file=sys.stderr)
        raw = sys.stdin.buffer.read(1_000_001)
    else:
        raw = text.encode("utf-8", "surrogateescape")
    found = read(raw)
    if found is None:
        raise UsageError(
            "What was pasted is neither a line of an access log nor a request.",
            "Nothing in it tells who was refused.",
            "Paste a line of `kubectl logs POD -c istio-proxy`, a request (`GET /path HTTP/1.1`) or a curl command.",
        )
    return found
