"""The outcome of a server-side dry-run create: what admission would do to a pod, nothing stored."""

from __future__ import annotations

import msgspec


class DryRun(msgspec.Struct, frozen=True, kw_only=True):
    """One test pod in one namespace. `error` is the API server's text where it was refused."""

    namespace: str
    admitted: bool
    injected: bool = False
    seconds: float = 0.0
    error: str = ""
