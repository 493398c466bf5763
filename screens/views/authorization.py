"""Authorization: every Service with the policies before it; who may call one, and why a request was or would be refused."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType

from meshdoctor.collect.who_may import callers_named
from meshdoctor.istio.authorization.callers import Row as May
from meshdoctor.istio.authorization.callers import entrances, who_can
from meshdoctor.istio.authorization.request import Request
from meshdoctor.istio.authorization.scope import attached, points
from meshdoctor.model.cluster import Service
from meshdoctor.model.errors import UsageError
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.security import AuthorizationPolicy
from meshdoctor.model.subject import Subject
from meshdoctor.reports import authorization as words
from screens.refusals import WORDS
from screens.registry import screen
from screens.seen import Seen
from screens.text import Run, badge, count
from screens.views.asking import Asking
from screens.widgets.doc import Item
from screens.widgets.rows import Column, Row

ORDER = {verdict: number for number, verdict in enumerate(WORDS)}


@screen(
    name="authorization",
    aliases=("authz", "az", "who-can", "why-403"),
    title="Authorization",
    says="who may call a Service, and why a request is refused",
)
class Authorization(Asking):
    """Every Service with running pods, those with policies first."""

    drawn_from = (
        "authorizationpolicies*",
        "requestauthentications*",
        "peerauthentications*",
        "pods",
        "services",
        "serviceaccounts",
        "istiod *",
        "istio-proxy log of *",
    )
    about = "Enter shows who may call the Service and by which rule. p takes a line of an access log or a request: who refuses it."
    columns = (
        Column("STATE", least=14, keep=True),
        Column("SERVICE", least=20, most=60, is_name=True, keep=True),
        Column("POLICIES", least=20, most=110, keep=True),
        Column("PORTS", least=8, most=40, extra=True),
    )
    fields = frozenset({"ns", "state", "service"})
    empty = "No Service has running pods."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "who may call", id="authorization.open", tooltip="each identity: what it may, by which rule"),
        Binding("y", "yaml", "YAML", id="authorization.yaml", tooltip="the first policy as it is now, else the Service"),
    ]

    @property
    def service(self) -> Subject | None:
        return self.row.payload[0] if self.row is not None else None

    def rows_of(self, seen: Seen) -> Iterable[Row]:
        mesh = seen.mesh
        if mesh is None:
            return []
        rows = [row for service in mesh[Service] if (row := _of_service(mesh, service)) is not None]
        return sorted(rows, key=lambda r: (not r.payload[1], r.key))

    def detail_of(self, row: Row) -> list[Item]:
        policies: tuple[AuthorizationPolicy, ...] = row.payload[1]
        told = [Item(f"{p.spec.action or 'ALLOW'} {p.subject}  {_rules(p)}") for p in policies]
        return [Item(f"{row.payload[0]}", "strong"), *(told or [Item(SAYS[row.fields["state"]])])]

    async def open(self, row: Row) -> None:
        await self.boss.open(WhoMay(row.payload[0]))

    async def action_yaml(self) -> None:
        from screens.views.yaml import YamlView

        if self.row is not None:
            service, policies = self.row.payload
            await self.boss.open(YamlView(policies[0].subject if policies else service))


class WhoMay(Asking):
    """Who may call one Service: each identity on each port, those who may first."""

    drawn_from = Authorization.drawn_from
    about = "What each identity of the mesh may do here, by the policies as they are. a asks about one request: METHOD /path."
    columns = (
        Column("MAY", least=8, keep=True),
        Column("WHO", least=20, most=48, keep=True),
        Column("PORTS", least=8, most=24, extra=True),
        Column("WHY", least=20, most=110, keep=True),
    )
    fields = frozenset({"who", "may", "port"})
    empty = "No running pod answers for it, or none could call it."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "request", "one request", id="who_may.request", tooltip="who may do this: METHOD /path [NAMESPACE/WORKLOAD]"),
        Binding("enter,y", "yaml", "YAML", id="who_may.yaml", key_display="⏎", tooltip="the policy that decides, as it is now"),
    ]

    def __init__(self, service: Subject) -> None:
        super().__init__()
        self._service = service
        self._asked, self._from, self._text = Request(), "", ""
        self._is_request = False

    @property
    def service(self) -> Subject | None:
        return self._service

    @property
    def topic(self) -> Subject:
        return self._service

    @property
    def crumb(self) -> str:
        return f"who may call {self._service.name}"

    def rows_of(self, seen: Seen) -> Iterable[Row]:
        if seen.mesh is None:
            return []
        return who_may(seen.mesh, self._service, self._asked, self._from)

    def summary_of(self, seen: Seen) -> list[Item]:
        about = self._text or "any request: what a method, path or header decides is not known"
        return [*super().summary_of(seen), Item((Run(f"{self._service}   ", "strong"), Run(about, "dim")))]

    def detail_of(self, row: Row) -> list[Item]:
        return [item for may in row.payload[:1] for item in _in_full(may)]

    def name_in(self, row: Row) -> str:
        return row.fields["who"]

    def action_request(self) -> None:
        self._is_request, self.wants = True, "METHOD /path [NAMESPACE/WORKLOAD]"
        self.boss.action_ask("+")

    def action_why(self) -> None:
        self._is_request = False
        super().action_why()

    def given(self, text: str) -> None:
        if not self._is_request:
            super().given(text)
            return
        words_ = text.split()
        paths = [w for w in words_ if w.startswith("/")]
        callers = [w for w in words_ if "/" in w and not w.startswith("/")]
        methods = [w.upper() for w in words_ if "/" not in w]
        mesh = self.seen.mesh if self.seen else None
        if self.seen is None or mesh is None:
            return
        try:
            callers_named(mesh, callers[0] if callers else None)
        except UsageError as error:
            self.boss.say(error.observed, "warn")
            return
        self._asked = Request(method=methods[0] if methods else None, path=paths[0] if paths else None)
        self._from, self._text = callers[0] if callers else "", text
        self.fill(self.seen)

    async def open(self, row: Row) -> None:
        await self.action_yaml()

    async def action_yaml(self) -> None:
        from screens.views.yaml import YamlView

        by = self.row.payload[0].by if self.row is not None else None
        if by is not None:
            await self.boss.open(YamlView(by))
        else:
            self.boss.say("No policy decides: nothing says otherwise.", "dim")


SAYS = {
    "open": "No policy holds here: whoever reaches it may call it.",
    "not enforced": "No proxy stands before its pods: policies are not enforced.",
}


def _of_service(mesh: Mesh, service: Service) -> Row | None:
    """A Service with the policies that hold before its first pod."""
    doors = entrances(mesh, service)
    if not doors:
        return None
    ways = points(mesh, doors[0].pod, service)
    found = tuple(dict.fromkeys(p for way in ways for p in attached(mesh, AuthorizationPolicy, way)))
    actions = {p.spec.action or "ALLOW" for p in found}
    if not ways:
        state, run = "not enforced", Run("○ not enforced", "dim")
    elif not found:
        state, run = "open", Run("○ open", "dim")
    else:
        state, run = "policies", badge("OK", "ALLOW rules" if "ALLOW" in actions else "other rules")
    named = ", ".join(f"{p.spec.action or 'ALLOW'} {p.namespace}/{p.name}" for p in found)
    name = f"{service.namespace}/{service.name}"
    fields = {"ns": service.namespace, "state": state, "service": name}
    return Row(name, (run, name, named or Run("none", "dim"), words.ports(doors)), fields, payload=(service.subject, found))


def _rules(policy: AuthorizationPolicy) -> str:
    number = len(policy.spec.rules)
    return "no rule" if not number else count(number, "rule")


def who_may(mesh: Mesh, place: Subject, asked: Request, caller: str) -> list[Row]:
    """Rows by identity and what it may, ports of which the same is true together."""
    service = mesh[Service].get(place.namespace, place.name)
    if service is None:
        return []
    callers = callers_named(mesh, caller)
    groups: dict[tuple[str, str, str], list[May]] = {}
    for door in entrances(mesh, service):
        for may in who_can(mesh, door, asked, callers):
            groups.setdefault((words.glyph(may), words.who(may), words.why(may)), []).append(may)
    rows = [_row(key, some) for key, some in groups.items()]
    return sorted(rows, key=lambda r: (ORDER[r.payload[0].decision.verdict], not r.payload[0].principal, r.key))


def _row(key: tuple[str, str, str], some: list[May]) -> Row:
    mark, who, why = key
    verdict = some[0].decision.verdict
    cells = (Run(mark, WORDS[verdict][1]), who, words.ports(m.entrance for m in some), why)
    fields = {"who": who, "may": str(verdict), "port": words.ports(m.entrance for m in some)}
    return Row(" ".join(key), cells, fields, payload=tuple(some))


def _in_full(may: May) -> Iterable[Item]:
    """Identity and decision of one row: the object, the field that keeps it out, what is not known, what is on trial."""
    decision = may.decision
    who = {None: "an identity that is not known", "": "no identity"}.get(may.principal, may.principal or "")
    yield Item((Run(who, "strong"), Run(f"  {', '.join(f'{c.namespace}/{c.name}' for c in may.callers[:6])}", "dim")))
    yield Item(decision.why, label="WHY")
    if may.by is not None:
        yield Item(f"{may.by}  {decision.path}".rstrip(), label="OBJECT")
    near = decision.nearest
    for number, miss in enumerate(near.misses if near is not None else ()):
        yield Item(f"{miss.path}: {miss.says}", label="" if number else "FIELD")
    if decision.asks:
        yield Item(f"{', '.join(decision.asks)} has the last word", label="ASKS")
    for number, text in enumerate(decision.dry_run):
        yield Item(text, label="" if number else "ON TRIAL")
