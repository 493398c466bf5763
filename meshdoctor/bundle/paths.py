"""Paths of the Kubernetes API taken apart, and queries brought into one order."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, unquote

import msgspec

Pairs = tuple[tuple[str, str], ...]

WINDOW = frozenset(
    {
        "resourceVersion", "resourceVersionMatch", "limit", "continue", "timeoutSeconds", "timeout", "allowWatchBookmarks",
        "sendInitialEvents", "watch", "sinceSeconds", "sinceTime", "tailLines", "limitBytes", "timestamps", "follow", "pretty",
    }
)  # fmt: skip
"""Parameters that say how much or from when: a recording holds one answer whatever they are."""

_PLACE = re.compile(
    r"(?P<root>/api/[^/]+|/apis/(?P<group>[^/]+)/[^/]+)"
    r"(?:/namespaces/(?P<namespace>[^/]+)(?=/(?!status$|finalize$)))?"
    r"/(?P<plural>[^/]+)(?:/(?P<name>[^/]+)(?:/(?P<sub>.+))?)?/?"
)


class Place(msgspec.Struct, frozen=True):
    """Where an object, a collection or a subresource is; `namespace` and `name` are empty where the path has none."""

    root: str
    group: str
    namespace: str
    plural: str
    name: str
    sub: str

    @property
    def everywhere(self) -> str:
        """The collection's path over all namespaces."""
        return f"{self.root}/{self.plural}"

    @property
    def collection(self) -> str:
        """The path of the collection that the place is in: of its namespace, where it has one."""
        return f"{self.root}/namespaces/{self.namespace}/{self.plural}" if self.namespace else self.everywhere

    @property
    def resource(self) -> str:
        """The name that RBAC errors and kubectl use, e.g. `gateways.networking.istio.io`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def group_version(self) -> str:
        """What objects of the place have as apiVersion."""
        return self.root.removeprefix("/apis/").removeprefix("/api/")


def place_of(path: str) -> Place | None:
    """The place that a path without its query names; None where it names no resource."""
    match = _PLACE.fullmatch(path)
    if match is None:
        return None
    parts = {key: unquote(value or "") for key, value in match.groupdict().items()}
    return Place(**parts)


def split(target: str) -> tuple[str, Pairs]:
    """A request's path, decoded, and its parameters in order of name: `?b=2&a=1` and `?a=1&b=2` are one question."""
    path, _, query = target.partition("?")
    return unquote(path), tuple(sorted(parse_qsl(query, keep_blank_values=True)))


def without_window(pairs: Iterable[tuple[str, str]]) -> Pairs:
    """The parameters that choose what is answered."""
    return tuple((key, value) for key, value in pairs if key not in WINDOW and (key, value) != ("previous", "false"))
