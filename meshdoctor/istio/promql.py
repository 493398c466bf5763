"""What of PromQL it takes to judge an alert: which series it asks for, over which window, and against which threshold."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

_STRING = r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\''
_SELECTOR = re.compile(
    rf"(?P<string>{_STRING})"
    rf"|(?<![\w:.])(?P<name>[a-zA-Z_:][\w:]*)?\s*(?P<matchers>\{{(?:[^{{}}\"']|{_STRING})*\}})?\s*(?:\[(?P<window>[^\]:]+)[^\]]*\])?"
)
_MATCHER = re.compile(rf"(\w+)\s*(=~|!~|!=|=)\s*({_STRING})")
_LABEL_LISTS = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)")
_WORDS = re.compile(
    r"sum|avg|min|max|count|stddev|stdvar|topk|bottomk|quantile|count_values|group"
    r"|and|or|unless|bool|offset|by|without|on|ignoring|group_left|group_right|inf|nan",
    re.IGNORECASE,
)
_COMPARED = re.compile(r"(<=|>=|==|!=|<|>)\s*(?:bool\s+)?(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)\s*$", re.IGNORECASE)
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31536000.0}


class Matcher(msgspec.Struct, frozen=True, order=True):
    """One `label="value"`; `how` is `=`, `!=`, `=~` or `!~`."""

    label: str
    how: str
    value: str

    def __str__(self) -> str:
        return f'{self.label}{self.how}"{self.value}"'


class Selector(msgspec.Struct, frozen=True):
    """A metric with its matchers; `window` is the range in seconds, 0 for an instant one."""

    metric: str
    matchers: tuple[Matcher, ...] = ()
    window: float = 0.0

    def __str__(self) -> str:
        inside = ",".join(map(str, self.matchers))
        return f"{self.metric}{{{inside}}}" if inside else self.metric

    def only(self, *labels: str) -> Selector:
        """The same with the matchers of these labels only."""
        return Selector(self.metric, tuple(m for m in self.matchers if m.label in labels))

    def but(self, *labels: str) -> Selector:
        """The same without the matchers of these labels."""
        return Selector(self.metric, tuple(m for m in self.matchers if m.label not in labels))


def selectors(query: str) -> tuple[Selector, ...]:
    """The series that a query asks for, each once, in their order."""
    return tuple(dict.fromkeys(_selectors(_LABEL_LISTS.sub(" ", query))))


def _selectors(text: str) -> Iterator[Selector]:
    for match in _SELECTOR.finditer(text):
        name, inside = match["name"] or "", match["matchers"] or ""
        if match["string"] or not (name or inside) or _WORDS.fullmatch(name) or text[match.end() :].lstrip()[:1] == "(":
            continue
        matchers = tuple(Matcher(label, how, _unquoted(value)) for label, how, value in _MATCHER.findall(inside))
        named = next((m.value for m in matchers if m.label == "__name__" and m.how == "="), name)
        if named:
            yield Selector(named, tuple(m for m in matchers if m.label != "__name__"), seconds(match["window"] or ""))


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1])


def seconds(text: str) -> float:
    """A duration of Prometheus (`5m`, `1h30m`) in seconds; 0 for what is none."""
    return sum(float(n) * _UNITS[u] for n, u in re.findall(r"(\d+(?:\.\d+)?)(ms|[smhdwy])", text))


def comparison(query: str) -> tuple[str, float] | None:
    """The operator and number that a query ends with; None where it ends otherwise."""
    match = _COMPARED.search(query.strip().rstrip(")"))
    return (match[1], float(match[2])) if match else None


def watches_absence(query: str) -> bool:
    """Whether a query has an answer also where its series are gone."""
    return re.search(r"\babsent(_over_time)?\s*\(|\bor\s+(on\s*\([^()]*\)\s*)?vector\s*\(", query) is not None


def share(query: str) -> bool:
    """Whether a query is a part divided by its whole: the same metric, the part with more matchers. It is 1 at most."""
    before, slash, after = query.partition("/")
    if not slash or "*" in query or "/" in after:
        return False
    one, whole = selectors(before), selectors(after)
    return len(one) == len(whole) == 1 and one[0].metric == whole[0].metric and set(whole[0].matchers) <= set(one[0].matchers)
