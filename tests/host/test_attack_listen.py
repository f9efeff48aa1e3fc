"""Senders that connect to a listening feed and say nothing must not keep the one out that has something to say."""

import asyncio
import socket

from manara.host import sources
from manara.host.address import parse
from manara.host.clock import WallClock
from manara.host.intake import Intake
from manara.records.inputs import Chunk


def test_silent_senders_make_room(monkeypatch):
    monkeypatch.setattr(sources, "SILENT_S", 0.1)
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]

    async def act():
        intake = Intake(1)
        door = sources.Feed(0, parse(f"tcp-listen://127.0.0.1:{port}"), intake, WallClock())
        listening = asyncio.ensure_future(sources.follow(door))
        await asyncio.sleep(0.1)
        held = []
        try:
            for _ in range(sources.LISTEN_PEERS):
                held.append(await asyncio.open_connection("127.0.0.1", port))
            await asyncio.sleep(0.3)
            held.append(await asyncio.open_connection("127.0.0.1", port))
            held[-1][1].write(b"!AIVDM\r\n")
            async with asyncio.timeout(5):
                while not (got := [x for x in intake.take(0) if isinstance(x, Chunk)]):
                    await asyncio.sleep(0.02)
            return got[0].data
        finally:
            for _, writer in held:
                writer.close()
            await asyncio.gather(*(writer.wait_closed() for _, writer in held), return_exceptions=True)
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    assert asyncio.run(act()) == b"!AIVDM\r\n"
