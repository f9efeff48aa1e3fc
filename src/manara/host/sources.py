"""Feeds from the outside: each address becomes a task that puts bytes into the intake.

::

    udp:// tcp:// tcp-listen:// serial:// - ─▶ [one task each] ─▶ Intake
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

from manara.host.address import Address
from manara.host.clock import Clock
from manara.host.intake import Intake
from manara.host.problems import BadInput

READ_BYTES = 65_536
LISTEN_PEERS = 32  # senders that may push into one tcp-listen feed
SILENT_S = 30.0  # after so long without a byte a sender makes room, when there is none
LINE_BYTES = 8_192  # of a pushed text line that waits for its end
BACKOFF_S = (1.0, 2.0, 5.0, 10.0, 30.0)


class Feed:
    """One feed's door into the intake, with the clock that stamps what comes."""

    def __init__(self, index: int, address: Address, intake: Intake, clock: Clock) -> None:
        self.index, self.address, self._intake, self._clock = index, address, intake, clock

    def heard(self, data: bytes, whole: bool = False) -> None:
        """Bytes that came in now."""
        self._intake.offer(self.index, data, self._clock.now_ns(), whole)

    def tell(self, state: str, detail: str = "") -> None:
        """The feed changed its state."""
        self._intake.tell(self.index, state, detail, self._clock.now_ns())


async def follow(feed: Feed) -> None:
    """Run one feed until cancelled. Raises BadInput when its address cannot be used at all."""
    await _WAYS[feed.address.scheme](feed)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, heard: Callable[[bytes, bool], None]) -> None:
        self._heard = heard

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002 - the protocol's signature
        self._heard(data, True)


async def _udp(feed: Feed) -> None:
    at = feed.address
    loop = asyncio.get_running_loop()
    try:
        sock = _udp_socket(at)
    except OSError as fault:
        raise _cannot_listen(at, fault) from None
    transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(feed.heard), sock=sock)
    feed.tell("waiting", f"listening on udp {at.host}:{at.port}" + (f" group {at.group}" if at.group else ""))
    try:
        await asyncio.Event().wait()
    finally:
        transport.close()


def _udp_socket(at: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in at.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        if at.group:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((at.group or at.host, at.port))
        if at.group:
            member = struct.pack("4s4s", socket.inet_aton(at.group), socket.inet_aton(at.host))
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
    except OSError:
        sock.close()
        raise
    return sock


def _why(fault: OSError) -> str:
    """The system's own short words: asyncio's repeat the address in brackets."""
    number = fault.errno or 0  # negative: from the resolver, which has words of its own
    return os.strerror(number) if number > 0 else fault.strerror or str(fault)


def _cannot_listen(at: Address, fault: OSError) -> BadInput:
    where = f"{at.scheme}://{at.host}:{at.port}"
    return BadInput(f"cannot listen: {_why(fault)}", where, "is another program using this port?")


async def _tcp(feed: Feed) -> None:
    at = feed.address
    attempt = 0
    while True:
        try:
            reader, writer = await asyncio.open_connection(at.host, at.port)
        except OSError as fault:
            wait_s = BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)]
            feed.tell("lost", f"{at.host}:{at.port} {_why(fault)}; next try in {wait_s:.0f} s")
            attempt += 1
            await asyncio.sleep(wait_s)
            continue
        attempt = 0
        feed.tell("live", f"connected to {at.host}:{at.port}")
        try:
            await _drain(feed, reader)
        finally:
            writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        feed.tell("lost", f"{at.host}:{at.port} closed the connection")
        await asyncio.sleep(BACKOFF_S[0])


async def _drain(feed: Feed, reader: asyncio.StreamReader) -> None:
    with suppress(OSError):
        while data := await reader.read(READ_BYTES):
            feed.heard(data)


async def _tcp_listen(feed: Feed) -> None:
    at = feed.address
    peers: dict[asyncio.StreamWriter, float] = {}  # and when each was last heard, of the loop's clock
    loop = asyncio.get_running_loop()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(peers) >= LISTEN_PEERS and not _make_room(peers, loop.time() - SILENT_S):
            writer.close()
            return
        peers[writer] = loop.time()
        feed.tell("live", f"{len(peers)} sending")

        def heard() -> None:
            peers[writer] = loop.time()

        try:
            await _drain_lines(feed, reader, heard)
        finally:
            peers.pop(writer, None)
            writer.close()
            feed.tell("live" if peers else "lost", f"{len(peers)} sending")

    try:
        server = await asyncio.start_server(serve, at.host, at.port)
    except OSError as fault:
        raise _cannot_listen(at, fault) from None
    feed.tell("waiting", f"listening on tcp {at.host}:{at.port}")
    async with server:
        await server.serve_forever()


def _make_room(peers: dict[asyncio.StreamWriter, float], before_s: float) -> bool:
    """Let the longest silent sender go, if it was last heard before this: connections that only hold on must not
    keep a sender out."""
    longest = min(peers, key=lambda peer: peers[peer])
    if peers[longest] > before_s:
        return False
    del peers[longest]
    longest.transport.abort()
    return True


async def _drain_lines(feed: Feed, reader: asyncio.StreamReader, heard: Callable[[], None]) -> None:
    """Several senders may push at once: text goes on by whole lines, so that they do not cut into one another."""
    rest = b""
    with suppress(OSError):
        while data := await reader.read(READ_BYTES):
            heard()
            rest += data
            cut = rest.rfind(b"\n") + 1
            if cut == 0 and len(rest) > LINE_BYTES:
                cut = len(rest)  # binary, or no line at all: as it comes
            if cut:
                feed.heard(rest[:cut])
                rest = rest[cut:]
    if rest:
        feed.heard(rest)


async def _stdin(feed: Feed) -> None:
    """A thread of its own reads: it may wait for ever, and must not keep the program from ending."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def read() -> None:
        with suppress(OSError, RuntimeError):  # RuntimeError: the loop is closed already
            while data := os.read(sys.stdin.fileno(), READ_BYTES):
                loop.call_soon_threadsafe(feed.heard, data)
            loop.call_soon_threadsafe(ended.set)

    feed.tell("waiting", "reading standard input")
    threading.Thread(target=read, name="stdin", daemon=True).start()
    await ended.wait()
    feed.tell("ended", "standard input ended")


async def _serial(feed: Feed) -> None:
    import serial

    loop = asyncio.get_running_loop()
    path, baud = feed.address.path, feed.address.query.get("baud", "38400")
    if not (baud.isascii() and baud.isdigit() and 0 < len(baud) <= 7):
        raise BadInput(f"not a speed: {baud!r}", f"serial://{path}", "write ?baud=38400")
    attempt = 0
    while True:
        try:
            with serial.Serial(path, int(baud), timeout=0.2) as port:
                feed.tell("live", f"{path} at {baud} baud")
                attempt = 0
                while True:
                    data = await loop.run_in_executor(None, port.read, 4096)
                    if data:
                        feed.heard(data)
        except (serial.SerialException, OSError, ValueError) as fault:
            wait_s = BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)]
            feed.tell("lost", f"{' '.join(str(fault).split())}; next try in {wait_s:.0f} s")
            attempt += 1
            await asyncio.sleep(wait_s)


_WAYS = {"udp": _udp, "tcp": _tcp, "tcp-listen": _tcp_listen, "stdin": _stdin, "serial": _serial}
