"""Takes out of a recording what must never leave the cluster."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

import msgspec

from meshdoctor.bundle.archive import Answer
from meshdoctor.bundle.paths import place_of, split
from meshdoctor.model.errors import UsageError
from meshdoctor.model.redact import MASK

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
METADATA_KINDS = ("PartialObjectMetadata", "PartialObjectMetadataList")

# Narrower than model.redact, which also masks values by the name of their key: that would cost fields that rules read.
_PATTERNS = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), MASK),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"), MASK),
    # A token has a digit or is long; "Bearer authentication failed" is prose.
    (re.compile(r"(?i)\b(bearer)\s+(?=\S*\d|\S{24})[A-Za-z0-9+/=._~-]{8,}"), rf"\1 {MASK}"),
)
_ENCODED_PEM = re.compile(r"LS0tLS1CRUdJTi[A-Za-z0-9+/\s]{40,}={0,2}")  # base64 of "-----BEGIN"


def scrubbed(key: str, answer: Answer) -> Answer:
    """The answer without secrets. Raises UsageError where it is the body of a Secret."""
    refuse_secret_bodies(key, answer)
    try:
        told = msgspec.json.decode(answer.body)
    except msgspec.DecodeError:
        body = text(answer.body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        return msgspec.structs.replace(answer, body=body)
    return msgspec.structs.replace(answer, body=msgspec.json.encode(_clean(told)))


def text(said: str) -> str:
    """Text without private keys, JSON web tokens and bearer tokens."""
    for pattern, replacement in _PATTERNS:
        said = pattern.sub(replacement, said)
    return _ENCODED_PEM.sub(_masked_key, said)


def _masked_key(match: re.Match[str]) -> str:
    try:
        decoded = base64.b64decode("".join(match[0].split()) + "==")
    except (binascii.Error, ValueError):
        return MASK  # it began as PEM: what cannot be read is not kept
    return MASK if b"PRIVATE KEY" in decoded else match[0]


def refuse_secret_bodies(key: str, answer: Answer) -> None:
    """Raise UsageError where an answer is the body of a Secret."""
    path, _ = split(key.removeprefix("api GET "))
    place = place_of(path) if key.startswith("api ") else None
    if place is None or place.resource != "secrets" or not 200 <= answer.status < 300:
        return
    try:
        kind = msgspec.json.decode(answer.body, type=_Kind).kind
    except msgspec.DecodeError:
        kind = ""
    if kind not in METADATA_KINDS:
        raise UsageError(f"{path} was answered with the bodies of Secrets.", "A recording holds their metadata only.")


class _Kind(msgspec.Struct):
    kind: str = ""


def _clean(value: Any) -> Any:
    """JSON without secrets in any string, last-applied copies and the lists of managed fields."""
    if isinstance(value, str):
        return text(value) if len(value) > 16 else value
    if isinstance(value, list):
        return [_clean(v) for v in value]
    if not isinstance(value, dict):
        return value
    managed = value.get("managedFields")
    if isinstance(managed, list):
        value["managedFields"] = [{k: v for k, v in m.items() if k != "fieldsV1"} if isinstance(m, dict) else m for m in managed]
    return {text(k) if len(k) > 16 else k: _clean(v) for k, v in value.items() if k != LAST_APPLIED}
