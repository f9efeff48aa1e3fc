"""The demo: one node, a fictional sea, real bytes through real sockets."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from dataclasses import dataclass

import msgspec

from manara.host.clock import FollowedClock
from manara.host.problems import BadInput
from manara.host.running import Face, Running, memory_turn
from manara.records.config import NodeConfig
from manara.records.sensors import FeedConfig
from manara.study import scenario as scenarios
from manara.study.land import land_geojson
from manara.study.world import feeds, sensors

START_WAIT_S = 60.0  # for the transmitter to make its world


@dataclass
class Demo:
    """A running node and the transmitter that feeds it."""

    running: Running
    clock: FollowedClock
    transmitter: asyncio.subprocess.Process

    async def work(self) -> None:
        """Feed the node until cancelled, then end the transmitter."""
        clock = asyncio.ensure_future(_follow(self.transmitter, self.clock))
        try:
            await self.running.run_live()
        finally:
            clock.cancel()
            if self.transmitter.returncode is None:
                self.transmitter.kill()
            await self.transmitter.wait()


async def prepare(name: str, seed: int, speed: float) -> Demo:
    """Start the transmitter and make a node that listens to it. Raises BadInput for an unknown scenario."""
    try:
        scenario = scenarios.load(scenarios.find(name))
    except ValueError as fault:
        raise BadInput(str(fault), "--scenario") from None
    udp = {feed.name: _free_udp_port() for feed in feeds(scenario) if feed.format == "asterix"}
    transmitter = await _start(name, seed, speed, udp)
    try:
        config = await _config(scenario, speed, udp, transmitter)
    except BaseException:  # interrupted while it was being made: nothing stays behind
        transmitter.kill()
        await transmitter.wait()
        raise
    assert transmitter.stdin is not None  # noqa: S101 - it was opened as a pipe
    transmitter.stdin.write(b"go\n")
    face = Face(
        title=scenario.title,
        title_ar=scenario.title_ar,
        mode="demo",
        land=msgspec.json.encode(land_geojson(scenario)),
        centre=(scenario.lat_deg, scenario.lon_deg, 7.0),
    )
    clock = FollowedClock(scenarios.start_ns(scenario), speed)
    return Demo(Running(config, clock, memory_turn(config), face), clock, transmitter)


async def _config(
    scenario: scenarios.Scenario, speed: float, udp: dict[str, int], transmitter: asyncio.subprocess.Process
) -> NodeConfig:
    """A node that listens to the transmitter's sockets; its decoders and kernels are loaded while the world is made."""
    stale_s = 15.0 * max(1.0, speed / 4)  # a fast clock makes seconds short
    draft = NodeConfig(stale_s=stale_s, name=scenario.name, feeds=feeds(scenario), sensors=sensors(scenario))
    ports, _ = await asyncio.gather(_ports(transmitter), asyncio.to_thread(_load_kernels, draft))
    return msgspec.structs.replace(draft, feeds=tuple(_with_url(feed, udp, ports) for feed in draft.feeds))


async def _follow(transmitter: asyncio.subprocess.Process, clock: FollowedClock) -> None:
    """The node's clock is the world's."""
    assert transmitter.stdout is not None  # noqa: S101 - it was opened as a pipe
    while line := await transmitter.stdout.readline():
        clock.hear(int(line))


def _load_kernels(config: NodeConfig) -> None:
    """While the transmitter makes its world: one empty step loads decoders and kernels."""
    memory_turn(config)((), 0)


def _with_url(feed: FeedConfig, udp: dict[str, int], ports: dict[str, int]) -> FeedConfig:
    where = f"udp://127.0.0.1:{udp[feed.name]}" if feed.name in udp else f"tcp://127.0.0.1:{ports[feed.name]}"
    return msgspec.structs.replace(feed, url=where)


def _free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def _start(name: str, seed: int, speed: float, udp: dict[str, int]) -> asyncio.subprocess.Process:
    said = [f"--udp={channel}={port}" for channel, port in udp.items()]
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "manara.exercise.transmitter",
        name,
        f"--seed={seed}",
        f"--speed={speed}",
        *said,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl+C is for us; we end it
    )


async def _ports(transmitter: asyncio.subprocess.Process) -> dict[str, int]:
    assert transmitter.stdout is not None  # noqa: S101 - it was opened as a pipe
    line = await asyncio.wait_for(transmitter.stdout.readline(), START_WAIT_S)
    if not line:
        raise RuntimeError("the transmitter ended before it began; its own words stand above")
    ports: dict[str, int] = json.loads(line)["ports"]
    return ports
