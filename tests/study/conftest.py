"""One lantern world and its first five minutes, shared by the tests of its bytes."""

from __future__ import annotations

import pytest

from manara.study import scenario as scenarios
from manara.study.scenario import Scenario
from manara.study.world import Emission, World

MINUTES_S = 300


@pytest.fixture(scope="session")
def lantern() -> Scenario:
    return scenarios.load(scenarios.find("lantern"))


@pytest.fixture(scope="session")
def world(lantern: Scenario) -> World:
    return World(lantern, 1)


@pytest.fixture(scope="session")
def emissions(world: World) -> list[Emission]:
    return world.advance(world.start_ns + MINUTES_S * 1_000_000_000)
