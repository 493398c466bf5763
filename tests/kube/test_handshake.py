"""A connection that is given up while its TLS is negotiated is closed at once; what is asked too late is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from meshdoctor.kube.client import ApiClient
from meshdoctor.kube.credentials import Credentials
from meshdoctor.kube.failures import TimeIsUp


@asynccontextmanager
async def silent(scheme: str, greeted: asyncio.Event) -> AsyncIterator[ApiClient]:
    """A client of a server that reads and says nothing. In the end every connection has to be closed by the client."""
    connections: list[asyncio.Task[None]] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1000):
            greeted.set()
        writer.close()
        await writer.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(asyncio.create_task(listen(reader, writer)))

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as server:
        url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with ApiClient(Credentials(context="c", cluster="c", server=url, user="u", namespace="default")) as api:
            yield api
            async with asyncio.timeout(60):
                await asyncio.gather(*connections)


async def test_a_server_that_says_nothing_loses_its_connection() -> None:
    greeted = asyncio.Event()
    async with silent("https", greeted) as api:
        asked = asyncio.create_task(api.livez())
        await greeted.wait()
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked


async def test_what_is_asked_after_its_time_is_refused() -> None:
    async with silent("http", asyncio.Event()) as api:
        with api.within(0.0), pytest.raises(TimeIsUp):
            await api.livez()
        with api.within(0.05), pytest.raises(TimeIsUp):
            await api.pod_get("shop", "cart-1", 15000, "/certs")
