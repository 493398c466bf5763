"""A connection that is given up while its TLS is negotiated is closed at once."""

from __future__ import annotations

import asyncio

import pytest

from meshdoctor.kube.client import ApiClient
from meshdoctor.kube.credentials import Credentials
from meshdoctor.kube.failures import TimeIsUp


async def test_a_server_that_says_nothing_loses_its_connection() -> None:
    greeted, ended = asyncio.Event(), asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1000):
            greeted.set()
        ended.set()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with ApiClient(Credentials(context="c", cluster="c", server=url, user="u", namespace="default")) as api:
            asked = asyncio.create_task(api.livez())
            await greeted.wait()
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked
            await asyncio.wait_for(ended.wait(), 60)


async def test_what_is_asked_after_its_time_is_refused() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with ApiClient(Credentials(context="c", cluster="c", server=url, user="u", namespace="default")) as api:
            with api.within(0.0), pytest.raises(TimeIsUp):
                await api.livez()
            with api.within(0.01), pytest.raises(TimeIsUp):
                await api.pod_get("shop", "cart-1", 15000, "/certs")
