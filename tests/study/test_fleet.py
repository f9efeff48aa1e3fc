"""Who is in the world: nobody real, nobody on land, nobody turning faster than an aircraft may."""

from __future__ import annotations

import itertools
import math

import msgspec
import numpy as np
import pytest

from manara.study import scenario as scenarios
from manara.study.fleet import make_fleet
from manara.study.land import Island, Land, make_land, places
from manara.study.lanes import Lanes
from manara.study.scenario import Scenario
from manara.study.world import World


def test_counts_are_those_of_the_scenario(world: World, lantern: Scenario) -> None:
    asked = msgspec.structs.asdict(lantern.counts)
    scripted = {c.name for c in lantern.craft} | {c.name.upper() for c in lantern.craft}
    made = [c.sort for c in world.craft if c.name not in scripted]
    assert {sort: made.count(sort) for sort in asked} == asked
    assert 300 < len(world.craft) < 400


def test_no_identity_lies_in_an_allocated_range(world: World) -> None:
    for craft in world.craft:
        assert craft.icao == 0 or craft.icao >> 20 == 0xD
        assert craft.mmsi == 0 or 290 <= craft.mmsi // 1_000_000 <= 299 or craft.mmsi == 970_000_001
        if craft.flies:
            assert craft.callsign[:4].isalpha()
        elif craft.callsign:
            assert craft.callsign.startswith("Q")
        assert craft.squawk not in ("7500", "7600", "7700", "7000", "2000", "1200")


def test_identities_are_given_once_but_for_the_scripted_twins(world: World) -> None:
    claims = [c.mmsi or c.icao for c in world.craft if c.mmsi or c.icao]
    double = {c for c in claims if claims.count(c) > 1}
    twins = [c for c in world.craft if c.name.startswith("CALDER WEY")]
    assert double == {twins[0].mmsi}
    assert len(twins) == 2
    callsigns = [c.callsign for c in world.craft if c.callsign]
    assert len(set(callsigns)) == len(callsigns)


def test_vessels_are_never_on_land(world: World, lantern: Scenario) -> None:
    """Every vessel at 200 times spread over its own whole voyage."""
    land, plane = make_land(lantern), world._fleet.motion.plane
    for i, craft in enumerate(world.craft):
        if not craft.flies:
            t = np.linspace(0.0, craft.voyage.period_s, 200) - craft.phase_s
            state = world._fleet.motion.at(np.full(200, i), t)
            x, y = (state.lon_rad - plane.lon_rad) * plane.east_m, (state.lat_rad - plane.lat_rad) * plane.north_m
            assert land.clearance_m(x, y).min() > 100.0, (i, craft.sort, craft.name)


def test_aircraft_turn_and_climb_as_aircraft_do(world: World) -> None:
    flying = np.array([i for i, c in enumerate(world.craft) if c.flies])
    motion = world._fleet.motion
    for t in np.linspace(0.0, 9000.0, 300):
        now, then = (motion.at(flying, np.full(len(flying), at)) for at in (t, t + 1.0))
        moving = (now.speed_mps > 40.0) & (then.speed_mps > 40.0)
        turn = np.remainder(then.course_rad - now.course_rad + math.pi, 2 * math.pi) - math.pi
        assert np.abs(np.degrees(turn[moving])).max() <= 3.0
        assert np.abs(now.vu_mps).max() < 16.0
        assert (now.alt_m >= -1e-6).all()
        assert now.alt_m.max() < 13_000.0
        assert now.speed_mps.max() < 275.0


def test_vessels_keep_speeds_of_vessels(world: World) -> None:
    afloat = np.array([i for i, c in enumerate(world.craft) if not c.flies])
    speeds = [world._fleet.motion.at(afloat, np.full(len(afloat), t)).speed_mps for t in range(0, 20_000, 500)]
    assert np.max(speeds) < 15.0
    sailing = (np.array(speeds) > 1.0).mean()
    assert 0.5 < sailing < 0.95


def test_the_seed_changes_the_fleet_and_not_the_land(lantern: Scenario) -> None:
    small = msgspec.structs.replace(lantern, counts=scenarios.Counts(cargo=3, airliner=2, fishing=2))
    one, same, other = (make_fleet(small, seed) for seed in (1, 1, 2))
    assert [c.mmsi for c in one.craft] == [c.mmsi for c in same.craft]
    assert [c.mmsi for c in one.craft] != [c.mmsi for c in other.craft]
    assert one.towns == other.towns


def test_lanes_go_round_land_both_ways(lantern: Scenario) -> None:
    land = make_land(lantern)
    lanes = Lanes(land, lantern.width_km * 1000, lantern.height_km * 1000)
    ports = {p.name: p.roads for p in places(lantern, land)}
    way = lanes.way(ports["Selvane"], ports["Tirrel"])
    assert way[0] == ports["Selvane"]
    assert way[-1] == ports["Tirrel"]
    assert len(way) > 2
    assert all(land.clear(a, b, 600.0) for a, b in itertools.pairwise(way))
    assert lanes.way(ports["Tirrel"], ports["Selvane"]) == way[::-1]


def test_a_port_without_a_way_out_is_said_so() -> None:
    table = np.full(1441, 40_000.0)
    wall = tuple(Island("", "", x, 0.0, 40_000.0, 1.0, 0.0, table) for x in np.arange(-50_000.0, 50_001.0, 25_000.0))
    lanes = Lanes(Land(wall), 100_000.0, 200_000.0)
    with pytest.raises(ValueError, match="no way over water"):
        lanes.way((0.0, 80_000.0), (0.0, -80_000.0))
