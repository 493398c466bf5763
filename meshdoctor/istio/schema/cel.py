"""CEL evaluated: an expression becomes a Python function of its variables."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator
from typing import Any

from meshdoctor.istio.schema.cel_functions import FUNCTIONS, CelFault, Optional, add, compare, equal, index_of, spelled
from meshdoctor.istio.schema.cel_syntax import Node, SyntaxFault, parse

Scope = dict[str, Any]
Program = Callable[[Scope], Any]
__all__ = ["CelFault", "Program", "SyntaxFault", "compiled"]


@functools.lru_cache(4096)
def compiled(text: str) -> Program:
    """The function of an expression. Raises SyntaxFault for what is not understood; the function raises CelFault."""
    return _build(parse(text))


def _build(node: Node) -> Program:
    return _BUILDERS[node[0]](*node[1:])


def _literal(value: Any) -> Program:
    return lambda _scope: value


def _ident(name: str) -> Program:
    def run(scope: Scope) -> Any:
        if name not in scope:
            raise CelFault(f"undeclared reference to '{name}'")
        return scope[name]

    return run


def _select(of: Node, name: str, optional: bool) -> Program:
    value, key = _build(of), spelled(name)

    def run(scope: Scope) -> Any:
        return _optionally(value(scope), key) if optional else _field(value(scope), key)

    return run


def _field(value: Any, key: str) -> Any:
    if isinstance(value, Optional):
        return Optional(*([_field(value.value, key)] if value.has and key in (value.value or ()) else []))
    if not isinstance(value, dict):
        raise CelFault("no such overload")
    if key not in value:
        raise CelFault(f"no such key: {key}")
    return value[key]


def _optionally(value: Any, key: Any) -> Optional:
    if isinstance(value, Optional):
        return _optionally(value.value, key) if value.has else value
    try:
        return Optional(index_of(value, key))
    except CelFault:
        return Optional()


def _index(of: Node, key: Node, optional: bool) -> Program:
    value, at = _build(of), _build(key)
    pick = _optionally if optional else index_of
    return lambda scope: pick(value(scope), at(scope))


def _list(items: tuple[Node, ...]) -> Program:
    made = [_build(i) for i in items]
    return lambda scope: [m(scope) for m in made]


def _map(entries: tuple[tuple[Node, Node], ...]) -> Program:
    made = [(_build(k), _build(v)) for k, v in entries]
    return lambda scope: {k(scope): v(scope) for k, v in made}


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise CelFault("no such overload")
    return value


def _cond(condition: Node, then: Node, other: Node) -> Program:
    test, yes, no = _build(condition), _build(then), _build(other)
    return lambda scope: yes(scope) if _truth(test(scope)) else no(scope)


def _either(decisive: bool) -> Callable[[Node, Node], Program]:
    """`||` (decided by true) and `&&` (by false): a decisive side hides the other side's fault."""

    def build(left: Node, right: Node) -> Program:
        one, two = _build(left), _build(right)

        def run(scope: Scope) -> bool:
            try:
                if _truth(one(scope)) is decisive:
                    return decisive
            except CelFault:
                if _truth(two(scope)) is decisive:
                    return decisive
                raise
            return _truth(two(scope))

        return run

    return build


def _not(of: Node) -> Program:
    value = _build(of)
    return lambda scope: not _truth(value(scope))


def _negate(of: Node) -> Program:
    value = _build(of)
    return lambda scope: FUNCTIONS["-_"](value(scope))


_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "==": equal,
    "!=": lambda a, b: not equal(a, b),
    "<": compare(operator.lt),
    "<=": compare(operator.le),
    ">": compare(operator.gt),
    ">=": compare(operator.ge),
    "+": add,
    "-": FUNCTIONS["-"],
    "*": FUNCTIONS["*"],
    "/": FUNCTIONS["/"],
    "%": FUNCTIONS["%"],
    "in": lambda a, b: a in b if isinstance(b, dict) else any(equal(a, x) for x in _items(b)),
}


def _binary(sign: str, left: Node, right: Node) -> Program:
    function, one, two = _BINARY[sign], _build(left), _build(right)
    return lambda scope: function(one(scope), two(scope))


def _call(name: str, target: Node | None, args: tuple[Node, ...]) -> Program:
    if name == "has" and target is None and len(args) == 1:
        return _has(args[0])
    if target == ("ident", "cel") and name == "bind" and len(args) == 3:
        return _bind(*args)
    if target is not None and name in _MACROS and len(args) >= 2 and args[0][0] == "ident":
        return _MACROS[name](target, args)
    if target == ("ident", "optional") or (target and target[0] == "ident" and f"{target[1]}.{name}" in FUNCTIONS):
        name, target = f"{target[1]}.{name}", None
    if name not in FUNCTIONS:
        raise SyntaxFault(f"undeclared reference to '{name}'")
    function = FUNCTIONS[name]
    made = [_build(a) for a in (args if target is None else (target, *args))]

    def run(scope: Scope) -> Any:
        try:
            return function(*(m(scope) for m in made))
        except (TypeError, AttributeError, IndexError, OverflowError) as why:
            raise CelFault("no such overload") from why

    return run


def _has(field: Node) -> Program:
    if field[0] != "select":
        raise SyntaxFault("invalid argument to has() macro")
    value, key = _build(field[1]), spelled(field[2])

    def run(scope: Scope) -> bool:
        found = value(scope)
        if isinstance(found, Optional):
            found = found.value if found.has else {}
        if not isinstance(found, dict):
            raise CelFault("no such overload")
        return found.get(key) is not None

    return run


def _bind(name: Node, value: Node, body: Node) -> Program:
    made, inner = _build(value), _build(body)
    return lambda scope: inner({**scope, name[1]: made(scope)})


def _items(value: Any) -> list[Any]:
    if isinstance(value, dict | list):
        return list(value)
    raise CelFault("no such overload")


def _scopes(target: Node, names: tuple[str, ...]) -> Callable[[Scope], Iterator[Scope]]:
    """The scopes of a comprehension: one name is the item or key; two are index or key, and value."""
    value = _build(target)

    def run(scope: Scope) -> Iterator[Scope]:
        over = value(scope)
        for at, item in enumerate(_items(over)):
            if len(names) == 1:
                yield {**scope, names[0]: item}
            elif isinstance(over, dict):
                yield {**scope, names[0]: item, names[1]: over[item]}
            else:
                yield {**scope, names[0]: at, names[1]: item}

    return run


def _split(args: tuple[Node, ...]) -> tuple[tuple[str, ...], tuple[Node, ...]]:
    two = len(args) == 3 and args[1][0] == "ident"
    return tuple(a[1] for a in args[: 1 + two]), args[1 + two :]


def _quantified(decisive: bool) -> Callable[[Node, tuple[Node, ...]], Program]:
    """`all` (decided by one false) and `exists` (by one true)."""

    def build(target: Node, args: tuple[Node, ...]) -> Program:
        names, (body,) = _split(args)
        scopes, test = _scopes(target, names), _build(body)

        def run(scope: Scope) -> bool:
            fault: CelFault | None = None
            for each in scopes(scope):
                try:
                    if _truth(test(each)) is decisive:
                        return decisive
                except CelFault as why:
                    fault = why
            if fault:
                raise fault
            return not decisive

        return run

    return build


def _exists_one(target: Node, args: tuple[Node, ...]) -> Program:
    names, (body,) = _split(args)
    scopes, test = _scopes(target, names), _build(body)
    return lambda scope: sum(_truth(test(s)) for s in scopes(scope)) == 1


def _filter(target: Node, args: tuple[Node, ...]) -> Program:
    name, test, scopes = args[0][1], _build(args[1]), _scopes(target, (args[0][1],))
    return lambda scope: [s[name] for s in scopes(scope) if _truth(test(s))]


def _mapped(target: Node, args: tuple[Node, ...]) -> Program:
    scopes, makes = _scopes(target, (args[0][1],)), _build(args[-1])
    test = _build(args[1]) if len(args) == 3 else _literal(True)
    return lambda scope: [makes(s) for s in scopes(scope) if _truth(test(s))]


_MACROS: dict[str, Callable[[Node, tuple[Node, ...]], Program]] = {
    "all": _quantified(decisive=False),
    "exists": _quantified(decisive=True),
    "exists_one": _exists_one,
    "existsOne": _exists_one,
    "filter": _filter,
    "map": _mapped,
}
_BUILDERS: dict[str, Callable[..., Program]] = {
    "lit": _literal,
    "ident": _ident,
    "select": _select,
    "index": _index,
    "list": _list,
    "map": _map,
    "cond": _cond,
    "or": _either(decisive=True),
    "and": _either(decisive=False),
    "not": _not,
    "negate": _negate,
    "binary": _binary,
    "call": _call,
}
