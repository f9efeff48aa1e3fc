"""Our log before its witnesses: each checkpoint is shown at once, at a bounded pace, and nobody waits for an answer."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.doubles.a_log import ORIGIN, publish, store
from tests.doubles.key_disk import KeyDisk

from manara.host import witnessing
from manara.host.keys import FileSigner
from manara.host.log_store import LogStore
from manara.host.witness_desk import WitnessDesk
from manara.host.witnessing import UNREACHABLE, Witnessing
from manara.records.inputs import Input, Witnessed

NAME = "manara-witness/belora"


def desk(name: str, log: LogStore) -> WitnessDesk:
    return WitnessDesk(KeyDisk(), FileSigner(Ed25519PrivateKey.generate()), name, {ORIGIN: [log.key]})


class Around:
    """A log, a witness that answers after ``slow_s``, and what the node is told."""

    def __init__(self, slow_s: float = 0.0) -> None:
        self.log: LogStore = store(KeyDisk())
        self.desk = desk(NAME, self.log)
        self.told: list[Input] = []
        self.asked: list[float] = []
        self.slow_s, self.reached = slow_s, True
        self.witnessing = Witnessing(self.log, self.told.append, time.time_ns)

    async def post(self, body: bytes) -> tuple[int, bytes]:
        self.asked.append(time.monotonic())
        await asyncio.sleep(self.slow_s)
        if not self.reached:
            return UNREACHABLE, b""
        answer = self.desk.add_checkpoint(body, time.time_ns())
        return answer.status, answer.body

    def seen(self) -> int:
        return max((one.size for one in self.told if isinstance(one, Witnessed)), default=0)

    async def grow(self, number: int) -> None:
        await asyncio.to_thread(publish, self.log, number)
        self.witnessing.grown()

    async def until(self, size: int, patience_s: float = 20.0) -> float:
        """Seconds until that many leaves are witnessed."""
        begin = time.monotonic()
        while self.seen() < size:
            assert time.monotonic() - begin < patience_s
            await asyncio.sleep(0.002)
        return time.monotonic() - begin

    @contextlib.asynccontextmanager
    async def shown(self):
        task = asyncio.create_task(self.witnessing.show(self.desk.key, self.post))
        await asyncio.sleep(0)
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


def test_a_checkpoint_is_shown_when_it_is_made_and_not_at_the_next_round(monkeypatch):
    monkeypatch.setattr(witnessing, "SHOW_S", 1e6)  # no round ever comes

    async def told() -> None:
        around = Around()
        async with around.shown():
            for number in range(3):
                await around.grow(number)
                await around.until(number + 1)
        assert around.log.cosigned(1)

    asyncio.run(told())


def test_who_is_told_to_end_while_news_comes_ends():
    """asyncio.wait_for lets such a cancellation fall under the table: a node would not end on Ctrl+C."""

    async def play() -> None:
        world = Around()
        task = asyncio.create_task(world.witnessing.show(world.desk.key, world.post))
        await asyncio.sleep(0.3)
        world.witnessing.grown()
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=5.0)
        assert done
        assert task.cancelled()

    asyncio.run(play())


def test_what_comes_faster_than_the_pace_is_one_checkpoint_for_the_witness():
    async def told() -> None:
        around = Around()
        async with around.shown():
            for number in range(30):
                await around.grow(number)
                await asyncio.sleep(0.01)
            await around.until(30)
        gaps = [b - a for a, b in zip(around.asked, around.asked[1:], strict=False)]
        assert len(around.asked) < 15
        assert min(gaps) > 0.9 * witnessing.PAUSE_S

    asyncio.run(told())


def test_the_log_grows_while_a_witness_takes_its_time_and_is_then_witnessed_whole():
    async def told() -> None:
        around = Around(slow_s=0.5)
        async with around.shown():
            for number in range(20):
                await around.grow(number)
            assert around.seen() == 0  # twenty ticks are in the log, and no answer has come
            await around.until(20)
        assert len(around.asked) <= 3

    asyncio.run(told())


def test_a_witness_that_comes_back_is_shown_the_newest_without_new_ticks(monkeypatch):
    monkeypatch.setattr(witnessing, "SHOW_S", 0.05)

    async def told() -> None:
        around = Around()
        around.reached = False
        async with around.shown():
            await around.grow(0)
            await asyncio.sleep(0.6)
            assert around.seen() == 0
            assert len(around.asked) >= 2
            around.reached = True
            await around.until(1)

    asyncio.run(told())


@pytest.mark.parametrize("late", [False, True])
def test_several_witnesses_each_get_their_own_news(late):
    async def told() -> None:
        around = Around()
        other = desk("manara-witness/corvia", around.log)

        async def post(body: bytes) -> tuple[int, bytes]:
            await asyncio.sleep(0.3 * late)
            answer = other.add_checkpoint(body, time.time_ns())
            return answer.status, answer.body

        second = asyncio.create_task(around.witnessing.show(other.key, post))
        async with around.shown():
            await around.grow(0)
            await around.until(1)
            while not around.log.cosigned(2):
                await asyncio.sleep(0.01)
        second.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await second

    asyncio.run(told())
