"""External authorizers of CUSTOM policies: which providers the mesh has, and what is wrong with one.

Source: istio, pilot/pkg/security/authz/builder/extauthz.go: a provider that is unknown or broken makes its CUSTOM rules deny.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from meshdoctor.istio.hosts import Registered, registered, resolve
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.security import AuthorizationPolicy

KINDS = {"envoyExtAuthzHttp": True, "envoyExtAuthzGrpc": False}  # whether it can be asked about HTTP only
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


class Provider(msgspec.Struct, frozen=True):
    """An extension provider that authorizes: its Service as it is written there, and what was found of it."""

    name: str
    is_http_only: bool
    service: str
    port: int
    found: tuple[Registered, ...]
    fails_open: bool = False


def name_of(policy: AuthorizationPolicy) -> str:
    """The provider that a CUSTOM policy names."""
    return str((policy.spec.provider or {}).get("name") or "")


def provider_of(mesh: Mesh, name: str) -> Provider | None:
    """The authorizer of that name in the mesh config; None where there is none."""
    for each in mesh.mesh_config.extension_providers:
        if each.get("name") != name:
            continue
        for kind, is_http_only in KINDS.items():
            said: dict[str, Any] | None = each.get(kind)
            if said is not None:
                service, port = str(said.get("service") or ""), said.get("port")
                number = int(port) if isinstance(port, (int, str)) and str(port).isdecimal() else 0
                return Provider(name, is_http_only, service, number, _found(mesh, service), bool(said.get("failOpen")))
    return None


def _found(mesh: Mesh, service: str) -> tuple[Registered, ...]:
    """What `HOST` or `NAMESPACE/HOST` stands for."""
    namespace, slash, host = service.rpartition("/")
    if slash:
        return resolve(mesh, host, namespace)
    return registered(mesh, host)


def trouble(mesh: Mesh, name: str) -> str:
    """Why istiod cannot use a provider, so that it denies instead; empty where it can."""
    provider = provider_of(mesh, name)
    if provider is None:
        names = [str(p.get("name")) for p in mesh.mesh_config.extension_providers if KINDS.keys() & p.keys()]
        return f"the mesh config has no extension provider {name!r} that authorizes (it has {', '.join(sorted(names)) or 'none'})"
    if not _NAME.fullmatch(name):
        return f"istiod takes no extension provider of the name {name!r}"
    if not provider.found:
        return f"extension provider {name} names {provider.service}, which is no host of the mesh"
    ports = {p for r in provider.found for p in r.ports}
    if ports and provider.port not in ports:
        return f"extension provider {name} names port {provider.port} of {provider.service}, which has no such port"
    return ""
