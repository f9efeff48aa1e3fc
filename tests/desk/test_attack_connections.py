"""Connections that only hold on: thousands of them, and one that never finishes its request."""

import asyncio
import contextlib
import http.client

import pytest
from tests.doubles.desk_source import FakeSource

from manara.desk import serve as serving


async def _desk(act):
    ready = asyncio.Event()
    found = []

    def started(port):
        found.append(port)
        ready.set()

    running = asyncio.ensure_future(serving.serve(FakeSource(3), "127.0.0.1", 0, started))
    try:
        async with asyncio.timeout(20):
            await ready.wait()
            return await act(found[0])
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _ask(port):
    def ask():
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as one:
            one.request("GET", "/api/health")
            return one.getresponse().status

    return await asyncio.to_thread(ask)


def test_more_connections_than_room_are_let_go_and_the_desk_lives_on(monkeypatch):
    monkeypatch.setattr(serving, "MOST_CONNECTIONS", 20)

    async def act(port):
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(60)]
        await asyncio.sleep(0.2)
        closed = 0
        for reader, _ in held:
            with contextlib.suppress(TimeoutError, ConnectionError):
                async with asyncio.timeout(0.005):
                    await reader.read(1)
            closed += reader.at_eof() or reader.exception() is not None
        for _, writer in held:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for _, writer in held), return_exceptions=True)
        return closed, await _ask(port)

    closed, status = asyncio.run(_desk(act))
    assert closed == 40
    assert status == 200


@pytest.mark.parametrize("first", [b"", b"GET /api/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"])
def test_a_request_that_never_ends_is_cut_off(monkeypatch, first):
    monkeypatch.setattr(serving, "PATIENCE_S", 0.2)

    async def act(port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(first + b"GET / HTTP/1.1\r\n")
        drip = asyncio.ensure_future(_drip(writer))
        try:
            with contextlib.suppress(ConnectionError):
                async with asyncio.timeout(5):
                    while await reader.read(65536):
                        pass
            return True
        finally:
            drip.cancel()
            await asyncio.gather(drip, return_exceptions=True)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    assert asyncio.run(_desk(act))


async def _drip(writer):
    while not writer.is_closing():
        writer.write(b"X: a\r\n")
        await asyncio.sleep(0.05)
