"""The syntax of CEL, the expressions in which custom resource definitions write their rules: text to a tree of tuples.

Grammar: github.com/google/cel-spec, doc/langdef.md, with the optional syntax (`a.?b`, `a[?i]`). Message literals are left
out: Kubernetes has none.
"""

from __future__ import annotations

import re
from typing import Any

Node = tuple[Any, ...]  # (what, ...): lit, ident, select, index, call, list, map, cond, and, or, not, negate, binary

_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*)
      | (?P<float>\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+)
      | (?P<int>0[xX][0-9a-fA-F]+[uU]?|\d+[uU]?)
      | (?P<text>[rRbB]{0,2}(?:\"\"\"(?:\\.|[^\\])*?\"\"\"|'''(?:\\.|[^\\])*?'''|"(?:\\.|[^\\"])*"|'(?:\\.|[^\\'])*'))
      | (?P<raw>[rR](?:\"\"\".*?\"\"\"|'''.*?'''|"[^"]*"|'[^']*'))
      | (?P<ident>[_a-zA-Z]\w*)
      | (?P<op>\|\||&&|==|!=|<=|>=|\.\?|\[\?|[-+*/%!<>?:.,()\[\]{}])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"""\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2}|.)""", re.DOTALL)
_SHORT = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_LITERALS = {"true": True, "false": False, "null": None}
_LEVELS = (("==", "!=", "<", "<=", ">", ">=", "in"), ("+", "-"), ("*", "/", "%"))


class SyntaxFault(Exception):
    """The text is no CEL that is understood here."""


def parse(text: str) -> Node:
    """The tree of an expression. Raises SyntaxFault."""
    parser = _Parser(text)
    tree = parser.ternary()
    if parser.kind != "end":
        raise SyntaxFault(f"{parser.word!r} was not expected")
    return tree


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise SyntaxFault(f"{text[at]!r} was not expected")
        if match.lastgroup != "space":
            found.append((match.lastgroup or "", match.group()))
        at = match.end()
    return [*found, ("end", "")]


def _unquoted(word: str) -> str:
    raw = False
    while word[0] in "rRbB":
        raw = raw or word[0] in "rR"
        word = word[1:]
    fence = word[:3] if word[:3] in ('"""', "'''") else word[0]
    inside = word[len(fence) : -len(fence)]
    return inside if raw else _ESCAPE.sub(_escaped, inside)


def _escaped(match: re.Match[str]) -> str:
    said = match.group(1)
    if said[0] in "xuU" and len(said) > 1:
        return chr(int(said[1:], 16))
    if len(said) == 3:
        return chr(int(said, 8))
    return _SHORT.get(said, said)


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0

    @property
    def kind(self) -> str:
        return self._tokens[self._at][0]

    @property
    def word(self) -> str:
        return self._tokens[self._at][1]

    def take(self) -> str:
        word = self.word
        self._at += 1
        return word

    def accept(self, *words: str) -> str:
        """The operator that stands here, if it is one of these."""
        return self.take() if self.kind in ("op", "ident") and self.word in words else ""

    def expect(self, word: str) -> None:
        if not self.accept(word):
            raise SyntaxFault(f"{word!r} was expected, not {self.word!r}")

    def ternary(self) -> Node:
        condition = self.either()
        if not self.accept("?"):
            return condition
        then = self.either()
        self.expect(":")
        return ("cond", condition, then, self.ternary())

    def either(self) -> Node:
        node = self.both()
        while self.accept("||"):
            node = ("or", node, self.both())
        return node

    def both(self) -> Node:
        node = self.binary(0)
        while self.accept("&&"):
            node = ("and", node, self.binary(0))
        return node

    def binary(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self.unary()
        node = self.binary(level + 1)
        while operator := self.accept(*_LEVELS[level]):
            node = ("binary", operator, node, self.binary(level + 1))
        return node

    def unary(self) -> Node:
        if self.accept("!"):
            return ("not", self.unary())
        if self.accept("-"):
            return ("negate", self.unary())
        return self.member()

    def member(self) -> Node:
        node = self.primary()
        while True:
            if operator := self.accept(".", ".?"):
                node = self._field(node, optional=operator == ".?")
            elif operator := self.accept("[", "[?"):
                node = ("index", node, self.ternary(), operator == "[?")
                self.expect("]")
            else:
                return node

    def _field(self, node: Node, *, optional: bool) -> Node:
        if self.kind != "ident":
            raise SyntaxFault(f"a name was expected, not {self.word!r}")
        name = self.take()
        if not optional and self.accept("("):
            return ("call", name, node, self.several(")"))
        return ("select", node, name, optional)

    def several(self, end: str) -> tuple[Node, ...]:
        found: list[Node] = []
        while not self.accept(end):
            if found:
                self.expect(",")
                if self.accept(end):  # a comma may end a list
                    break
            found.append(self.ternary())
        return tuple(found)

    def primary(self) -> Node:
        kind = self.kind
        if kind == "ident":
            return self._named()
        if kind in ("int", "float"):
            word = self.take().rstrip("uU")
            return ("lit", float(word) if kind == "float" else int(word, 0) if word[:2] in ("0x", "0X") else int(word))
        if kind in ("text", "raw"):
            return ("lit", _unquoted(self.take()))
        if self.accept("("):
            node = self.ternary()
            self.expect(")")
            return node
        if self.accept("["):
            return ("list", self.several("]"))
        if self.accept("{"):
            return ("map", self._entries())
        raise SyntaxFault(f"{self.word!r} was not expected")

    def _named(self) -> Node:
        name = self.take()
        if name in _LITERALS:
            return ("lit", _LITERALS[name])
        if self.accept("("):
            return ("call", name, None, self.several(")"))
        return ("ident", name)

    def _entries(self) -> tuple[tuple[Node, Node], ...]:
        found: list[tuple[Node, Node]] = []
        while not self.accept("}"):
            if found:
                self.expect(",")
            key = self.ternary()
            self.expect(":")
            found.append((key, self.ternary()))
        return tuple(found)
