"""One rule of an AuthorizationPolicy as istiod builds it, and whether it matches a request.

Sources: istio.io, AuthorizationPolicy reference; istio, pilot/pkg/security/authz/model/model.go (how `when` joins `from` and
`to`, and what becomes of fields of HTTP where a port is TCP).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from meshdoctor.istio.authorization import trust
from meshdoctor.istio.authorization.attributes import Attribute, attribute
from meshdoctor.istio.authorization.request import Request
from meshdoctor.model.base import Record
from meshdoctor.model.security import AuthorizationPolicy, Operation, Rule, Source

SOURCE = {  # the field, as it is written, to the attribute it asks for
    "principals": "source.principal",
    "requestPrincipals": "request.auth.principal",
    "serviceAccounts": "source.serviceAccount",
    "trustDomains": "source.trustDomain",
    "namespaces": "source.namespace",
    "remoteIpBlocks": "remote.ip",
    "ipBlocks": "source.ip",
}
OPERATION = {
    "hosts": "request.host",
    "methods": "request.method",
    "paths": "request.path",
    "ports": "destination.port",
}
NOBODY = "a caller without identity"
MOST = 4  # values of a list that a sentence names


class Test(msgspec.Struct, frozen=True):
    """One list of a rule: one of its values must match, or none of them where it is negated."""

    path: str
    words: str  # how people name the list: `source.principals`
    attribute: Attribute
    values: tuple[str, ...]
    is_negated: bool

    def holds(self, request: Request) -> bool | None:
        """Whether the request passes; None where that takes a fact which is not known."""
        found = _any(self.attribute.holds(value, request) for value in self.values)
        return found if found is None or not self.is_negated else not found

    @property
    def wanted(self) -> str:
        """Its values in words; of many the first."""
        more = f" and {len(self.values) - MOST} more" if len(self.values) > MOST else ""
        return f"{', '.join(self.values[:MOST])}{more}"

    def told(self, request: Request) -> str:
        """Why a request does not pass."""
        has = self.attribute.shows(request)
        shown = NOBODY if self.attribute.name.startswith("source.") and has == "" else "nothing" if has in (None, "") else has
        return f"{self.words} {self.wanted} {'matches' if self.is_negated else 'does not match'} {shown}"


class Miss(msgspec.Struct, frozen=True):
    """A field of a rule that keeps it from matching."""

    path: str
    says: str


class Match(msgspec.Struct, frozen=True):
    """Whether a rule matches: None where it depends on `unknown`, what is not known of the request."""

    holds: bool | None
    misses: tuple[Miss, ...] = ()
    unknown: tuple[str, ...] = ()


Tests = tuple[Test, ...]


class BuiltRule(msgspec.Struct, frozen=True):
    """A rule as Envoy gets it: it matches where all tests of some source and of some operation hold.

    `left_out` says why istiod builds nothing of it, so that it never matches.
    """

    index: int
    sources: tuple[Tests, ...] = ()
    operations: tuple[Tests, ...] = ()
    left_out: Miss | None = None

    def match(self, request: Request) -> Match:
        if self.left_out is not None:
            return Match(False, (self.left_out,))
        halves = [_best(self.sources, request), _best(self.operations, request)]
        misses = tuple(dict.fromkeys(m for half in halves for m in half.misses))
        if misses:
            return Match(False, misses)
        unknown = tuple(dict.fromkeys(u for half in halves for u in half.unknown))
        return Match(None if unknown else True, (), unknown)


def _best(alternatives: tuple[Tests, ...], request: Request) -> Match:
    """The alternative that holds, else the one that may, else the one that misses least."""
    if not alternatives:
        return Match(True)
    found = [_all(tests, request) for tests in alternatives]
    return min(found, key=lambda m: ({True: 0, None: 1, False: 2}[m.holds], len(m.misses)))


def _all(tests: Tests, request: Request) -> Match:
    results = [(t, t.holds(request)) for t in tests]
    misses = tuple(Miss(t.path, t.told(request)) for t, held in results if held is False)
    unknown = tuple(f"{t.words} {'is not' if t.is_negated else 'is'} {t.wanted}" for t, held in results if held is None)
    return Match(False, misses) if misses else Match(None if unknown else True, (), unknown)


def _any(values: Iterable[bool | None]) -> bool | None:
    unknown = False
    for value in values:
        if value:
            return True
        unknown = unknown or value is None
    return None if unknown else False


def built(policy: AuthorizationPolicy, domains: tuple[str, ...] = (trust.OWN,), *, is_http: bool = True) -> tuple[BuiltRule, ...]:
    """The rules of a policy for ports of HTTP or of TCP; `domains` are the mesh's trust domain and its aliases.

    On TCP a rule that asks for anything of HTTP is left out of an ALLOW policy as a whole; from any other policy only
    what it asks of HTTP is, so that the rule says more than was meant.
    """
    return tuple(_built(policy, rule, index, domains, is_http=is_http) for index, rule in enumerate(policy.spec.rules))


def _built(policy: AuthorizationPolicy, rule: Rule, index: int, domains: tuple[str, ...], *, is_http: bool) -> BuiltRule:
    at = f"spec.rules[{index}]"
    conditions: list[Test] = []
    for number, condition in enumerate(rule.when):
        known = attribute(condition.key, policy.namespace)
        if known is None:
            return BuiltRule(index, left_out=Miss(f"{at}.when[{number}].key", f"istiod knows no key {condition.key}"))
        lists = ((f"when[{number}].values", condition.values, False), (f"when[{number}].notValues", condition.not_values, True))
        conditions += [_test(f"{at}.{p}", f"when {condition.key}", known, v, domains, not_=n) for p, v, n in lists if v]
    sources = [_tests(policy, f"{at}.from[{i}].source", f.source, SOURCE, domains) for i, f in enumerate(rule.from_)]
    operations = [_tests(policy, f"{at}.to[{i}].operation", t.operation, OPERATION, domains) for i, t in enumerate(rule.to)]
    joined = (*((*s, *conditions) for s in sources or [()]),), tuple(operations)
    if is_http:
        return BuiltRule(index, *joined)
    of_http = next((t for half in joined for tests in half for t in tests if t.attribute.is_http), None)
    if of_http is not None and (policy.spec.action or "ALLOW") == "ALLOW":
        return BuiltRule(
            index, left_out=Miss(of_http.path, f"{of_http.words} is of HTTP and the port is TCP: the rule is left out")
        )
    return BuiltRule(index, _without_http(joined[0]), _without_http(joined[1]))


def _without_http(alternatives: tuple[Tests, ...]) -> tuple[Tests, ...]:
    return tuple(tuple(t for t in tests if not t.attribute.is_http) for tests in alternatives)


def _tests(
    policy: AuthorizationPolicy, at: str, said: Source | Operation, fields: dict[str, str], domains: tuple[str, ...]
) -> Tests:
    made = []
    for name, key in fields.items():
        known = attribute(key, policy.namespace)
        assert known is not None
        negated = f"not{name[0].upper()}{name[1:]}"
        word = at.rpartition(".")[2]
        for written, is_negated in ((name, False), (negated, True)):
            values = list_of(said, written)
            if values:
                made.append(_test(f"{at}.{written}", f"{word}.{written}", known, values, domains, not_=is_negated))
    return tuple(made)


def list_of(said: Record, name: str) -> tuple[str, ...]:
    """The values of a list by the name that it has in YAML."""
    field = "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
    values: tuple[str, ...] = getattr(said, field)
    return values


def _test(at: str, words: str, known: Attribute, values: tuple[str, ...], domains: tuple[str, ...], *, not_: bool) -> Test:
    if known.name == "source.principal":
        values = trust.principals(values, domains)
    elif known.name == "source.trustDomain":
        values = trust.trust_domains(values, domains)
    return Test(at, words, known, values, not_)


def refusals(policy: AuthorizationPolicy, request: Request, domains: tuple[str, ...]) -> list[tuple[int, str]]:
    """Why no rule of a policy matches, as (rule index, the field that fails); empty where some rule does or may.

    `domains` are the mesh's trust domain and its aliases (`trust.of_mesh`).
    """
    if not policy.spec.rules:
        return [(-1, "it has no rules")]
    failing = []
    for rule in built(policy, domains, is_http=request.is_http):
        match = rule.match(request)
        if match.holds is not False:
            return []
        failing.append((rule.index, match.misses[0].says))
    return failing
