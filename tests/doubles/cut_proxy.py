"""A wire that can be cut: a TCP proxy on loopback whose every direction can be closed, frozen or let pass."""

from __future__ import annotations

import asyncio
import contextlib


class CutProxy:
    """``up``, ``down``: bytes flow to the server and back. Frozen bytes are lost with their connection, as when a
    router on the way dies; ``reset`` ends all connections at once."""

    def __init__(self, port: int) -> None:
        self.behind = port
        self.up = self.down = True
        self.connections = 0
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.record: bytearray | None = None  # every byte that passes, where somebody wants it

    async def open(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self._server.sockets[0].getsockname()[1]

    def reset(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()

    async def close(self) -> None:
        self._server.close()
        self.reset()
        await self._server.wait_closed()
        await asyncio.sleep(0.05)  # the copying tasks see the end

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            back_reader, back_writer = await asyncio.open_connection("127.0.0.1", self.behind)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, back_writer}
        try:
            await asyncio.gather(self._copy(reader, back_writer, "up"), self._copy(back_reader, writer, "down"))
        finally:
            for one in (writer, back_writer):
                self._open.discard(one)
                one.transport.abort()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: str) -> None:
        lossy = False
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                lossy = lossy or not getattr(self, way)
                if self.record is not None:
                    self.record += data
                if not lossy:  # a stream that has lost bytes can only end
                    writer.write(data)
                    await writer.drain()
            if not lossy:
                writer.write_eof() if writer.can_write_eof() else writer.close()
