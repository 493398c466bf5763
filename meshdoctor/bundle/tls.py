"""TLS inside a forwarded port, with a certificate of this process alone: istioctl asks for encryption, and verifies nothing."""

from __future__ import annotations

import functools
import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from meshdoctor.bundle.http import Wire

NAME = "recorded-istiod"


class TlsWire:
    """A wire whose other side speaks TLS; reading gives nothing at its end."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = _context().wrap_bio(self._incoming, self._outgoing, server_side=True)

    async def open(self) -> bool:
        """Shake hands; False where the other side does not."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                if not await self._more():
                    return False
            except ssl.SSLError:
                return False
            else:
                await self._flush()
                return True

    async def read(self) -> bytes:
        """The next bytes, decrypted."""
        while True:
            try:
                return self._tls.read(65_536)
            except ssl.SSLWantReadError:
                await self._flush()
                if not await self._more():
                    return b""
            except ssl.SSLError:
                return b""

    async def write(self, data: bytes) -> None:
        """Send bytes, encrypted."""
        self._tls.write(data)
        await self._flush()

    async def _more(self) -> bool:
        data = await self._wire.read()
        if data:
            self._incoming.write(data)
        return bool(data)

    async def _flush(self) -> None:
        if self._outgoing.pending:
            await self._wire.write(self._outgoing.read())


@functools.cache
def _context() -> ssl.SSLContext:
    """A server's context with a key that exists in this process only; its file lives for as long as it is read."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(hours=1))
    certificate = made.not_valid_after(now + timedelta(days=30)).sign(key, hashes.SHA256())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["h2"])
    with tempfile.TemporaryDirectory(prefix="meshdoctor-") as folder:
        path = Path(folder) / "pair.pem"
        kept = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        path.touch(0o600)
        path.write_bytes(kept + certificate.public_bytes(serialization.Encoding.PEM))
        context.load_cert_chain(path)
    return context
