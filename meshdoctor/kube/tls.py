"""The TLS settings of a connection, from credentials."""

from __future__ import annotations

import os
import ssl
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from meshdoctor.kube.credentials import Credentials
from meshdoctor.model.errors import CredentialsError


def ssl_context(credentials: Credentials) -> ssl.SSLContext:
    """The context to connect with. Raises CredentialsError where a certificate or key cannot be used."""
    try:
        cadata = credentials.ca_data.decode("ascii") if credentials.ca_data else None
        context = ssl.create_default_context(cafile=credentials.ca_file, cadata=cadata)
    except (ssl.SSLError, OSError, ValueError) as why:
        raise CredentialsError(f"The certificate authority of cluster {credentials.cluster!r} cannot be used: {why}.") from why
    # Python 3.13 began to refuse authorities without a key identifier, which kubectl takes and old clusters have.
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    context.set_alpn_protocols(["http/1.1"])
    if not credentials.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    load_client_certificate(context, credentials)
    return context


def load_client_certificate(context: ssl.SSLContext, credentials: Credentials) -> None:
    """Show the client certificate on connections made from now on."""
    cert, key = credentials.client_cert_file, credentials.client_key_file
    if not (cert or credentials.client_cert_data):
        return
    with tempfile.TemporaryDirectory(prefix="meshdoctor-") as folder:  # OpenSSL reads keys from files only; mode 700
        cert = cert or _write(folder, "cert", credentials.client_cert_data or b"")
        key = key or _write(folder, "key", credentials.client_key_data or b"")
        try:
            context.load_cert_chain(cert, key, password="")
        except (ssl.SSLError, OSError, ValueError) as why:
            raise CredentialsError(f"The client certificate of user {credentials.user!r} cannot be used: {why}.") from why


def _write(folder: str, name: str, data: bytes) -> str:
    path = os.path.join(folder, name)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
    return path


def certificate_ends(credentials: Credentials) -> datetime | None:
    """When the client certificate ends, in UTC; None without one, or an unreadable one."""
    from cryptography import x509

    try:
        file = credentials.client_cert_file
        pem = credentials.client_cert_data or (Path(file).read_bytes() if file else b"")
        return x509.load_pem_x509_certificate(pem).not_valid_after_utc if pem else None
    except (OSError, ValueError):
        return None


def certificate_expired(credentials: Credentials) -> str:
    """The sentence that says the client certificate has ended; an empty string where it has not."""
    ends = certificate_ends(credentials)
    if ends is None or ends > datetime.now(UTC):
        return ""
    return f"The client certificate of user {credentials.user!r} expired on {ends:%Y-%m-%d %H:%M} UTC."
