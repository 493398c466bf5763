"""What of a Secret in a manifest is public: its certificates, and whether the rest of a pair is there. Nothing else is kept."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from meshdoctor.model.cluster import TLS_PAIRS

FIELDS = ("data", "stringData")
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"  # a copy of the whole object, keys and all
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")  # never spans a key


def shown(body: dict[str, Any]) -> dict[str, Any]:
    """The body of a Secret without its data."""
    kept = {k: v for k, v in body.items() if k not in FIELDS}
    metadata = kept.get("metadata")
    if isinstance(metadata, dict) and isinstance(metadata.get("annotations"), dict):
        annotations = {k: v for k, v in metadata["annotations"].items() if k != _LAST_APPLIED}
        kept["metadata"] = metadata | {"annotations": annotations}
    return kept


def public(body: dict[str, Any]) -> dict[str, Any]:
    """The body of a Secret with what is public of its data; without that, where it is not written out or not in the clear."""
    kept = {k: v for k, v in shown(body).items() if k not in ("entries", "certificates")}
    if not any(isinstance(body.get(field), dict) for field in FIELDS):
        return kept  # its metadata alone is known
    certificates = {}
    for name, _ in TLS_PAIRS:
        try:
            text = _text(*_said(body, name))
        except (binascii.Error, ValueError):
            return kept  # encrypted, or a template: another tool fills it in
        if text:
            certificates[name] = "\n".join(_CERTIFICATE.findall(text))
    keys = [key for _, key in TLS_PAIRS if _said(body, key)[1]]  # whether it is there; never what it is
    return kept | {"entries": sorted([*certificates, *keys]), "certificates": certificates}


def _said(body: dict[str, Any], name: str) -> tuple[bool, Any]:
    """Whether an entry is encoded, and its value: plain before encoded, as the API server merges them."""
    plain, encoded = body.get("stringData"), body.get("data")
    if isinstance(plain, dict) and name in plain:
        return False, plain[name]
    return True, encoded.get(name) if isinstance(encoded, dict) else None


def _text(is_encoded: bool, value: Any) -> str:
    """The value of a certificate's entry as text. Raises ValueError where it is not base64."""
    said = str(value or "")
    return base64.b64decode("".join(said.split()), validate=True).decode(errors="replace") if is_encoded else said
