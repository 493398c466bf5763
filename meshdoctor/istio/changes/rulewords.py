"""The rules of an AuthorizationPolicy in a line."""

from __future__ import annotations

from typing import Any

import msgspec

from meshdoctor.model.security import AuthorizationPolicy, Rule
from meshdoctor.model.text import some

MOST = 3  # rules, and values of a field


def rule_words(policy: AuthorizationPolicy) -> str:
    """`from principals a, b to methods GET`; without rules nothing, with an empty rule everything."""
    if not policy.spec.rules:
        return "nothing: it has no rules"
    said = [_rule(r) for r in policy.spec.rules[:MOST]]
    more = f", or by {len(policy.spec.rules) - MOST} more rules" if len(policy.spec.rules) > MOST else ""
    return ", or ".join(said) + more


def _rule(rule: Rule) -> str:
    parts = [f"from {_either(f.source for f in rule.from_)}"] if rule.from_ else []
    parts += [f"to {_either(t.operation for t in rule.to)}"] if rule.to else []
    if rule.when:
        conditions = (f"{c.key} is{'' if c.values else ' not'} {some(c.values or c.not_values, MOST)}" for c in rule.when)
        parts.append(f"when {', '.join(conditions)}")
    return " ".join(parts) or "everything"


def _either(those: Any) -> str:
    return " or ".join(_fields(t) for t in those)


def _fields(thing: Any) -> str:
    said: dict[str, list[str]] = msgspec.to_builtins(thing)
    return ", ".join(f"{name} {some(values, MOST)}" for name, values in said.items() if values) or "anything"
