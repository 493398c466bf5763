"""The forms of names: DNS labels, domains, addresses, labels, protocols. `not_...` gives the reason, empty where all is well."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from meshdoctor.istio.fields.reading import Field
from meshdoctor.istio.schema.fault import Fault

_LABEL = "[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?"
_DNS_LABEL = re.compile(_LABEL, re.ASCII)
_WILDCARD_LABEL = re.compile(rf"\*|(?:\*|\*-)?{_LABEL}", re.ASCII)
_KEY = re.compile(rf"(?:({_LABEL}(?:\.{_LABEL})*)/)?((?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])", re.ASCII)
_VALUE = re.compile(r"(?:(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?", re.ASCII)
HTTP = {"http", "http2", "http_proxy", "grpc", "grpc-web"}
TLS = {"https", "tls"}
PROTOCOLS = {*HTTP, *TLS, "tcp", "udp", "mongo", "redis", "mysql"}
UNIX = "unix://"


def is_label(text: str) -> bool:
    """Whether it is a DNS label, as a namespace or a subset is named."""
    return len(text) <= 63 and bool(_DNS_LABEL.fullmatch(text))


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_subnet(text: str) -> bool:
    """An address or a CIDR block."""
    if text.count("/") != 1:
        return is_address(text)
    try:
        ipaddress.ip_interface(text)
    except ValueError:
        return False
    return text.rpartition("/")[2].isdigit()


def not_fqdn(text: str) -> str:
    """Why it is no fully qualified domain name."""
    return _size(text) or _labels(text, text)


def not_domain(text: str) -> str:
    """Why it is no domain name; its first label may be or begin with a wildcard."""
    first, dot, rest = text.partition(".")
    if reason := _size(text):
        return reason
    if len(first) > 63 or not _WILDCARD_LABEL.fullmatch(first):
        return f"is no domain name: {first!r} is no label"
    return _labels(rest, text) if dot else ""


def _size(text: str) -> str:
    return "is empty" if not text else "is longer than 255 characters" if len(text) > 255 else ""


def _labels(text: str, whole: str) -> str:
    parts = text.split(".")
    if re.fullmatch(r"[-+]?\d+", parts[-1], re.ASCII):
        return f"is no domain name: its last label {parts[-1]!r} is a number"
    bad = next((p for i, p in enumerate(parts) if not is_label(p) and not (p == "" and i == len(parts) - 1)), None)
    return f"is no domain name: {bad!r} is no label" if bad is not None and whole else ""


def not_unix(text: str) -> str:
    """Why what follows `unix://` is no socket."""
    if text.startswith("@"):
        return ""
    return "" if text.startswith("/") and not text.endswith("/") else "is no absolute path of a socket"


def covers(wide: str, narrow: str) -> bool:
    """Whether all names that a host stands for belong to another one, which may be a wildcard."""
    if narrow.startswith("*"):
        return wide.startswith("*") and len(narrow) >= len(wide) and narrow[1:].endswith(wide[1:])
    return narrow.endswith(wide[1:]) if wide.startswith("*") else wide == narrow


def overlap(one: str, other: str) -> bool:
    """Whether two hosts have a name in common."""
    return covers(one, other) or covers(other, one)


def bad_labels(field: Field) -> Iterator[Fault]:
    """Keys and values that no label of Kubernetes can have."""
    for key, value in field.entries:
        match = _KEY.fullmatch(key)
        if not match or len(match.group(1) or "") > 253 or len(match.group(2)) > 63:
            yield value.wrong(f"is no key that a label can have: {key!r}")
        if not _VALUE.fullmatch(value.text):
            yield value.wrong(f"is {value.text!r}, which no label can have as its value")


def protocol_of(port: Field) -> str:
    return port["protocol"].text.lower()
