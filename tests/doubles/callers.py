"""A bare caller over TLS that leaves no socket open.

A connection that the server ends after an answer (Connection: close, a refused body) still waits for the server's
close_notify after aiohttp's session is closed; the loop then ends before the socket does, and the garbage collector
reports it in whatever test comes next.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

PATIENCE_S = 2.0


class _Remembering(aiohttp.TCPConnector):
    """Knows every transport that it made, also those that it has let go."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.made: list[tuple[asyncio.Transport, socket.socket]] = []

    async def _create_connection(self, *args: Any, **more: Any) -> Any:
        protocol = await super()._create_connection(*args, **more)
        self.made.append((protocol.transport, protocol.transport.get_extra_info("socket")))
        return protocol


@contextlib.asynccontextmanager
async def caller(context: ssl.SSLContext, base: str | None = None, **more: Any) -> AsyncIterator[aiohttp.ClientSession]:
    """A session over TLS; when it ends, so have its sockets. ``more``: as TCPConnector takes it."""
    connector = _Remembering(ssl=context, **more)
    try:
        async with aiohttp.ClientSession(base, connector=connector, auto_decompress=False) as session:
            yield session
    finally:
        for transport, _ in connector.made:
            transport.abort()
        async with asyncio.timeout(PATIENCE_S):
            while any(one.fileno() != -1 for _, one in connector.made):
                await asyncio.sleep(0.005)
