"""Secrets never reach disk, log or screen."""

from __future__ import annotations

import re

MASK = "<redacted>"
_PATTERNS = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), MASK),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"), MASK),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{8,}"), rf"\1 {MASK}"),
    (
        re.compile(r"(?i)(\"?(?:client-key-data|[a-z_-]*(?:password|passwd|secret|token|api_?key))\"?\s*[:=]\s*\"?)[^\s\",}]{4,}"),
        rf"\1{MASK}",
    ),
    (re.compile(r"(?i)(https?://)[^/\s:@]+:[^/\s@]+@"), rf"\1{MASK}@"),
    (re.compile(r"(?i)((?:set-)?cookie:\s*)\S.*"), rf"\1{MASK}"),
)


def redact(text: str) -> str:
    """Text without private keys, JSON web tokens, credentials, passwords and cookies."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text
