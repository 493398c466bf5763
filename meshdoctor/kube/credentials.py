"""Who we are to which API server: whatever kubectl accepts."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import os
from datetime import datetime
from pathlib import Path

import msgspec

from meshdoctor.kube.kubeconfig import Chosen, ContextInfo, Contexts, Entry, Node, choose, contexts, read, text
from meshdoctor.kube.plugin import PLUGIN_SECONDS, run_plugin
from meshdoctor.model.errors import CredentialsError, UsageError

__all__ = ["ContextInfo", "Contexts", "Credentials", "contexts", "load"]

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """The address of an API server, how to trust it, and what to show it. `renew` makes them anew when they end."""

    context: str = ""
    cluster: str = ""
    server: str
    user: str = ""
    namespace: str = "default"
    ca_data: bytes | None = None
    ca_file: str | None = None
    client_cert_data: bytes | None = None
    client_key_data: bytes | None = None
    client_cert_file: str | None = None
    client_key_file: str | None = None
    headers: dict[str, str] = {}
    impersonate: tuple[tuple[str, str], ...] = ()  # headers that may repeat
    verify: bool = True
    tls_server_name: str | None = None
    proxy_url: str | None = None
    expires: datetime | None = None
    renewable: bool = False  # a plugin or a token file: loading again gives fresh ones
    kubeconfig: str | None = None

    @property
    def loopback(self) -> bool:
        """Whether the API server runs on this machine."""
        host = self.server.partition("://")[2].partition("/")[0]
        host = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"


async def load(kubeconfig: str | None = None, context: str | None = None, *, limit_s: float = PLUGIN_SECONDS) -> Credentials:
    """The credentials of a context. Raises UsageError for the kubeconfig, CredentialsError for a plugin (also after `limit_s`)."""
    merged = read(kubeconfig)
    if merged is None:
        if os.environ.get("KUBERNETES_SERVICE_HOST") and not context:
            return _in_cluster()
        looked = os.environ.get("KUBECONFIG") or "~/.kube/config"
        raise UsageError(
            f"There is no kubeconfig at {looked}.", do="Name one with --kubeconfig or KUBECONFIG. `meshdoctor demo` needs none."
        )
    chosen = choose(merged, context)
    found = _static(chosen)
    user = chosen.user.value if chosen.user else {}
    token = _token(chosen.user) if chosen.user else ""
    fields: dict[str, object] = {"kubeconfig": kubeconfig, "renewable": bool(text(user, "tokenFile"))}
    if "auth-provider" in user or ("exec" in user and not token):
        plugin = await run_plugin(merged.paths, chosen, limit_s)
        token = plugin.token
        fields |= {"expires": plugin.expires, "renewable": True}
        if plugin.cert:
            fields |= {"client_cert_data": plugin.cert.encode(), "client_key_data": plugin.key.encode()}
    headers = _authorization(token, user)
    return msgspec.structs.replace(found, headers=headers, **fields)


def _authorization(token: str, user: Node) -> dict[str, str]:
    if token:
        # h11 quotes a header that it refuses: such a token would end up in an error message.
        if not (token.isascii() and token.isprintable()):
            raise CredentialsError("The token of the kubeconfig's user has characters that no token has.", do="Log in again.")
        return {"Authorization": token if token.startswith(("Bearer ", "Basic ")) else f"Bearer {token}"}
    if text(user, "username") and text(user, "password"):
        pair = f"{text(user, 'username')}:{text(user, 'password')}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
    return {}


def _static(chosen: Chosen) -> Credentials:
    cluster, user = chosen.cluster, chosen.user or Entry({}, Path())
    ca_data, ca_file = _data_or_file(cluster, "certificate-authority")
    cert_data, cert_file = _data_or_file(user, "client-certificate")
    key_data, key_file = _data_or_file(user, "client-key")
    if bool(cert_data or cert_file) != bool(key_data or key_file):
        raise UsageError(f"The user {chosen.user_name!r} has a client certificate without its key, or a key alone.")
    insecure = bool(cluster.value.get("insecure-skip-tls-verify"))
    return Credentials(
        context=chosen.name,
        cluster=chosen.cluster_name,
        server=_server(chosen, tls=bool(ca_data or ca_file or cert_data or cert_file or insecure)),
        user=chosen.user_name,
        namespace=chosen.namespace,
        ca_data=ca_data,
        ca_file=ca_file,
        client_cert_data=cert_data,
        client_cert_file=cert_file,
        client_key_data=key_data,
        client_key_file=key_file,
        impersonate=_impersonation(user.value),
        verify=not insecure,
        tls_server_name=text(cluster.value, "tls-server-name") or None,
        proxy_url=text(cluster.value, "proxy-url") or None,
    )


def _server(chosen: Chosen, *, tls: bool) -> str:
    server = text(chosen.cluster.value, "server").strip().rstrip("/")
    if not server:
        raise UsageError(f"The cluster {chosen.cluster_name!r} of the kubeconfig has no server.")
    if "://" not in server:  # as kubectl: TLS where anything of the entry speaks of TLS
        server = f"{'https' if tls else 'http'}://{server}"
    if not server.startswith(("https://", "http://")):
        raise UsageError(f"The server {server!r} of cluster {chosen.cluster_name!r} is no http(s) address.")
    return server


def _data_or_file(entry: Entry, key: str) -> tuple[bytes | None, str | None]:
    """A field's `-data` decoded, else the path of its file; the data wins, as in kubectl."""
    if data := text(entry.value, f"{key}-data"):
        try:
            return base64.b64decode(data), None
        except (binascii.Error, ValueError) as why:
            raise UsageError(f"The kubeconfig's {key}-data is not base64.") from why
    if name := text(entry.value, key):
        path = entry.base / name
        if not path.is_file():
            raise UsageError(f"The kubeconfig names the {key} {path}, which is not there.")
        return None, str(path)
    return None, None


def _token(user: Entry) -> str:
    """The user's static token: the file's where it can be read, as kubectl does, else the field's."""
    name, token = text(user.value, "tokenFile"), text(user.value, "token")
    if not name:
        return token
    try:
        return (user.base / name).read_text().strip()
    except (OSError, ValueError) as why:
        if token:
            return token
        raise CredentialsError(f"The token file {user.base / name} cannot be read: {why}.") from why


def _impersonation(user: Node) -> tuple[tuple[str, str], ...]:
    """`as`, `as-uid`, `as-groups`, `as-user-extra` as the headers that carry them; `kubernetes.config` leaves them out."""
    pairs = [
        (header, text(user, key)) for key, header in (("as", "Impersonate-User"), ("as-uid", "Impersonate-Uid")) if text(user, key)
    ]
    groups, extra = user.get("as-groups"), user.get("as-user-extra")
    pairs += [("Impersonate-Group", str(g)) for g in groups] if isinstance(groups, list) else []
    for key, values in extra.items() if isinstance(extra, dict) else ():
        pairs += [(f"Impersonate-Extra-{key}", str(v)) for v in values]
    if not all(value.isprintable() for pair in pairs for value in pair):
        raise UsageError("The kubeconfig's `as` fields have control characters.")
    return tuple(pairs)


def _in_cluster() -> Credentials:
    """The service account's credentials of the pod that we run in."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    host = f"[{host}]" if ":" in host else host
    try:
        token = (SERVICE_ACCOUNT / "token").read_text().strip()
        namespace = (SERVICE_ACCOUNT / "namespace").read_text().strip() if (SERVICE_ACCOUNT / "namespace").exists() else "default"
    except OSError as why:
        raise CredentialsError(f"There is no kubeconfig, and the service account's token cannot be read: {why}.") from why
    return Credentials(
        context="in-cluster",
        cluster="in-cluster",
        server=f"https://{host}:{port}",
        user=f"system:serviceaccount of {namespace}",
        namespace=namespace or "default",
        ca_file=str(SERVICE_ACCOUNT / "ca.crt"),
        headers={"Authorization": f"Bearer {token}"},
        renewable=True,
    )
