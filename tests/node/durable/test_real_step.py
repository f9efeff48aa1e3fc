"""The node itself, not a toy, under the faults of the disk: it comes back bit for bit."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from tests.doubles import lantern
from tests.doubles.faulty_disk import FaultyDisk, PowerCut

from manara.node import state as node
from manara.node.durable import snapshot
from manara.node.durable.frames import About
from manara.node.durable.recovery import Machine
from manara.node.durable.runner import Limits, Runner
from manara.node.step import step

SECONDS = 12
CONFIG = lantern.config()
MACHINE = Machine(lambda: node.init(CONFIG), step, node.dump, lambda plain: node.load(plain, CONFIG))


def bits(state: node.State) -> bytes:
    return snapshot.encode_plain(node.dump(state))


def open_node(disk: FaultyDisk) -> Runner[node.State]:
    return Runner(disk, MACHINE, About("build"), Limits(steps_per_snapshot=3, segment_bytes=50_000))


@pytest.fixture(scope="module")
def lived() -> list[bytes]:
    """The state after each second of a node that nothing happened to; first that of a new node."""

    def live() -> Iterator[bytes]:
        held = node.init(CONFIG)
        yield bits(held)
        for now_ns, inputs in lantern.windows(SECONDS):
            step(held, inputs, now_ns)
            yield bits(held)

    return list(live())


@pytest.mark.parametrize("seed", range(2))
def test_power_cuts_all_along_change_nothing(lived: list[bytes], seed: int) -> None:
    chance = random.Random(seed)
    disk = FaultyDisk(seed)
    done = cuts = 0
    while done < SECONDS:
        disk.cut_at = disk.operations + chance.randint(4, 20)
        try:
            runner = open_node(disk)
            assert runner.sequence in (done, done + 1)
            done = runner.sequence
            assert bits(runner.state) == lived[done]
            while done < SECONDS:
                now_ns, inputs = lantern.windows(SECONDS)[done]
                assert runner.offer(inputs) == ()
                assert runner.turn(now_ns).halted is None
                done += 1
            assert bits(runner.state) == lived[done]
        except PowerCut:
            cuts += 1
            disk.power_on()
    assert cuts >= 2


def test_a_replay_of_the_whole_journal_gives_the_state_of_the_snapshots(lived: list[bytes]) -> None:
    disk = FaultyDisk()
    runner = open_node(disk)
    for now_ns, inputs in lantern.windows(SECONDS):
        runner.offer(inputs)
        runner.turn(now_ns)
    runner.close()
    other = Runner(disk, MACHINE, About("another build"))
    assert other.report.frames == SECONDS
    assert bits(other.state) == lived[SECONDS]
    assert other.views.sequence == SECONDS
