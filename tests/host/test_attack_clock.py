"""The machine's clock is set by a day, back and forth: the node goes on, and its time never goes back."""

import asyncio
import time

import pytest

from manara.host import running
from manara.host.clock import WallClock
from manara.host.kept import KeptClock, KeptNode
from manara.host.running import Face, Running, memory_turn
from manara.records.config import NodeConfig

DAY_NS = 86_400_000_000_000


@pytest.fixture
def machine(monkeypatch):
    """Add to ``machine[0]`` to set the machine's clock."""
    real, off = time.time_ns, [0]
    monkeypatch.setattr(time, "time_ns", lambda: real() + off[0])
    return off


def test_the_wall_clock_never_goes_back(machine):
    clock = WallClock()
    last = clock.now_ns()
    for jump in (-DAY_NS, DAY_NS, -2 * DAY_NS, DAY_NS // 2):
        machine[0] += jump
        now = clock.now_ns()
        assert now >= last
        assert clock.wait_s(now + 1_000_000_000) <= 1.0
        last = now
    assert clock.now_ns() >= last


@pytest.mark.parametrize("kept", [False, True])
def test_a_node_goes_on_when_the_clock_is_set_back(tmp_path, monkeypatch, machine, kept):
    monkeypatch.setattr(running, "TICK_NS", 50_000_000)
    monkeypatch.setattr(running, "TICK_WALL_S", 0.05)
    config = NodeConfig()
    node = KeptNode(config, tmp_path) if kept else None
    face = Face("t", "live")
    one = (
        Running(config, KeptClock(node.runner), node.turn, face, node.done)
        if node
        else Running(config, WallClock(), memory_turn(config), face)
    )

    async def life():
        going = asyncio.ensure_future(one.run_live())
        try:
            async with asyncio.timeout(20):
                views = await one.wait(1)
                for jump in (-DAY_NS, 2 * DAY_NS, -DAY_NS):
                    machine[0] += jump
                    later = await one.wait(views.sequence + 2)
                    assert later.now_ns > views.now_ns
                    views = later
        finally:
            going.cancel()
            await asyncio.gather(going, return_exceptions=True)

    asyncio.run(life())
    one.close()
    if node:
        node.close()
