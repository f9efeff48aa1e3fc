"""The desk on a real socket of this machine: uvicorn, WebSockets, and browsers that read slowly or come uninvited."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import urllib.request
from collections.abc import AsyncIterator

import pytest
from tests.doubles.desk_source import FakeSource
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from manara.desk import hub as desk_hub
from manara.desk.serve import listen, serve
from manara.records.inputs import Views


@contextlib.asynccontextmanager
async def desk(source: FakeSource) -> AsyncIterator[int]:
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(serve(source, "127.0.0.1", 0, started=port.set_result))
    try:
        yield await port
    finally:
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


async def picture(socket_: ClientConnection) -> tuple[bytes, list[str]]:
    """The next picture, and the texts that came before it."""
    texts = []
    while isinstance(news := await asyncio.wait_for(socket_.recv(), 5), str):
        texts.append(news)
    return news, texts


def sequence(frame: bytes) -> int:
    return int.from_bytes(frame[16:24], "little")


def test_a_browser_gets_every_step_and_only_what_is_new(monkeypatch):
    monkeypatch.setattr(desk_hub, "PAUSE_S", 0.0)

    async def run() -> None:
        source = FakeSource(40)
        async with desk(source) as port, connect(f"ws://127.0.0.1:{port}/ws") as browser:
            first, texts = await picture(browser)
            assert [json.loads(t)["type"] for t in texts] == ["hello", "labels"]
            await source.publish()
            second, texts = await picture(browser)
            assert sequence(second) == sequence(first) + 1
            assert texts == []
            source.speed = 20.0
            await source.publish()
            _, texts = await picture(browser)
            assert [json.loads(t)["speed"] for t in texts] == [20.0]

    asyncio.run(run())


def test_a_slow_browser_skips_to_the_newest_step():
    async def run() -> None:
        source = FakeSource(10)
        async with desk(source) as port, connect(f"ws://127.0.0.1:{port}/ws") as browser:
            first, _ = await picture(browser)
            for _ in range(30):
                await source.publish()
            await asyncio.sleep(0.5)
            frames = []
            with contextlib.suppress(TimeoutError):
                while True:
                    frames.append(sequence((await asyncio.wait_for(picture(browser), 0.5))[0]))
            assert frames[-1] == sequence(first) + 30
            assert len(frames) <= 3

    asyncio.run(run())


def test_all_browsers_get_the_same_bytes_and_leaving_is_noticed():
    async def run() -> None:
        source = FakeSource(10)
        async with desk(source) as port:
            url = f"ws://127.0.0.1:{port}/ws"
            async with connect(url) as one, connect(url) as two:
                assert (await picture(one))[0] == (await picture(two))[0]
            async with connect(url) as three:
                assert (await picture(three))[0]

    asyncio.run(run())


@pytest.mark.parametrize("origin", ["https://evil.test", "null", "http://127.0.0.1:1"])
def test_a_page_of_another_site_cannot_open_the_socket(origin):
    async def run() -> None:
        async with desk(FakeSource(1)) as port:
            with pytest.raises(InvalidStatus) as refused:
                async with connect(f"ws://127.0.0.1:{port}/ws", origin=origin):
                    pass
            assert refused.value.response.status_code == 403
            async with connect(f"ws://127.0.0.1:{port}/ws", origin=f"http://127.0.0.1:{port}") as ours:
                assert (await picture(ours))[0]

    asyncio.run(run())


def test_a_name_that_points_at_this_machine_cannot_open_the_socket():
    async def run() -> None:
        async with desk(FakeSource(1)) as port:
            rebound = f"ws://rebound.test:{port}/ws"
            with pytest.raises(InvalidStatus) as refused:
                async with connect(rebound, host="127.0.0.1", port=port, origin=f"http://rebound.test:{port}"):
                    pass
            assert refused.value.response.status_code == 403

    asyncio.run(run())


def test_what_a_browser_says_is_dropped_and_too_much_closes_the_socket():
    async def run() -> None:
        source = FakeSource(1)
        async with desk(source) as port, connect(f"ws://127.0.0.1:{port}/ws") as browser:
            await picture(browser)
            for news in (b"", b"\xff" * 100, "text"):
                await browser.send(news)
            await source.publish()
            assert (await picture(browser))[0]
            await browser.send(b"x" * 5_000)
            with pytest.raises(ConnectionClosed):
                await asyncio.wait_for(browser.recv(), 5)

    asyncio.run(run())


def test_a_source_that_fails_closes_the_socket():
    class Failing(FakeSource):
        async def wait(self, after_sequence: int) -> Views:
            await super().wait(after_sequence)
            raise RuntimeError("the node is gone")

    async def run() -> None:
        source = Failing(1)
        async with desk(source) as port, connect(f"ws://127.0.0.1:{port}/ws") as browser:
            await picture(browser)
            await asyncio.sleep(0.3)
            await source.publish()
            with pytest.raises(ConnectionClosed):
                await asyncio.wait_for(browser.recv(), 5)

    asyncio.run(run())


def test_the_page_and_the_picture_over_http():
    async def run() -> None:
        async with desk(FakeSource(5)) as port:
            answer = await asyncio.to_thread(urllib.request.urlopen, f"http://127.0.0.1:{port}/api/tracks")
            with answer:
                assert len(json.load(answer)["features"]) == 5
                assert answer.headers["X-Content-Type-Options"] == "nosniff"

    asyncio.run(run())


def test_a_port_in_use_is_an_oserror_before_anything_runs():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            listen("127.0.0.1", port)
        with pytest.raises(OSError, match="in use"):
            asyncio.run(serve(FakeSource(1), "127.0.0.1", port))


def test_an_address_of_another_machine_is_an_oserror():
    with pytest.raises(OSError, match="assign"):
        listen("192.0.2.1", 0)
