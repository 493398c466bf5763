"""CEL: values, macros, faults, and the functions that Kubernetes adds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from meshdoctor.istio.schema.cel import CelFault, SyntaxFault, compiled
from meshdoctor.istio.schema.definitions import groups, packaged
from meshdoctor.istio.schema.re2 import NotRE2, searches


@pytest.mark.parametrize(
    ("text", "value", "answer"),
    [
        ("self + 2 * 3 == 7", 1, True),
        ("-7 / 2 == -3 && -7 % 2 == -1", None, True),
        ("self ? 'a' : 'b'", False, "b"),
        ("1 == 1.0 && true != (1 == 2)", None, True),
        ("self.all(k, size(k) > 1)", {"ab": 1, "c": 2}, False),
        ("self.exists(x, x > 1) && self.exists_one(x, x == 1)", [1, 2], True),
        ("self.filter(x, x > 1).map(x, x * 2)", [1, 2, 3], [4, 6]),
        ("has(self.a) && !has(self.b)", {"a": 1, "b": None}, True),
        ("self.?a.orValue(3)", {}, 3),
        ("self.__namespace__ == 'x'", {"namespace": "x"}, True),
        ("false && self.nothing", {}, False),
        ("self.nothing || true", {}, True),
        ("'*' in self && self.size() > 1", ["*", "b"], True),
        (r"self.matches(r'''^a\d+$''')", "a12", True),
        (r"self.matches('^a\\d+$')", "a12\n", False),
        ("duration(self) >= duration('1ms') && duration('1h1m1.5s') > duration('1h')", "1ms", True),
        ("url(self).getScheme() in ['http', 'https'] && url(self).getHostname() == 'x.org'", "https://x.org:80/a?b=c", True),
        ("isURL(self)", "no url", False),
        ("isIP(self) && ip(self).family() == 4 && cidr('10.0.0.0/8').containsIP(self)", "10.1.2.3", True),
        ("quantity(self).isLessThan(quantity('1Gi'))", "500Mi", True),
        ("self.substring(0, 2).upperAscii() + self.split('c')[1]", "abcd", "ABd"),
        ("cel.bind(x, self + 1, x * x)", 2, 9),
        ("{'a': [1, 2,]}['a'][1] == 0x2", None, True),
        ("// a remark\nself", 1, 1),
    ],
)
def test_expressions_have_values(text: str, value: Any, answer: Any) -> None:
    assert compiled(text)({"self": value}) == answer


@pytest.mark.parametrize(
    ("text", "value", "says"),
    [
        ("int(self) > 0", "abc", "type conversion error from 'string' to 'int'"),
        ("self.a > 0", {}, "no such key: a"),
        ("self[3]", [1], "index out of bounds: 3"),
        ("1 / self", 0, "division by zero"),
        ("self + 1", "a", "no such overload"),
        ("duration(self)", "apple", "invalid duration"),
        ("9223372036854775807 + self", 1, "integer overflow"),
    ],
)
def test_expressions_without_a_value_say_why(text: str, value: Any, says: str) -> None:
    with pytest.raises(CelFault, match=says):
        compiled(text)({"self": value})


@pytest.mark.parametrize("text", ["", "1 +", "(1", "self.unknown(1)", "a b", "'open", "has(self)", "[1"])
def test_what_is_no_expression_is_said(text: str) -> None:
    with pytest.raises(SyntaxFault):
        compiled(text)


def test_every_rule_of_the_packaged_schemas_is_understood() -> None:
    def rules(schema: Any) -> list[str]:
        inner = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
        own = schema.get("x-kubernetes-validations", []) if isinstance(schema, dict) else []
        return [r["rule"] for r in own] + [r for i in inner for r in rules(i)]

    definitions = [d for group, kinds in groups().items() for k in kinds if (d := packaged(group, k))]
    found = {r for d in definitions for r in rules(json.loads(json.dumps(list(d.versions.values()))))}
    assert len(found) > 100
    for rule in found:
        compiled(rule)


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("^a$", "a\n", False),
        ("^[[:alpha:]]+$", "abc", True),
        ("^[]a]$", "]", True),
        (r"^\Qa.b\E$", "a.b", True),
        ("^(?i)abc$", "ABC", True),
        ("(?P<n>a)|(?<m>b)", "b", True),
        (r"^a\z", "a", True),
    ],
)
def test_re2_is_read_by_its_own_rules(pattern: str, text: str, found: bool) -> None:
    assert searches(pattern, text) is found


@pytest.mark.parametrize("pattern", ["(?=a)", "(?!a)", "(?<=a)b", r"(a)\1", "a**", "a{1001}", "(", "[", r"\y", "*a"])
def test_what_re2_does_not_know_is_refused(pattern: str) -> None:
    with pytest.raises(NotRE2):
        searches(pattern, "a")
