"""Runs the desk on a socket of this machine, inside the host's event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from manara.desk.app import build
from manara.desk.source import Source

MOST_CONNECTIONS = 256  # a browser opens six; every one holds a file of the process that also writes the journal
PATIENCE_S = 10.0  # for a request to be whole


class _Http(HttpToolsProtocol):
    """Connections to a bound, and none that sends a request a byte a minute (slow loris)."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """One more, if there is room."""
        super().connection_made(transport)
        self._answered: object = None
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
        else:
            self.loop.call_later(PATIENCE_S, self._lose_patience)

    def _lose_patience(self) -> None:
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            return  # gone, or a WebSocket by now
        idle = self.cycle is None or self.cycle.response_complete
        if idle and self.cycle is self._answered:
            self.transport.abort()
            return
        self._answered = self.cycle
        self.loop.call_later(PATIENCE_S, self._lose_patience)


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the host decides when to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(source: Source, host: str, port: int, started: Callable[[int], None] | None = None) -> None:
    """Serve until cancelled. A port in use, or an address that is not ours, is an OSError before anything runs.

    ``port`` 0 takes a free one; ``started`` is told the port once connections are accepted (they queue from then).
    """
    listener = listen(host, port)
    bound = int(listener.getsockname()[1])
    config = uvicorn.Config(
        build(source, names=frozenset({host.lower()})),
        log_config=None,
        access_log=False,
        http=_Http,
        ws="websockets-sansio",
        ws_per_message_deflate=False,  # the columns hardly shrink and the time is the server's
        ws_max_size=4096,  # a browser has nothing long to say
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    with contextlib.closing(listener):
        running = asyncio.ensure_future(server.serve(sockets=[listener]))
        if started:
            started(bound)
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            server.should_exit = True
            await running
            raise


def listen(host: str, port: int) -> socket.socket:
    """A bound, listening TCP socket; raises OSError with the reason of the system."""
    family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, proto)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener
