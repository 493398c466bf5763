"""The formats of text that the API server checks."""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from meshdoctor.istio.schema.cel_functions import CelFault, duration

_UUID = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}", re.ASCII)


def _parses(parse: Callable[[str], Any], refusal: type[Exception] = ValueError) -> Callable[[str], bool]:
    def run(text: str) -> bool:
        try:
            parse(text)
        except refusal:
            return False
        return True

    return run


FORMATS: dict[str, Callable[[str], bool]] = {
    "date-time": _parses(lambda t: datetime.fromisoformat(t.replace("Z", "+00:00"))),
    "date": _parses(date.fromisoformat),
    "byte": _parses(lambda t: base64.b64decode(t, validate=True)),
    "ipv4": _parses(ipaddress.IPv4Address),
    "ipv6": _parses(ipaddress.IPv6Address),
    "cidr": _parses(lambda t: ipaddress.ip_network(t, strict=False)),
    "duration": _parses(duration, CelFault),
    "uuid": lambda t: bool(_UUID.fullmatch(t)),
}
