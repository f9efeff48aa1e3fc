"""The demo: one node, a fictional sea, real bytes through real sockets."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import threading
from contextlib import suppress
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


@dataclass
class Demo:
    """A running node and the transmitter that feeds it."""

    running: Running
    clock: FollowedClock
    transmitter: Transmitter

    async def work(self) -> None:
        """Feed the node until cancelled, then end the transmitter."""
        try:
            self.transmitter.go(self.clock)
            await self.running.run_live()
        finally:
            self.transmitter.stop()


class Transmitter:
    """The world, in a program of its own. A plain process with a thread that reads it: however early somebody
    interrupts, `stop` ends it."""

    def __init__(self, name: str, seed: int, speed: float, udp: dict[str, int]) -> None:
        said = [f"--udp={channel}={port}" for channel, port in udp.items()]
        self._process = subprocess.Popen(  # noqa: S603 - our own program; the words are one argument each, no shell
            [sys.executable, "-m", "manara.exercise.transmitter", name, f"--seed={seed}", f"--speed={speed}", *said],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl+C is for us; we end it
        )
        assert self._process.stdin is not None  # noqa: S101 - it was opened as a pipe
        assert self._process.stdout is not None  # noqa: S101 - it was opened as a pipe
        self._stdin, self._stdout = self._process.stdin, self._process.stdout

    def ports(self) -> dict[str, int]:
        """The TCP port of each stream; waits until the world is made."""
        line = self._stdout.readline()
        if not line:
            raise RuntimeError("the transmitter ended before it began; its own words stand above")
        ports: dict[str, int] = json.loads(line)["ports"]
        return ports

    def go(self, clock: FollowedClock) -> None:
        """Let the world begin; the clock is told its time from now on."""

        def follow() -> None:
            for line in self._stdout:
                clock.hear(int(line))

        self._stdin.write(b"go\n")
        self._stdin.flush()
        threading.Thread(target=follow, name="world's clock", daemon=True).start()

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        with suppress(OSError):
            self._stdin.close()


async def prepare(name: str, seed: int, speed: float) -> Demo:
    """Start the transmitter and make a node that listens to it. Raises BadInput for an unknown scenario."""
    try:
        scenario = scenarios.load(scenarios.find(name))
    except ValueError as fault:
        raise BadInput(str(fault), "--scenario") from None
    udp = {feed.name: _free_udp_port() for feed in feeds(scenario) if feed.format == "asterix"}
    transmitter = Transmitter(name, seed, speed, udp)
    try:
        config = await _config(scenario, speed, udp, transmitter)
    except BaseException:  # interrupted while it was being made: nothing stays behind
        transmitter.stop()
        raise
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
    scenario: scenarios.Scenario, speed: float, udp: dict[str, int], transmitter: Transmitter
) -> NodeConfig:
    """A node that listens to the transmitter's sockets; its decoders and kernels are loaded while the world is made."""
    stale_s = 15.0 * max(1.0, speed / 4)  # a fast clock makes seconds short
    draft = NodeConfig(stale_s=stale_s, name=scenario.name, feeds=feeds(scenario), sensors=sensors(scenario))
    ports, _ = await asyncio.gather(asyncio.to_thread(transmitter.ports), asyncio.to_thread(_load_kernels, draft))
    return msgspec.structs.replace(draft, feeds=tuple(_with_url(feed, udp, ports) for feed in draft.feeds))


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
