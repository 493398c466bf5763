"""The path that policies see: what Envoy makes of it before they are asked.

Sources: istio.io, "Path normalization" (MeshConfig `pathNormalization`); Envoy, source/common/chromium_url (its canonical
form of a path).
"""

from __future__ import annotations

import re

UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_ENCODED = re.compile(r"%([0-9A-Fa-f]{2})")
_SLASHES = re.compile(r"%(?:2F|5C)", re.IGNORECASE)
_TO_ESCAPE = re.compile(r"[^!$%&'()*+,\-./0-9:;=@A-Z\[\]^_a-z|~]")


def normalized(path: str, mode: str = "DEFAULT") -> str:
    """A path as policies see it, by the mesh's `pathNormalization.normalization`; its query stays as it is."""
    if mode == "NONE" or not path.startswith("/"):
        return path
    bare, mark, query = path.partition("?")
    if mode == "DECODE_AND_MERGE_SLASHES":
        bare = _SLASHES.sub("/", bare)
    bare = _without_dots(_decoded(bare.replace("\\", "/")))
    if mode in ("MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES"):
        bare = re.sub(r"/{2,}", "/", bare)
    return bare + mark + query


def _decoded(path: str) -> str:
    """Encoded letters, digits and `-._~` as they are; what may not stand in a path, encoded."""

    def plainer(found: re.Match[str]) -> str:
        character = chr(int(found[1], 16))
        return character if character in UNRESERVED else found[0]

    escaped = _TO_ESCAPE.sub(lambda m: "".join(f"%{b:02X}" for b in m[0].encode("utf-8", "surrogatepass")), path)
    return _ENCODED.sub(plainer, escaped)


def _without_dots(path: str) -> str:
    """Without `.` and `..`, each of which takes its part of the path away; one at the end leaves the slash."""
    parts: list[str] = []
    *those, last = path.split("/")[1:]
    for part in those:
        if part == "..":
            del parts[-1:]
        elif part != ".":
            parts.append(part)
    if last in (".", ".."):
        if last == "..":
            del parts[-1:]
        last = ""
    return "/" + "".join(f"{p}/" for p in parts) + last
