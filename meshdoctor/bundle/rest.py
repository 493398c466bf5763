"""What a diagnosis does not read: all other kinds, and the schemas that `kubectl explain` shows."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from meshdoctor.kube.client import ApiClient
from meshdoctor.kube.discovery import AGGREGATED

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
OPENAPI = "/openapi/v3"
MOST = 2000  # objects of a kind that are read beyond a diagnosis
# Secrets are read by their metadata alone; the names of tokens are tokens.
_NEVER = frozenset({"secrets", "oauthaccesstokens", "oauthauthorizetokens", "useroauthaccesstokens"})
_METADATA = frozenset({"customresourcedefinitions"})  # a diagnosis reads their metadata: here they are read whole


class _Resource(msgspec.Struct, frozen=True):
    resource: str = ""
    verbs: tuple[str, ...] = ()


class _Version(msgspec.Struct, frozen=True):
    version: str = ""
    resources: tuple[_Resource, ...] = ()


class _Group(msgspec.Struct, frozen=True):
    metadata: dict[str, Any] = {}
    versions: tuple[_Version, ...] = ()


class _Groups(msgspec.Struct, frozen=True):
    items: tuple[_Group, ...] = ()


class _Document(msgspec.Struct, frozen=True, rename="camel"):
    server_relative_url: str = msgspec.field(default="", name="serverRelativeURL")


class _Index(msgspec.Struct, frozen=True):
    paths: dict[str, _Document] = {}


class _Meta(msgspec.Struct, frozen=True, rename="camel"):
    continue_: str = msgspec.field(default="", name="continue")
    remaining_item_count: int = 0


class _Page(msgspec.Struct, frozen=True):
    metadata: _Meta = _Meta()


async def listable(api: ApiClient) -> list[str]:
    """The paths of all kinds that can be listed (`/apis/apps/v1/deployments`), each in the version that kubectl asks for.

    None of them where the API server is too old to say it in two answers.
    """
    found: dict[tuple[str, str], str] = {}
    for root in ("/api", "/apis"):
        body = await api.get_bytes(root, headers={"Accept": AGGREGATED})
        for group in msgspec.json.decode(body, type=_Groups).items:
            name = str(group.metadata.get("name", ""))
            for version in group.versions:
                for each in version.resources:
                    if "list" in each.verbs and each.resource not in _NEVER:
                        path = f"/apis/{name}/{version.version}" if name else f"/api/{version.version}"
                        found.setdefault((name, each.resource), f"{path}/{each.resource}")
    return list(found.values())


async def read_kind(api: ApiClient, path: str, recorded: Container[str]) -> None:
    """Read a kind's objects, where they were not read and are not too many, and its table."""
    if path.rpartition("/")[2] in _METADATA:
        await api.get_bytes(path, {"resourceVersion": "0"})  # in the place of the list without specs
    elif path not in recorded:
        meta = msgspec.json.decode(await api.get_bytes(path, {"limit": "1"}), type=_Page).metadata
        if meta.remaining_item_count > MOST:
            return  # the page that was read says that there are more: the list is not in the bundle
        if meta.continue_:
            await api.get_bytes(path, {"resourceVersion": "0"})
    await api.get_bytes(path, {"includeObject": "Metadata"}, {"Accept": TABLE})


async def schemas(api: ApiClient) -> list[tuple[str, dict[str, str]]]:
    """The OpenAPI documents of the kinds that are served, each a path with its parameters."""
    index = msgspec.json.decode(await api.get_bytes(OPENAPI), type=_Index)
    found = []
    for name, document in index.paths.items():
        path, _, query = document.server_relative_url.partition("?")
        if name.startswith(("api/", "apis/")) and path == f"{OPENAPI}/{name}":
            found.append((path, dict(parse_qsl(query))))
    return found


def lists_of(answers: Mapping[str, Any]) -> set[str]:
    """The paths over all namespaces that were asked for, whatever the answer was."""
    return {key.removeprefix("api GET ").partition("?")[0] for key in answers if key.startswith("api GET ")}
