"""`meshdoctor mtls`: which calls are mutual TLS, as configured and as seen, and who would break by another mode."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from meshdoctor.collect.handshakes import with_handshakes
from meshdoctor.collect.live import collect
from meshdoctor.commands.failed import in_words
from meshdoctor.commands.session import Waiting, open_api, options, run_async
from meshdoctor.commands.terminal import wants_colour, width
from meshdoctor.istio.mutual.forecast import Forecast, forecast
from meshdoctor.istio.mutual.picture import Picture, picture, seconds
from meshdoctor.istio.mutual.wish import parse
from meshdoctor.model.errors import UsageError
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Unseen
from meshdoctor.model.text import plain
from meshdoctor.reports import mtls as reports
from meshdoctor.reports import mtls_forecast

COULD_NOT_SEE = 3


def run(arguments: argparse.Namespace) -> int:
    """Print the picture or the forecast; 2 where a pair breaks (would break), 3 where too much could not be read."""
    wish = parse(arguments.what_if) if arguments.what_if else None
    if not seconds(arguments.since):
        raise UsageError(f"--since {arguments.since!r} is no time.", do="Give it as Prometheus does: 5m, 24h, 7d.")
    with Waiting(colour=not arguments.no_color) as waiting:
        mesh, left = run_async(_look(arguments, waiting))
    try:
        shown = picture(mesh, arguments.namespace, window=arguments.since, by_address=arguments.addresses)
        found = forecast(mesh, wish) if wish else None
    except Unseen as why:
        return _blind(arguments, why)
    _print(arguments, shown, found)
    if shown.is_limited or (found and found.is_limited):
        print("meshdoctor: there are too many pairs to tell all: only those seen; -n NAMESPACE tells all of one.", file=sys.stderr)
    if shown.unread:
        print(f"meshdoctor: could not be read, so what they add is missing: {', '.join(shown.unread)}.", file=sys.stderr)
    if left:
        print(f"meshdoctor: {left} proxies were not asked: what they take is not observed.", file=sys.stderr)
    if found is not None:
        return 2 if found.is_harmful else 0
    return 2 if any(p.is_fault for p in shown.pairs) else 0


async def _look(arguments: argparse.Namespace, waiting: Waiting) -> tuple[Mesh, int]:
    async with open_api(arguments) as api:
        mesh = await collect(api, options(arguments, api), waiting)
        waiting("asking proxies for their handshakes")
        return await with_handshakes(api, mesh, arguments.since)


def _blind(arguments: argparse.Namespace, why: Unseen) -> int:
    """Said, and in JSON too: without pods, Services or policies there is no picture."""
    source = why.source
    if arguments.output == "json":
        from meshdoctor.reports import schema

        print(schema.encode({"schema": "meshdoctor.mtls/v1", "error": str(why), "source": source}))
    print(plain(f"meshdoctor: {in_words(why, 'mutual TLS cannot be judged')}", 600), file=sys.stderr)
    return COULD_NOT_SEE


def _print(arguments: argparse.Namespace, shown: Picture, found: Forecast | None) -> None:
    colour = wants_colour(arguments)
    if arguments.output == "json":
        from meshdoctor.reports import schema

        told: dict[str, Any] = reports.as_json(shown)
        if found is not None:
            told["what_if"] = mtls_forecast.as_json(found)
        print(schema.encode(told))
    elif found is not None:
        print(mtls_forecast.text(found, width()), end="")
    elif arguments.output == "servers":
        print(reports.servers_table(shown.doors, colour=colour), end="")
    elif arguments.output == "matrix":
        print(reports.matrix(shown.pairs, width(), colour=colour), end="")
        print("\n" + reports.covered(shown.coverage, colour=colour), end="")
    else:
        _table(arguments, shown, colour=colour)


def _table(arguments: argparse.Namespace, shown: Picture, *, colour: bool) -> None:
    """What was seen or breaks; the rest in one line."""
    told = [p for p in shown.pairs if arguments.all or p.calls or p.is_fault]
    kept = set(map(id, told))
    print(reports.covered(shown.coverage, colour=colour))
    print(reports.pairs_table(told, width() if sys.stdout.isatty() else None, colour=colour), end="")
    for said in (reports.rest(p for p in shown.pairs if id(p) not in kept), _sources(shown)):
        if said:
            print(f"\n{said}")


def _sources(shown: Picture) -> str:
    window = f"the access logs of the last {shown.window_s:.0f} s" if shown.window_s else "no access log: none could be read"
    return f"Seen in {window}" + (f"; Prometheus: {shown.untold}." if shown.untold else ", and by Prometheus.")
