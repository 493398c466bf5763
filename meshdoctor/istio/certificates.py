"""Public certificates: what PEM text holds, by fingerprint, names and dates."""

from __future__ import annotations

import base64
import binascii
import re
import warnings
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.utils import CryptographyDeprecationWarning

from meshdoctor.model.cluster import TLS_PAIRS, Secret
from meshdoctor.model.envoy import LoadedCertificate

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def pem_certificates(pem: bytes, name: str = "", role: str = "ca") -> list[LoadedCertificate]:
    """The certificates in PEM text, in its order; what does not parse is passed over."""
    made = []
    with warnings.catch_warnings():  # a serial number of zero is odd, and Envoy takes it
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        for block in _PEM.findall(pem):
            try:
                made.append(_of_x509(name, role, x509.load_pem_x509_certificate(block)))
            except ValueError:
                continue
    return made


def ca_bundle(text: str) -> list[LoadedCertificate]:
    """The certificates of a webhook's caBundle (base64 of PEM); none where it is empty or broken."""
    try:
        return pem_certificates(base64.b64decode(text), "caBundle")
    except (binascii.Error, ValueError):
        return []


def _of_x509(name: str, role: str, certificate: x509.Certificate) -> LoadedCertificate:
    return LoadedCertificate(
        name=name,
        role=role,
        subject=certificate.subject.rfc4514_string(),
        sans=_alternative_names(certificate),
        serial=f"{certificate.serial_number:x}",
        sha256=certificate.fingerprint(hashes.SHA256()).hex(),
        valid_from=certificate.not_valid_before_utc,
        expires=certificate.not_valid_after_utc,
    )


def _alternative_names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return tuple(str(n.value) for n in names)


def seconds_left(certificate: LoadedCertificate, now: datetime) -> float | None:
    """Seconds until it ends (negative after that); None where its end is not known."""
    return (certificate.expires - now).total_seconds() if certificate.expires else None


def lifetime(certificate: LoadedCertificate) -> float | None:
    """Its whole life in seconds; None where a date is not known."""
    if certificate.expires is None or certificate.valid_from is None:
        return None
    return (certificate.expires - certificate.valid_from).total_seconds()


def of_secret(secret: Secret) -> tuple[str, LoadedCertificate | None]:
    """What is wrong with the certificate of a Secret that a manifest writes out, and the certificate where it can be read.

    As istiod, the first pair that is whole counts. The private key is not looked at, only whether there is an entry for it.
    """
    entries = set(secret.entries or ())
    pair = next((p for p in TLS_PAIRS if entries.issuperset(p)), None)
    if pair is None:
        begun = next((p for p in TLS_PAIRS if entries.intersection(p)), TLS_PAIRS[-1])
        return f"has no entry {' and no entry '.join(name for name in begun if name not in entries)}", None
    name = f"{secret.namespace}/{secret.name}"
    found = pem_certificates(secret.certificates.get(pair[0], "").encode(), name, "leaf")
    return ("", found[0]) if found else (f"holds no certificate that can be read in {pair[0]}", None)
