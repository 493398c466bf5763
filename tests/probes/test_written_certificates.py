"""CRT-006 of Secrets that manifests write out: the public part is judged, the rest is never kept."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from meshdoctor.model.cluster import Secret
from tests.conftest import NOW, build, judge
from tests.probes.things import all_of, gateway, pod, server, thing

GATEWAY = gateway("shop/gw", server(443, "HTTPS", "a.example.com", mode="SIMPLE", credentialName="web-tls"))
EDGE = all_of(GATEWAY, pod("edge/ingress-1", {"istio": "ingress"}, gateway=True))
KEY = ec.generate_private_key(ec.SECP256R1())
PRIVATE = KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


def pem(begin: datetime, end: datetime) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a.example.com")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(KEY.public_key()).serial_number(7)
    made = made.not_valid_before(begin).not_valid_after(end)
    return made.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


GOOD = pem(NOW - timedelta(days=1), NOW + timedelta(days=300))
OVER = pem(NOW - timedelta(days=9), NOW - timedelta(days=1))
EARLY = pem(NOW + timedelta(days=1), NOW + timedelta(days=300))
SOON = pem(NOW - timedelta(days=9), NOW + timedelta(days=3))


def encoded(**entries: str) -> dict[str, str]:
    return {name.replace("_", "."): base64.b64encode(text.encode()).decode() for name, text in entries.items()}


def secret(data: dict[str, str], field: str = "data") -> str:
    return thing("v1", "Secret", "edge/web-tls", None, **{field: data})


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        (encoded(tls_crt=GOOD, tls_key=PRIVATE), ""),
        (encoded(cert=GOOD, key=PRIVATE), ""),
        (encoded(tls_crt=OVER, tls_key=PRIVATE), "expired on"),
        (encoded(tls_crt=EARLY, tls_key=PRIVATE), "is valid only from"),
        (encoded(tls_crt="no certificate", tls_key=PRIVATE), "holds no certificate that can be read in tls.crt"),
        (encoded(tls_crt=GOOD), "has no entry tls.key"),
        (encoded(other=GOOD), "has no entry tls.crt and no entry tls.key"),
        (encoded(tls_crt="", tls_key=PRIVATE), "has no entry tls.crt"),
        (encoded(tls_crt=PRIVATE + GOOD, tls_key=PRIVATE), ""),  # a key beside it does no harm
        (encoded(tls_crt=OVER + GOOD, tls_key=PRIVATE), "expired on"),  # the first is the server's own
        (encoded(tls_crt=OVER, cert=GOOD, key=PRIVATE), ""),  # the pair that is whole
        (encoded(tls_crt=OVER, tls_key=PRIVATE, cert=GOOD, key=PRIVATE), ""),  # of two the first that istiod asks for
        ({"tls.crt": "ENC[AES256_GCM,data:x]", "tls.key": "ENC[AES256_GCM,data:y]"}, ""),  # another tool fills it in
    ],
)
def test_certificates_that_manifests_have(entries: dict[str, str], words: str) -> None:
    found = judge(build(all_of(EDGE, secret(entries))), "CRT-006")
    assert [f.codes for f in found] == ([("IST0161",)] if words else [])
    assert all(words in f.summary for f in found)


def test_plain_text_counts_as_well() -> None:
    plain = secret({"tls.crt": OVER, "tls.key": PRIVATE}, "stringData")
    assert len(judge(build(all_of(EDGE, plain)), "CRT-006")) == 1


def test_an_end_that_is_near_is_said_by_nobody_else() -> None:
    (found,) = judge(build(all_of(EDGE, secret(encoded(tls_crt=SOON, tls_key=PRIVATE)))), "CRT-006")
    assert (found.severity, found.codes) == ("high", ())


def test_an_unseen_certificate_hides_no_other() -> None:
    servers = [server(443 + n, "HTTPS", "a", mode="SIMPLE", credentialName=name) for n, name in enumerate(("unseen", "web-tls"))]
    text = all_of(gateway("shop/gw", *servers), pod("edge/ingress-1", {"istio": "ingress"}, gateway=True))
    text = all_of(text, thing("v1", "Secret", "edge/unseen"), secret(encoded(tls_crt=OVER, tls_key=PRIVATE)))
    assert ("FAIL", "spec.servers[1].tls.credentialName") in [(f.status, f.path) for f in judge(build(text), "CRT-006")]


def test_private_keys_are_not_kept() -> None:
    cut = GOOD.partition("-----END")[0] + PRIVATE + GOOD  # a certificate without an end does not take the key with it
    copied = {"kubectl.kubernetes.io/last-applied-configuration": PRIVATE, "team": "edge"}
    entries = encoded(tls_crt=cut, tls_key=PRIVATE, password="hush")
    kept = build(thing("v1", "Secret", "edge/web-tls", None, data=entries, annotations=copied))[Secret].get("edge", "web-tls")
    assert kept is not None
    assert kept.entries == ("tls.crt", "tls.key")
    assert list(kept.certificates) == ["tls.crt"]
    assert kept.annotations == {"team": "edge"}
    assert "PRIVATE" not in repr(kept)
    assert "hush" not in repr(kept)


def test_of_a_live_secret_nothing_is_known() -> None:
    live = build(thing("v1", "Secret", "edge/live"))[Secret].get("edge", "live")
    assert live is not None
    assert live.entries is None
