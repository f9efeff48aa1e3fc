"""Feeds on real sockets of this machine."""

import asyncio
import os
import pty
import socket

import pytest

from manara.host import sources
from manara.host.address import parse
from manara.host.clock import WallClock
from manara.host.intake import Intake
from manara.host.problems import BadInput
from manara.records.inputs import Chunk, FeedState


def free_port(kind=socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


async def gathered(url: str, act, until) -> tuple[list[Chunk], list[FeedState]]:
    """Follow an address while `act` runs; what came in until `until(chunks, states)` holds."""
    intake, chunks, states = Intake(1), [], []
    task = asyncio.ensure_future(sources.follow(sources.Feed(0, parse(url), intake, WallClock())))
    acting = asyncio.ensure_future(act())
    try:
        async with asyncio.timeout(10):
            while not until(chunks, states):
                await asyncio.sleep(0.01)
                for one in intake.take(0):
                    (chunks if isinstance(one, Chunk) else states).append(one)
                if task.done():
                    task.result()
    finally:
        acting.cancel()
        task.cancel()
        await asyncio.gather(task, acting, return_exceptions=True)
    return chunks, states


def joined(chunks):
    return b"".join(c.data for c in chunks)


def test_udp_datagrams_stay_whole():
    port = free_port(socket.SOCK_DGRAM)

    async def act():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            while True:
                out.sendto(b"one", ("127.0.0.1", port))
                out.sendto(b"two", ("127.0.0.1", port))
                await asyncio.sleep(0.05)

    chunks, _ = asyncio.run(gathered(f"udp://127.0.0.1:{port}", act, lambda c, _: len(c) >= 2))
    assert {c.data for c in chunks} == {b"one", b"two"}
    assert all(c.whole for c in chunks)


def test_udp_multicast_on_loopback():
    port = free_port(socket.SOCK_DGRAM)

    async def act():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
            while True:
                out.sendto(b"group", ("239.255.77.77", port))
                await asyncio.sleep(0.05)

    chunks, _ = asyncio.run(gathered(f"udp://239.255.77.77@127.0.0.1:{port}", act, lambda c, _: c))
    assert chunks[0].data == b"group"


def test_tcp_client_reconnects_when_the_server_goes(monkeypatch):
    monkeypatch.setattr(sources, "BACKOFF_S", (0.05,))
    port = free_port()

    async def act():
        async def serve(_reader, writer):
            writer.write(b"hello ")
            writer.close()

        await asyncio.sleep(0.2)
        async with await asyncio.start_server(serve, "127.0.0.1", port) as server:
            await server.serve_forever()

    chunks, states = asyncio.run(gathered(f"tcp://127.0.0.1:{port}", act, lambda c, _: len(joined(c)) >= 12))
    assert joined(chunks).startswith(b"hello hello ")
    assert [s.state for s in states[:3]] == ["lost", "lost", "lost"] or "live" in [s.state for s in states]
    assert "next try" in states[0].detail


def test_two_senders_do_not_cut_into_each_others_lines():
    port = free_port()

    async def act():
        await asyncio.sleep(0.1)
        _, one = await asyncio.open_connection("127.0.0.1", port)
        _, two = await asyncio.open_connection("127.0.0.1", port)
        for a, b in ((b"!AIV", b"$RA"), (b"DM,1\r\n", b"TTM,2\r\n"), (b"tail", b"")):
            one.write(a)
            two.write(b)
            await asyncio.gather(one.drain(), two.drain())
            await asyncio.sleep(0.05)
        one.close()
        two.close()

    chunks, _ = asyncio.run(gathered(f"tcp-listen://127.0.0.1:{port}", act, lambda c, _: b"tail" in joined(c)))
    assert sorted(joined(chunks).replace(b"tail", b"").split(b"\r\n")) == [b"", b"!AIVDM,1", b"$RATTM,2"]


@pytest.mark.parametrize("scheme", ["udp", "tcp-listen"])
def test_a_port_in_use_is_said_in_one_line(scheme):
    kind = socket.SOCK_DGRAM if scheme == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if scheme != "udp":
            taken.listen()
        url = f"{scheme}://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(BadInput, match="another program"):
            asyncio.run(gathered(url, lambda: asyncio.sleep(0), lambda *_: False))


def test_a_serial_port_and_its_loss(monkeypatch):
    monkeypatch.setattr(sources, "BACKOFF_S", (0.05,))
    leader, follower = pty.openpty()

    async def act():
        await asyncio.sleep(0.2)
        os.write(leader, b"$RATTM\r\n")
        await asyncio.sleep(0.5)
        os.close(leader)

    url = f"serial://{os.ttyname(follower)}?baud=4800"
    chunks, _ = asyncio.run(gathered(url, act, lambda c, s: c and any(x.state == "lost" for x in s)))
    os.close(follower)
    assert joined(chunks) == b"$RATTM\r\n"


def test_a_serial_speed_that_is_none():
    with pytest.raises(BadInput, match="baud"):
        asyncio.run(gathered("serial:///dev/null?baud=fast", lambda: asyncio.sleep(0), lambda *_: False))
