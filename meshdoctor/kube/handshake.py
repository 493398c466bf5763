"""Closes a connection that is given up while its TLS is negotiated: httpcore leaves it open until the program ends.

`watched` is what httpx calls the request extension `trace`; events and what they carry are httpcore's:
https://www.encode.io/httpcore/extensions/#trace
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpcore

Trace = Callable[[str, dict[str, Any]], Awaitable[None]]


def watched() -> Trace:
    """The trace of one request."""
    opened: list[httpcore.AsyncNetworkStream] = []

    async def told(event: str, info: dict[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            opened.append(info["return_value"])
        elif event == "connection.start_tls.failed":
            await opened.pop().aclose()

    return told
