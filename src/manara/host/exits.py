"""Every way out of a node, in one table. A test fails on a socket or file that is opened for output elsewhere.

| exit | what leaves | to whom |
|---|---|---|
| desk | the node's own picture | browsers on the desk's address (loopback unless configured) |
| udp | the picture in a feed format | the address in [[exits]] |
| tcp-listen | the picture in a feed format | whoever connects to the address in [[exits]] |
| file | the picture in a feed format | a file named in [[exits]], replaced each time |
| link | what an agreement lets a partner have, by its stream; statements and receipts | that partner, over mutual TLS |
| broker | an envelope at every beat, sealed for a partner without a link | the broker; as one: its ends |
| commands | answers to signed statements, how agreements stand | the node's own folder |
| log | what left, sealed; witnesses' checkpoints; what partners sent, sealed | the node's own folder |
| journal | everything that came in | the node's own folder |
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from manara.host import address
from manara.host.problems import BadInput
from manara.records.config import ExitConfig

EXITS = ("desk", "udp", "tcp-listen", "file", "link", "broker", "commands", "log", "journal")
PEERS = 32  # that may listen at one tcp-listen exit
PEER_BYTES = 4 << 20  # waiting for one slow listener; then it is cut off


class Exit(Protocol):
    """One open way out."""

    def send(self, pieces: list[bytes]) -> None:
        """Put one picture out, datagram by datagram; never blocks, never raises for a listener that went away."""
        ...

    def close(self) -> None:
        """Shut it."""
        ...


async def open_exit(config: ExitConfig) -> Exit:
    """Open one configured exit. Raises BadInput."""
    at = address.parse(config.url)
    try:
        if at.scheme == "udp":
            return _Udp(at.group or at.host, at.port)
        if at.scheme == "tcp-listen":
            listening = _TcpListen()
            await listening.open(at.host, at.port)
            return listening
    except OSError as fault:
        raise BadInput(f"cannot open: {fault.strerror or fault}", config.url, "is the port in use?") from None
    if at.scheme == "file":
        return _File(Path(at.path))
    raise BadInput("cannot send there", config.url, "use udp://, tcp-listen:// or a file")


class _Udp:
    def __init__(self, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.connect((host, port))  # the name is looked up once, here

    def send(self, pieces: list[bytes]) -> None:
        for data in pieces:
            with suppress(OSError):
                self._socket.send(data)

    def close(self) -> None:
        self._socket.close()


class _TcpListen:
    def __init__(self) -> None:
        self._peers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def open(self, host: str, port: int) -> None:
        self._server = await asyncio.start_server(self._serve, host, port)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._peers) >= PEERS:
            writer.close()
            return
        self._peers.add(writer)
        with suppress(OSError):
            while await reader.read(1024):
                pass  # a listener has nothing to say
        self._peers.discard(writer)
        writer.close()

    def send(self, pieces: list[bytes]) -> None:
        data = b"".join(pieces)
        for peer in tuple(self._peers):
            if peer.transport.get_write_buffer_size() > PEER_BYTES:
                self._peers.discard(peer)
                peer.transport.abort()
            else:
                peer.write(data)

    def close(self) -> None:
        for peer in self._peers:
            peer.close()
        if self._server:
            self._server.close()


class _File:
    def __init__(self, path: Path) -> None:
        self._path = path

    def send(self, pieces: list[bytes]) -> None:
        part = self._path.with_name(self._path.name + ".part")
        with suppress(OSError):
            part.unlink(missing_ok=True)  # what stands there is not ours: a link elsewhere, a pipe that nobody reads
            with part.open("xb") as file:
                file.write(b"".join(pieces))
            os.replace(part, self._path)

    def close(self) -> None:
        pass
