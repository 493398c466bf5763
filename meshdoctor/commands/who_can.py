"""`meshdoctor who-can SERVICE`: who may call it and by which policy, why a request was refused, what its callers need."""

from __future__ import annotations

import argparse
import sys
from typing import Any

import msgspec

from meshdoctor.collect.pasted import Pasted
from meshdoctor.collect.who_may import callers_named, entrances_named, pasted, service_named, why_refused
from meshdoctor.commands.failed import in_words
from meshdoctor.commands.session import looked
from meshdoctor.commands.terminal import wants_colour, width
from meshdoctor.istio.authorization.callers import Row, who_can
from meshdoctor.istio.authorization.decide import Verdict
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
    told = _pasted(arguments.why) if arguments.why is not None else None
    asked = request_of(arguments)
    if not arguments.service and (told is None or told.is_request):
        raise UsageError("No Service was named.", do="Write `meshdoctor who-can NAMESPACE/NAME`.")
    mesh, _ = looked(arguments)
    try:
        return _answer(mesh, told, asked, arguments)
    except Unseen as why:
        return _blind(arguments, why)


def _answer(mesh: Mesh, told: Pasted | None, asked: Request, arguments: argparse.Namespace) -> int:
    service = service_named(mesh, arguments.service, arguments.namespace) if arguments.service else None
    if told is not None:
        return _why(mesh, told, service, arguments)
    assert service is not None
    return _propose(mesh, service, arguments) if arguments.propose else _table(mesh, service, asked, arguments)


def _blind(arguments: argparse.Namespace, why: Unseen) -> int:
    """Without one of the kinds that decide nothing is said, neither yes nor no."""
    if arguments.output == "json":
        from meshdoctor.reports import schema

        print(schema.encode({"schema": "meshdoctor.who-can/v1", "error": str(why), "source": why.source}))
    print(plain(f"meshdoctor: {in_words(why, 'who may call cannot be told')}", 600), file=sys.stderr)
    return COULD_NOT_SEE


def _table(mesh: Mesh, service: Service, asked: Request, arguments: argparse.Namespace) -> int:
    callers = callers_named(mesh, arguments.caller)
    ports = entrances_named(mesh, service, arguments.port)
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


def _why(mesh: Mesh, told: Pasted, service: Service | None, arguments: argparse.Namespace) -> int:
    found = why_refused(mesh, told, service, arguments.caller, arguments.port)
    if arguments.output == "json":
        from meshdoctor.reports import schema

        print(schema.encode({"schema": "meshdoctor.why-refused/v1", **reports.refusal_json(found)}))
    else:
        print(reports.refusal_text(found, colour=wants_colour(arguments), columns=_columns()), end="")
    if told.is_cut:
        print("meshdoctor: only the first 1 MB of what was pasted was read.", file=sys.stderr)
    return DENIED if found.is_refused else 0


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


def _pasted(text: str) -> Pasted:
    """What was given with --why, or by a pipe."""
    if text == "-":
        if sys.stdin.isatty():
            print("meshdoctor: paste the line or the request, then press ctrl-d.", file=sys.stderr)
        raw = sys.stdin.buffer.read(1_000_001)
    else:
        raw = text.encode("utf-8", "surrogateescape")
    return pasted(raw)
