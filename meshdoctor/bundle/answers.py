"""A recording as a Kubernetes API: lists, objects, discovery, logs, errors as the API server words them."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from meshdoctor.bundle.recording import Answer, Recording

JSON = "application/json"
Objects = list[dict[str, Any]]


def status(code: int, reason: str, message: str) -> Answer:
    """An error as a Kubernetes Status."""
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }
    return Answer(code, JSON, msgspec.json.encode(body))


class ApiAnswers:
    """Answers GETs from a recording. Lists are decoded once, when something of them is asked for."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.denied: set[str] = set()
        self._lists: dict[str, tuple[dict[str, Any], Objects]] = {}

    def get(self, target: str) -> Answer:
        """The answer to a GET of a path with its query."""
        url = urlsplit(target)
        path = unquote(url.path).rstrip("/") or "/"
        plural = _collection(path)[1]
        if plural in self.denied:
            return status(403, "Forbidden", f'{plural} is forbidden: User "demo" cannot list resource "{plural}"')
        if path in ("/livez", "/readyz", "/healthz"):
            return Answer(200, "text/plain", b"ok")
        recorded = self.recording.get(f"api GET {path}{f'?{url.query}' if url.query else ''}")
        if recorded is not None and path not in self._lists:
            return recorded
        if path.endswith("/log"):
            return Answer(200, "text/plain", b"")
        return self._derived(path, parse_qs(url.query)) or status(404, "NotFound", f"the recording holds nothing at {path}")

    def review(self, body: bytes) -> Answer:
        """An access review: allowed unless the recording was denied that list."""
        asked = msgspec.json.decode(body)
        resource = asked.get("spec", {}).get("resourceAttributes", {}).get("resource", "")
        refused = {_collection(k.removeprefix("api GET "))[1] for k, a in self.recording.answers.items() if a.status == 403}
        asked["status"] = {"allowed": resource not in refused | self.denied}
        return Answer(201, JSON, msgspec.json.encode(asked))

    def change(self, path: str, event: str, thing: dict[str, Any]) -> None:
        """Add, replace or remove one object of a list."""
        found = self._list(path)
        if found is None:
            found = self._lists[path] = ({"kind": "List", "metadata": {"resourceVersion": "1"}}, [])
        metadata = thing["metadata"]
        key = (metadata.get("namespace", ""), metadata["name"])
        items = [i for i in found[1] if (i["metadata"].get("namespace", ""), i["metadata"]["name"]) != key]
        self._lists[path] = (found[0], items if event == "DELETED" else [*items, thing])

    def _derived(self, path: str, query: dict[str, list[str]]) -> Answer | None:
        """What follows from a recorded list: that list of one namespace, or one object of it."""
        whole, _, namespace, name = _parts(path)
        found = self._list(whole)
        if found is None:
            return None
        head, items = found
        if namespace:
            items = [i for i in items if i["metadata"].get("namespace") == namespace]
        if name:
            one = next((i for i in items if i["metadata"]["name"] == name), None)
            if one is None:
                return status(404, "NotFound", f'{path.rsplit("/", 2)[1]} "{name}" not found')
            kind = str(head.get("kind", "")).removesuffix("List")
            return Answer(200, JSON, msgspec.json.encode({"apiVersion": head.get("apiVersion", ""), "kind": kind} | one))
        chosen = [i for i in items if _selected(i, query)]
        return Answer(200, JSON, msgspec.json.encode(head | {"items": chosen}))

    def _list(self, path: str) -> tuple[dict[str, Any], Objects] | None:
        if path not in self._lists:
            recorded = self.recording.get(f"api GET {path}")
            if recorded is None or recorded.status != 200:
                return None
            whole = msgspec.json.decode(recorded.body)
            items = whole.pop("items", None)
            if not isinstance(items, list):
                return None
            self._lists[path] = (whole, items)
        return self._lists[path]


def _parts(path: str) -> tuple[str, str, str, str]:
    """(path of the list over all namespaces, resource, namespace, name) of a resource path."""
    words = path.strip("/").split("/")
    start = 2 if words[0] == "api" else 3
    root, rest = words[:start], words[start:]
    namespace = ""
    if len(rest) > 2 and rest[0] == "namespaces":
        namespace, rest = rest[1], rest[2:]
    plural = rest[0] if rest else ""
    name = rest[1] if len(rest) > 1 else ""
    return "/" + "/".join([*root, plural]), plural, namespace, name


def _collection(path: str) -> tuple[str, str]:
    whole, plural, _, _ = _parts(path.partition("?")[0])
    return whole, plural


def _selected(thing: dict[str, Any], query: dict[str, list[str]]) -> bool:
    """Equality selectors on labels, and on name and namespace."""
    labels = thing["metadata"].get("labels", {})
    for pair in ",".join(query.get("labelSelector", [])).split(","):
        key, equals, value = pair.partition("=")
        if pair and (labels.get(key) != value.lstrip("=") if equals else key not in labels):
            return False
    for pair in ",".join(query.get("fieldSelector", [])).split(","):
        key, equals, value = pair.partition("=")
        if equals and key.startswith("metadata.") and thing["metadata"].get(key.removeprefix("metadata.")) != value.lstrip("="):
            return False
    return True
