"""One line of Envoy's access log, in either of Istio's default formats."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import msgspec

from meshdoctor.model.envoy import AccessLogEntry

LONGEST_NUMBER = 19  # digits; more is no count of anything

# The default text format of Istio; source: pilot/pkg/model/telemetry_logging.go (EnvoyTextLogFormat).
_TEXT = re.compile(
    r'^\[(?P<start_time>[^\]]*)\] "(?P<method>\S*) (?P<path>.*?) (?P<protocol>\S+)" (?P<response_code>\d+) (?P<response_flags>\S+) '
    r'(?P<response_code_details>\S+) (?P<connection_termination_details>\S+) "(?P<upstream_transport_failure_reason>[^"]*)" '
    r'(?P<bytes_received>\d+) (?P<bytes_sent>\d+) (?P<duration>\d+) \S+ "[^"]*" "[^"]*" "(?P<request_id>[^"]*)" '
    r'"(?P<authority>[^"]*)" "(?P<upstream_host>[^"]*)" (?P<upstream_cluster>\S+) \S+ '
    r"(?P<downstream_local_address>\S+) (?P<downstream_remote_address>\S+) (?P<requested_server_name>\S+) (?P<route_name>\S+)"
)


def moment(text: str) -> datetime | None:
    """An RFC 3339 time, else None."""
    try:
        return msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        return None


def access_entry(text: str, when: datetime | None = None) -> AccessLogEntry | None:
    """One access log line in either default format; None where it is something else."""
    if text.startswith("{"):
        try:
            fields = msgspec.json.decode(text)
        except msgspec.DecodeError:
            return None
        return _entry(fields, when) if isinstance(fields, dict) and "response_flags" in fields else None
    match = _TEXT.match(text)
    return _entry(match.groupdict(), when) if match else None


def _entry(fields: dict[str, Any], when: datetime | None) -> AccessLogEntry:
    def word(name: str) -> str:
        value = fields.get(name)
        return "" if value in (None, "-", "") else str(value)

    def number(name: str) -> int | None:
        said = word(name)
        return int(said) if said.isdecimal() and len(said) < LONGEST_NUMBER else None

    code = word("response_code")
    return AccessLogEntry(
        time=moment(word("start_time")) or when,
        code=int(code) if code.isdigit() else 0,
        flags=word("response_flags"),
        details=word("response_code_details"),
        connection_details=word("connection_termination_details"),
        transport_failure=word("upstream_transport_failure_reason"),
        method=word("method"),
        path=word("path").partition("?")[0],  # a query may hold a secret
        authority=word("authority"),
        upstream_cluster=word("upstream_cluster"),
        upstream_host=word("upstream_host"),
        downstream_remote=word("downstream_remote_address"),
        downstream_local=word("downstream_local_address"),
        sni=word("requested_server_name"),
        tells_sni="requested_server_name" in fields,
        route=word("route_name"),
        protocol=word("protocol"),
        request_id=word("request_id"),
        duration_ms=number("duration"),
        bytes_received=number("bytes_received"),
        bytes_sent=number("bytes_sent"),
    )
