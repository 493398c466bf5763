"""Reads what lists leave out of the definitions of Istio's and the Gateway API's kinds: their versions, without the schemas."""

from __future__ import annotations

from typing import Any

import msgspec

from meshdoctor.kube.session import Session
from meshdoctor.model.errors import ClusterError

ROOT = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


class Version(msgspec.Struct, frozen=True, omit_defaults=True):
    """One version of a kind; what its fields may be is left out."""

    name: str = ""
    served: bool = False
    storage: bool = False


class Spec(msgspec.Struct, frozen=True):
    """Which kind it defines, and what versions there are."""

    group: str = ""
    scope: str = ""
    names: dict[str, Any] = {}
    versions: tuple[Version, ...] = ()


class Metadata(msgspec.Struct, frozen=True, rename="camel"):
    """Which definition it is, and since when."""

    name: str = ""
    uid: str = ""
    resource_version: str = ""
    creation_timestamp: str | None = None


class Versions(msgspec.Struct, frozen=True, rename="camel"):
    """A definition, as far as its versions go: an object still, which kubectl can be given from a bundle."""

    api_version: str = "apiextensions.k8s.io/v1"
    kind: str = "CustomResourceDefinition"
    metadata: Metadata = Metadata()
    spec: Spec = Spec()
    status: dict[str, Any] = {}


async def versions_of(session: Session, name: str, resource_version: str = "") -> Versions:
    """The versions of a definition, at least as new as `resource_version`: that one the API server has at hand.

    Its schema, most of the answer, is neither decoded nor recorded.
    """
    since = {"resourceVersion": resource_version} if resource_version else None
    async with session.gate, session.open(f"{ROOT}/{name}", since, long=True) as response:
        body = await response.aread()
        response.extensions["size"][0] = len(body)
        try:
            found = msgspec.json.decode(body, type=Versions)
        except msgspec.MsgspecError as why:
            raise ClusterError(f"GET {ROOT}/{name} answered what cannot be decoded: {why}.") from why
        session.record(f"{ROOT}/{name}", response.status_code, "application/json", msgspec.json.encode(found))
        return found
