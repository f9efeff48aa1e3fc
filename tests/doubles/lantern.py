"""The simulated sea as a node hears it: its emissions as inputs, second by second."""

from __future__ import annotations

import functools

from manara.records.config import NodeConfig
from manara.records.inputs import Chunk, Input
from manara.study import scenario as scenarios
from manara.study.world import World, feeds, sensors

SECOND_NS = 1_000_000_000
Window = tuple[int, tuple[Input, ...]]


def config() -> NodeConfig:
    """A node that listens to every channel of the scenario."""
    scenario = scenarios.load(scenarios.find("lantern"))
    return NodeConfig(name="lantern", feeds=tuple(feeds(scenario)), sensors=sensors(scenario), capacity=512)


@functools.cache
def windows(seconds: int, seed: int = 1) -> tuple[Window, ...]:
    """What is heard in each second."""
    scenario = scenarios.load(scenarios.find("lantern"))
    world = World(scenario, seed)
    index = {feed.name: i for i, feed in enumerate(feeds(scenario))}
    made = []
    for k in range(1, seconds + 1):
        now_ns = world.start_ns + k * SECOND_NS
        heard = tuple(Chunk(index[e.channel], e.data, e.time_ns, e.whole) for e in world.advance(now_ns))
        made.append((now_ns, heard))
    return tuple(made)
