"""Route tables: the rules that proxies hold for one host, in their order, and which of them answers what.

Source: istio.io, VirtualService reference and "Traffic management best practices" (VirtualServices of one host are
merged at gateways, the oldest first and what takes everything last; sidecars follow the oldest alone).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal

import msgspec

from meshdoctor.istio.gateways import gateway_names
from meshdoctor.istio.order import Match, Rule, rules_by_kind
from meshdoctor.istio.routewords import action, match_words
from meshdoctor.istio.routing import covers, covers_l4, delegate_of
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import HTTPMatchRequest, HTTPRoute, L4Match, VirtualService
from meshdoctor.model.subject import Subject

Kind = Literal["http", "tls", "tcp"]
KINDS: tuple[Kind, ...] = ("http", "tls", "tcp")


class Entry(msgspec.Struct, frozen=True):
    """One match of one rule: what it takes, and what is done with it. `key` is equal for equal matches."""

    kind: Kind
    match: Match
    words: str
    does: str
    origin: Subject
    path: str

    @property
    def key(self) -> str:
        return f"{self.kind} {_canonical(self.match)}"

    @property
    def answer(self) -> tuple[Subject, str]:
        """What a client notices, and who decided it: rules may move within an object."""
        return self.origin, self.does

    def takes(self, other: Entry) -> bool:
        """Whether it takes every request that the other could."""
        if self.kind != other.kind:
            return False
        if isinstance(self.match, HTTPMatchRequest):
            return isinstance(other.match, HTTPMatchRequest) and covers(self.match, other.match, ())
        return isinstance(other.match, L4Match) and covers_l4(self.match, other.match, ())


class Table(msgspec.Struct, frozen=True):
    """The entries for a host in the order in which a proxy asks them.

    `defaults` tell what becomes of a kind of traffic that has no entry; `ignored` are objects for the same host that
    proxies do not follow, because another decides.
    """

    entries: tuple[Entry, ...] = ()
    defaults: tuple[Entry, ...] = ()
    ignored: tuple[Subject, ...] = ()

    def answer(self, request: Entry) -> Entry | None:
        """The entry that takes all that another (of this or another table) matches; None: nobody, or several share it."""
        found = next((e for e in self.entries if e.takes(request)), None)
        if found is None and not any(e.kind == request.kind for e in self.entries):
            return next((d for d in self.defaults if d.kind == request.kind), None)
        return found


def everything(kind: Kind, does: str = "", origin: Subject | None = None) -> Entry:
    """An entry that takes every request."""
    match = HTTPMatchRequest() if kind == "http" else L4Match()
    return Entry(kind, match, match_words(kind, match), does, origin or Subject(), "")


def entries_of(
    mesh: Mesh, virtual_service: VirtualService, scope: str, kinds: Iterable[Kind], *, port: int = 0, client: str = ""
) -> Iterator[Entry]:
    """The entries of a VirtualService that proxies of one scope (`mesh`, or a Gateway's `namespace/name`) hold.

    With a port only those for it; with a client namespace those that its sidecars may use. Delegates stand in their places.
    """
    rules = rules_by_kind(virtual_service)
    for kind in kinds:
        for number, rule in enumerate(rules[kind]):
            for owner, each, path in _resolved(mesh, virtual_service, rule, f"spec.{kind}[{number}]"):
                for match in _matches(virtual_service, each, scope):
                    if match.port in (0, port or match.port) and match.source_namespace in ("", client or match.source_namespace):
                        yield Entry(kind, match, match_words(kind, match), action(mesh, owner, each), owner.subject, path)


def last_ones_last(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """As gateways sort them: what takes every request of a kind comes after all others."""
    return tuple(sorted(entries, key=lambda e: e.takes(everything(e.kind))))


def age(thing: KubernetesObject) -> tuple[float, str, str]:
    """Sort key: the oldest first, then by name, as Istio breaks ties."""
    return thing.created.timestamp() if thing.created else 0.0, thing.name, thing.namespace


def _matches(virtual_service: VirtualService, rule: Rule, scope: str) -> Iterator[Match]:
    """The matches of a rule for a scope, without their gateways: those are settled."""
    if not rule.match and scope in gateway_names(virtual_service):
        yield HTTPMatchRequest() if isinstance(rule, HTTPRoute) else L4Match()
    for match in rule.match:
        if scope in gateway_names(virtual_service, match.gateways or None):
            yield msgspec.structs.replace(match, gateways=())


def _resolved(mesh: Mesh, root: VirtualService, rule: Rule, path: str) -> Iterator[tuple[VirtualService, Rule, str]]:
    """A rule, or those of the VirtualService that it delegates to, narrowed by its own matches."""
    if not isinstance(rule, HTTPRoute) or rule.delegate is None:
        yield root, rule, path
        return
    found = delegate_of(mesh, root, rule)
    for number, inner in enumerate(found.spec.http if found else ()):
        if found and inner.delegate is None:
            pairs = [(o, i) for o in rule.match or (HTTPMatchRequest(),) for i in inner.match or (HTTPMatchRequest(),)]
            both = tuple(m for outer, own in pairs if (m := _narrowed(outer, own)) is not None)
            if both:
                yield found, msgspec.structs.replace(inner, match=both), f"spec.http[{number}]"


def _narrowed(outer: HTTPMatchRequest, inner: HTTPMatchRequest) -> HTTPMatchRequest | None:
    """Both matches as one; None where no request can meet both paths."""
    if outer.uri and inner.uri and not covers(HTTPMatchRequest(uri=outer.uri), HTTPMatchRequest(uri=inner.uri), ()):
        return None
    said: dict[str, Any] = {}
    for name in outer.__struct_fields__:
        own, wide = getattr(inner, name), getattr(outer, name)
        said[name] = {**wide, **own} if isinstance(wide, dict) else own or wide
    return HTTPMatchRequest(**said)


def _canonical(match: Match) -> str:
    said: dict[str, Any] = msgspec.to_builtins(match)
    said.pop("name", None)
    said.pop("statPrefix", None)
    return msgspec.json.encode(said, order="deterministic").decode()
