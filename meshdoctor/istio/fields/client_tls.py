"""The TLS settings of clients: DestinationRule."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.fields.reading import Field
from meshdoctor.istio.schema.fault import Fault

_CONFIG_MAP = "configmap://"


def bad_client_tls(tls: Field, namespace: str) -> Iterator[Fault]:
    """A client has its certificates from a Secret or from files, and skips checks only where it has nothing to check by."""
    mode = tls["mode"].text or "DISABLE"
    yield from _bad_config_map(tls["credentialName"], namespace)
    if tls["insecureSkipVerify"].on and mode in ("SIMPLE", "MUTUAL"):
        names = ("caCertificates", "subjectAltNames", *(("credentialName",) if mode == "SIMPLE" else ()))
        for name in tls.given(*names):
            yield tls[name].wrong("is set, but insecureSkipVerify has the server not checked")
    if mode in ("SIMPLE", "MUTUAL") and tls["credentialName"].text:
        for name in tls.given("clientCertificate", "privateKey", "caCertificates", "caCrl"):
            yield tls[name].wrong("stands beside credentialName: certificates come from a Secret or from files")
    elif mode == "MUTUAL":
        for name in ("clientCertificate", "privateKey"):
            if not tls[name].text:
                yield (tls[name] if tls[name] else tls).wrong(f"has no {name}: mode MUTUAL needs one, or a credentialName")


def _bad_config_map(name: Field, namespace: str) -> Iterator[Fault]:
    """`configmap://[NAMESPACE/]NAME` names a ConfigMap of the rule's own namespace."""
    if not name.text.startswith(_CONFIG_MAP):
        return
    parts = name.text.removeprefix(_CONFIG_MAP).split("/")
    if len(parts) > 2 or not all(parts):
        yield name.wrong("is not of the form configmap://NAMESPACE/NAME")
    elif len(parts) == 2 and parts[0] != namespace:
        yield name.wrong(f"names a ConfigMap of {parts[0]}, it must be in the rule's own namespace")
