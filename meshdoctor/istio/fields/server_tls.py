"""The TLS settings of servers: Gateway and the ingress of Sidecar."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.fields.reading import Field
from meshdoctor.istio.schema.fault import Fault

_CIPHERS = {
    *("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"),
    *("ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305"),
    *("ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA", "ECDHE-RSA-AES256-SHA"),
    *("AES128-GCM-SHA256", "AES256-GCM-SHA384", "AES128-SHA", "AES256-SHA", "DES-CBC3-SHA"),
}
PASSING = ("PASSTHROUGH", "AUTO_PASSTHROUGH")
_TERMINATING = ("SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL")
_FILES = ("serverCertificate", "privateKey", "caCertificates")
_SECRETS = ("tlsCertificates", "credentialName", "credentialNames")
_MAX_CERTIFICATES = 2


def mode_of(tls: Field) -> str:
    return tls["mode"].text or "PASSTHROUGH"


def bad_server_tls(tls: Field) -> Iterator[Fault]:
    if not tls:
        return
    yield from _bad_ciphers(tls)
    mode = mode_of(tls)
    if mode == "ISTIO_MUTUAL":
        for name in tls.given(*_FILES, *_SECRETS):
            yield tls[name].wrong("is set, but mode ISTIO_MUTUAL uses the certificates of the mesh")
        return
    if mode in PASSING:
        for name in tls.given("caCrl", *_FILES, *_SECRETS)[:1]:
            yield tls[name].doubtful(f"is ignored: mode {mode} does not look into TLS")
    yield from _bad_sources(tls)
    if mode in _TERMINATING and not tls.given("credentialName", "credentialNames"):
        yield from _bad_files(tls, mode)
        yield from _bad_revocation(tls, mode)
    elif mode not in _TERMINATING:
        yield from _bad_revocation(tls, mode)


def _bad_ciphers(tls: Field) -> Iterator[Fault]:
    suites = tls["cipherSuites"]
    if tls["minProtocolVersion"].text in ("TLSV1_0", "TLSV1_1") and not suites.size:
        yield tls["minProtocolVersion"].doubtful("needs cipherSuites too: those of default are for TLS 1.2 and later")
    names = suites.texts
    unknown = sorted({n for n in names if n not in ("", "ALL", *_CIPHERS) and n[0].isalnum()})
    repeated = sorted({n for n in names if names.count(n) > 1 and n not in unknown})
    if unknown:
        yield suites.doubtful(f"names {', '.join(unknown)}, which Envoy does not know: ignored")
    if repeated:
        yield suites.doubtful(f"names {', '.join(repeated)} more than once")


def _bad_sources(tls: Field) -> Iterator[Fault]:
    sources = tls.given("credentialName", "credentialNames", "tlsCertificates")
    if len(tls.given("serverCertificate", "privateKey")) == 2:
        sources.insert(0, "serverCertificate")
    if len(sources) > 1:
        yield tls[sources[-1]].wrong(f"stands beside {' and '.join(sources[:-1])}: certificates come from one place")


def _bad_files(tls: Field, mode: str) -> Iterator[Fault]:
    """Without a Secret, a server that terminates TLS needs the files of its certificate, and of its clients' authority."""
    pairs = tls["tlsCertificates"].items
    if mode != "SIMPLE" and not tls["caCertificates"].text:
        yield tls.wrong(f"has no caCertificates: mode {mode} checks clients by them")
    if len(pairs) > _MAX_CERTIFICATES:
        yield tls["tlsCertificates"].doubtful(f"has {len(pairs)} certificates, Istio takes {_MAX_CERTIFICATES}")
    for pair in pairs or [tls]:
        for name in ("serverCertificate", "privateKey"):
            if not pair[name].text:
                yield pair.wrong(f"has no {name}: mode {mode} needs one, or a credentialName")


def _bad_revocation(tls: Field, mode: str) -> Iterator[Fault]:
    revoked = tls["caCrl"]
    if revoked.text and tls["credentialName"].text:
        yield revoked.wrong("stands beside credentialName: the list of revoked certificates belongs into that Secret")
    if revoked.text and mode == "SIMPLE":
        yield revoked.wrong("is set, but mode SIMPLE asks clients for no certificate")
