"""What stands in a secret's place, what was removed and where, never what it was."""

from __future__ import annotations

import hmac
import re
import secrets
from collections import Counter

from meshdoctor.bundle.redaction.names import is_harmless

SHORTEST = 8  # a removed value shorter than this is too common a word to be looked for elsewhere
MARK = re.compile(r"<redacted:[a-z-]+(?::[0-9a-f]{8})?>")


class Marks:
    """Replaces secrets by `<redacted:KIND:HASH>`: equal ones look equal in one bundle; the key of the hash is never stored.

    `counts` is (file, kind) to a number; `known` are the values removed for certain, to be found wherever else they occur.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self.file = ""
        self.counts: Counter[tuple[str, str]] = Counter()
        self.known: set[str] = set()

    def put(self, kind: str, value: str, *, certain: bool = True) -> str:
        """The mark for a secret. `certain` where the value itself is secret wherever it occurs."""
        if MARK.fullmatch(value):
            return value
        self.counts[self.file, kind] += 1
        stripped = value.strip().strip("\"'")
        if certain and len(stripped) >= SHORTEST and not is_harmless(stripped) and not MARK.search(stripped) and _is_rare(stripped):
            self.known.add(stripped)
        return f"<redacted:{kind}:{hmac.digest(self._key, stripped.encode('utf-8', 'replace'), 'sha256').hex()[:8]}>"

    def known_in(self, text: str) -> str:
        """The text without values that were removed elsewhere."""
        for value in [v for v in self.known if v in text]:
            count = text.count(value)
            self.counts[self.file, "seen-elsewhere"] += count
            text = text.replace(value, "<redacted:seen-elsewhere>")
        return text


def _is_rare(value: str) -> bool:
    """Whether a value cannot be an ordinary word: those may stand elsewhere without being a secret."""
    classes = sum(bool(re.search(c, value)) for c in (r"[a-z]", r"[A-Z]", r"[0-9]", r"[^A-Za-z0-9]"))
    if value.replace(".", "").isdigit():
        return len(value) > 15
    return classes >= 3 or (classes == 2 and len(value) >= 12) or len(value) >= 20
