"""What a change of mode would do, as text or JSON: who breaks and why, who may, and what was not seen."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

from meshdoctor.model.text import plain
from meshdoctor.reports.mtls import seen_json, who

MOST = 20


def text(found: Any, width: int) -> str:
    """The forecast, worst first, in lines of that width."""
    return "".join(f"{line}\n" for each in _lines(found) for line in _wrapped(plain(each, 800), width))


def _wrapped(line: str, width: int) -> list[str]:
    """A line in several where it is too long; the others begin below its first word."""
    lead = " " * (len(line) - len(line.lstrip()))
    return textwrap.wrap(line, max(width, 40), subsequent_indent=f"{lead}  ", break_on_hyphens=False) or [""]


def _lines(found: Any) -> Iterator[str]:
    yield _verdict(found)
    yield f"  {_policy(found)}"
    for title, changes in (("✖ BREAKS", found.breaks), ("● HEALS", found.heals)):
        if changes:
            yield from ("", f"{title}  {_count(len(changes))}", *_changes(changes))
    if found.others:
        yield from ("", f"▲ CHANGES  {_count(len(found.others))}", *_grouped(found.others))
    if found.outsiders:
        yield from ("", "▲ CALLED FROM OUTSIDE THE MESH, as configured")
        for each in found.outsiders:
            yield f"  {each.who} -> {who(each.server)}:{each.port}  {each.why}"
            yield f"      {each.by}  {each.path}"
    if found.strangers:
        yield from ("", "✖ SEEN FROM ADDRESSES THAT ARE NO POD'S, in plain text")
        for s in found.strangers[:MOST]:
            yield f"  {s.address} -> {who(s.server)}:{s.port}  {s.plaintext} calls in {_window(s.window_s)}"
    yield from _silent("○ WOULD BE REFUSED, BUT WERE NOT SEEN TO CALL", found.may_break)
    yield from _silent("▲ WOULD BE LET IN WITH PLAIN TEXT", found.opens)
    yield ""
    yield _seen_in(found)


def _silent(title: str, changes: Iterable[Any]) -> Iterator[str]:
    """Workloads without a sidecar that were not seen to call."""
    clients = sorted({who(c.after.client) for c in changes})
    if clients:
        yield from ("", f"{title}  without a sidecar: {len(clients)}", f"  {_some(clients)}")


def _some(names: list[str]) -> str:
    return ", ".join(names[:MOST]) + (" …" if len(names) > MOST else "")


def _grouped(changes: Iterable[Any]) -> Iterator[str]:
    """Changes that break nobody, by server."""
    groups: dict[tuple[str, str, str], list[Any]] = {}
    for change in changes:
        cell = change.after
        groups.setdefault((f"{who(cell.server)}:{cell.port}", change.before.verdict, cell.verdict), []).append(change)
    for (server, before, after), some in groups.items():
        yield f"  {server}  {before} -> {after}  for {_some(sorted({who(c.after.client) for c in some}))}"
        yield f"      {some[0].after.why}"


def _verdict(found: Any) -> str:
    what, breaks = found.wish.text, len(found.breaks)
    if breaks:
        calls = sum(c.calls for c in found.breaks)
        seen = f", {calls} calls of theirs were seen" if calls else ", none of which was seen to call"
        return f"✖ {what}: {_count(breaks)} would break{seen}"
    if found.is_harmful:
        return f"✖ {what}: callers from outside the mesh would break"
    if found.outsiders:
        return f"▲ {what}: no pair of workloads would break, but callers from outside the mesh may"
    if not found.servers:
        return f"● {what}: nothing would change"
    return f"● {what}: nobody breaks, as far as was seen"


def _count(number: int) -> str:
    return "1 pair" if number == 1 else f"{number} pairs"


def _policy(found: Any) -> str:
    spec = found.policy.spec
    ports = {k: v.mode for k, v in spec.port_level_mtls.items()}
    mode = f"mtls.mode {spec.mtls.mode}" if spec.mtls else ""
    says = ", ".join(p for p in (mode, f"portLevelMtls {ports}" if ports else "") if p)
    servers = "1 workload" if len(found.servers) == 1 else f"{len(found.servers)} workloads"
    if not found.servers:
        return f"{found.policy.subject} ({says}): no port takes another mode"
    verb = "a new" if found.is_new else "the existing"
    return f"by {verb} {found.policy.subject} ({says}); ports of {servers} take another mode"


def _changes(changes: Iterable[Any]) -> Iterator[str]:
    for number, change in enumerate(changes):
        if number == MOST:
            yield "  …"
            return
        cell = change.after
        calls = f"{change.calls} calls in {_window(max(s.window_s for s in change.seen))}" if change.calls else "no calls seen"
        yield f"  {who(cell.client)} -> {who(cell.server)}:{cell.port}  {change.before.verdict} -> {cell.verdict}  {calls}"
        yield f"      {cell.why}"


def _seen_in(found: Any) -> str:
    if found.window_s is None:
        return "Seen: nothing. No access log could be read, so who calls is not known."
    unread = f"; nothing was read of {', '.join(who(s) for s in found.unread[:5])}" if found.unread else ""
    silent = "Callers that were silent are not seen; open connections go on until they are drained."
    return f"Seen in the access logs of the last {_window(found.window_s)}{unread}. {silent}"


def _window(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 3600 else f"{seconds / 3600:.0f} h" if seconds < 172800 else f"{seconds / 86400:.0f} d"


def as_json(found: Any) -> dict[str, Any]:
    """The part `what_if` of `meshdoctor.mtls/v1`."""
    return {
        "asked": found.wish.text,
        "policy": {"subject": found.policy.subject, "is_new": found.is_new, "manifest": manifest(found.policy)},
        "servers": found.servers,
        "breaks": [_change(c) for c in found.breaks],
        "may_break": [_change(c) for c in found.may_break],
        "opens": [_change(c) for c in found.opens],
        "heals": [_change(c) for c in found.heals],
        "changes": [_change(c) for c in found.others],
        "outsiders": found.outsiders,
        "strangers": [seen_json(s) | {"server": s.server, "port": s.port or None} for s in found.strangers],
        "not_read": found.unread,
        "window_s": found.window_s,
        "only_seen_pairs": found.is_limited,
    }


def manifest(policy: Any) -> dict[str, Any]:
    """The policy as it would be applied."""
    spec: dict[str, Any] = {}
    if policy.spec.selector and policy.spec.selector.wanted:
        spec["selector"] = {"matchLabels": policy.spec.selector.wanted}
    if policy.spec.mtls:
        spec["mtls"] = {"mode": policy.spec.mtls.mode}
    if policy.spec.port_level_mtls:
        spec["portLevelMtls"] = {port: {"mode": setting.mode} for port, setting in policy.spec.port_level_mtls.items()}
    metadata = {"name": policy.name, "namespace": policy.namespace}
    return {"apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication", "metadata": metadata, "spec": spec}


def _change(change: Any) -> dict[str, Any]:
    cell = change.after
    return {
        "client": cell.client,
        "server": cell.server,
        "port": cell.port,
        "host": cell.host or None,
        "before": change.before.verdict,
        "after": cell.verdict,
        "why": cell.why,
        "decides": cell.decides,
        "calls": change.calls or None,
        "seen": [seen_json(s) for s in change.seen] or None,
    }
