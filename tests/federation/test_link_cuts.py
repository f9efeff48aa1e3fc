"""Row 19: whatever happens to the wire or to either side, each entry is taken once, in order, and none is lost."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
import time
from base64 import b64decode
from pathlib import Path

import pytest
from tests.doubles import link_sides
from tests.doubles.certificates import certificate
from tests.doubles.cut_proxy import CutProxy
from tests.doubles.link_pair import STREAM, Pair, ended, until

from manara.host.disk import FolderDisk
from manara.ledger import entry, receipt, tree
from manara.link import heads
from manara.node.durable.runner import Runner
from manara.records.released import Delivery


def through_cuts(folder: Path, cut) -> Pair:
    """A live stream through a proxy, with ``cut(proxy, pair)`` happening in its middle."""
    pair = Pair(folder)

    async def play() -> None:
        server = await pair.open()
        proxy = CutProxy(pair.port)
        following = asyncio.create_task(pair.client(port=await proxy.open()).follow())

        async def publish(many: int) -> None:
            for _ in range(many):
                pair.log.publish(STREAM, "arvena>corvia", rows=2)
                server.wake()
                await asyncio.sleep(0.002)

        try:
            await publish(40)
            await asyncio.gather(publish(80), cut(proxy, pair))
            await publish(20)
            await until(lambda: len(pair.taker.offsets) == 140, 10)
        finally:
            await ended(following)
            await proxy.close()
            await server.close()

    asyncio.run(play())
    assert pair.taker.offsets == list(range(140))
    assert pair.taker.refusals() == []
    return pair


def test_row_19_resets_lose_and_double_nothing(tmp_path):
    async def cut(proxy, pair):
        for _ in range(5):
            proxy.reset()
            await asyncio.sleep(0.04)

    pair = through_cuts(tmp_path, cut)
    assert "lost" in pair.taker.states()
    assert pair.taker.states()[-1] == "live"


@pytest.mark.parametrize("ways", [("up", "down"), ("up",), ("down",)], ids=["black hole", "asks in vain", "not heard"])
def test_row_19_a_black_hole_in_either_or_both_directions_loses_and_doubles_nothing(tmp_path, ways):
    async def cut(proxy, pair):
        for way in ways:
            setattr(proxy, way, False)
        await until(lambda: "lost" in pair.taker.states())
        proxy.up = proxy.down = True

    pair = through_cuts(tmp_path, cut)
    told = [one.detail for one in pair.taker.inputs if getattr(one, "state", "") == "lost"]
    assert any(detail.startswith("silent") for detail in told), told


def test_row_19_a_server_that_is_away_for_a_while_is_found_again(tmp_path):
    async def cut(proxy, pair):
        await pair.server.close()
        await until(lambda: "lost" in pair.taker.states())
        await pair.open(port=pair.port)

    pair = Pair(tmp_path)

    async def play() -> None:
        await pair.open()
        following = asyncio.create_task(pair.client().follow())
        try:
            pair.log.publish(STREAM)
            pair.server.wake()
            await until(lambda: pair.taker.offsets == [0])
            await cut(None, pair)
            pair.log.publish(STREAM)
            pair.server.wake()
            await until(lambda: pair.taker.offsets == [0, 1])
        finally:
            await ended(following)
            await pair.server.close()

    asyncio.run(play())


class Sides:
    """Two programs and what they have done."""

    def __init__(self, folder: Path, repository: Path) -> None:
        self.folder = folder
        for name in ("arvena", "belora"):
            certificate(folder, name)
        self._said = (folder / "said").open("w+b")
        command = [sys.executable, "-m", "tests.doubles.link_sides", str(folder)]
        pipe = subprocess.PIPE
        self._parent = subprocess.Popen(command, cwd=repository, stdin=pipe, stdout=pipe, stderr=self._said, text=True)
        self.running: set[str] = set()

    def _tell(self, line: str) -> int:
        print(line, file=self._parent.stdin, flush=True)
        return int(self._parent.stdout.readline())

    def said(self) -> str:
        return (self.folder / "said").read_text()

    def start(self, side: str) -> None:
        self._tell(f"start {side}")
        self.running.add(side)

    def kill(self, side: str) -> None:
        """As kill -9; a program that had ended by itself is a failure."""
        self.running.discard(side)
        assert self._tell(f"kill {side}") == signal.SIGKILL, self.said()

    def close(self) -> None:
        for side in list(self.running):
            self.kill(side)
        self._parent.communicate(timeout=10)
        self._said.close()

    def wait(self, true, within_s: float = 20.0) -> None:
        deadline = time.monotonic() + within_s
        while not true():
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.005)

    @property
    def progress(self) -> int:
        return link_sides.number(self.folder / "progress")


def kills(folder: Path, repository: Path, many: int, seed: int) -> None:
    """So many kill -9, of either side, in the middle of a live stream."""
    chance, sides = random.Random(seed), Sides(folder, repository)
    try:
        sides.start("releaser")
        sides.wait((folder / "port").exists)
        sides.start("recipient")
        for k in range(many):
            before = sides.progress
            sides.wait(lambda before=before: sides.progress > before)
            time.sleep(chance.uniform(0.0, 0.05))
            side = ("recipient", "releaser")[k % 2]
            sides.kill(side)
            sides.start(side)
        before = sides.progress
        sides.wait(lambda: sides.progress > before)
        (folder / "stop").touch()
        sides.wait((folder / "whole").exists)
        sides.wait(lambda: sides.progress >= link_sides.number(folder / "whole"))
    finally:
        sides.close()
    entries = link_sides.open_log(folder).read(STREAM, 0, 1_000_000, 1 << 40)
    assert len(entries) == link_sides.number(folder / "whole") > many
    nothing_is_lost(folder, entries)
    every_receipt_is_true(folder, entries)


def nothing_is_lost(folder: Path, entries: list[Delivery]) -> None:
    """What the recipient's journal holds is the releaser's stream, entry by entry."""
    disk = FolderDisk(folder / "node")
    runner = Runner(disk, link_sides.MACHINE, link_sides.ABOUT)
    assert runner.halted is None
    sent = [[one.offset, heads.parse(one.head).time_ns] for one in entries]
    assert runner.state.seen == sent
    assert [place for place, _ in sent] == list(range(len(sent)))
    refused = runner.state.link.partners["arvena"].refused
    assert set(refused) <= {"repeated"}, refused
    disk.close()


def every_receipt_is_true(folder: Path, entries: list[Delivery]) -> None:
    """Each names the root over exactly what stood before ``next``."""
    leaves = [
        tree.leaf_hash(entry.entry_root(one.head, [(b.rows, b.width) for b in one.blocks], one.salts))
        for one in entries
    ]
    path = folder / "receipts"
    told = [receipt.read(b64decode(line)) for line in path.read_bytes().splitlines()] if path.exists() else []
    for one in told:
        assert one.root == tree.root(leaves[: one.next])


def test_row_19_row_21_ten_kill_nines_of_either_side_lose_and_double_nothing(tmp_path, repository):
    kills(tmp_path, repository, many=10, seed=1)


@pytest.mark.soak
def test_row_19_row_21_a_hundred_kill_nines_lose_and_double_nothing(tmp_path, repository):
    kills(tmp_path, repository, many=100, seed=2)
    assert (tmp_path / "receipts").read_bytes().count(b"\n") >= 3
