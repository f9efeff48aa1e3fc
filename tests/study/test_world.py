"""One world: the same bytes from the same seed, however it is advanced."""

from __future__ import annotations

import hashlib
import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manara.records.identity import Space, unpack
from manara.records.reports import Kind
from manara.study import scenario as scenarios
from manara.study.scenario import Counts, Scenario
from manara.study.world import Emission, World, feeds, sensors

S = 1_000_000_000


def digest(emissions: list[Emission]) -> str:
    total = hashlib.sha256()
    for one in emissions:
        total.update(f"{one.time_ns} {one.channel} {one.whole} {len(one.data)} ".encode() + one.data)
    return total.hexdigest()


@pytest.fixture(scope="module")
def small(lantern: Scenario) -> Scenario:
    """The lantern sea with few craft: quick to make again and again."""
    counts = Counts(cargo=4, ferry=2, pleasure=2, airliner=6, overflight=3, helicopter=1)
    return msgspec.structs.replace(lantern, counts=counts)


@pytest.fixture(scope="module")
def reference(small: Scenario) -> str:
    world = World(small, 7)
    return digest(world.advance(world.start_ns + 20 * S))


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(small: Scenario, reference: str) -> None:
    again, other = World(small, 7), World(small, 8)
    assert digest(again.advance(again.start_ns + 20 * S)) == reference
    assert digest(other.advance(other.start_ns + 20 * S)) != reference


@settings(max_examples=4)
@given(st.lists(st.integers(0, 20 * S), max_size=12))
def test_however_the_calls_are_cut_the_bytes_are_the_same(small: Scenario, reference: str, cuts: list[int]) -> None:
    world = World(small, 7)
    out: list[Emission] = []
    for until in [*sorted(cuts), 20 * S]:
        piece = world.advance(world.start_ns + until)
        assert all(one.time_ns < world.start_ns + until for one in piece)
        out += piece
    assert digest(out) == reference


def test_emissions_come_in_the_order_of_time_on_known_channels(
    world: World, emissions: list[Emission], lantern: Scenario
) -> None:
    times = [one.time_ns for one in emissions]
    assert times == sorted(times)
    assert times[0] >= world.start_ns
    formats = {feed.name: feed.format for feed in feeds(lantern)}
    assert {one.channel for one in emissions} == set(formats)
    assert all(one.whole == (formats[one.channel] == "asterix") for one in emissions)
    assert max(len(one.data) for one in emissions if one.whole) <= 1400


def test_asking_for_the_past_gives_nothing(small: Scenario) -> None:
    world = World(small, 7)
    assert world.advance(world.start_ns - S) == []
    assert world.advance(world.start_ns + 3 * S)
    assert world.advance(world.start_ns + 2 * S) == []


def test_truth_is_who_is_there_with_what_they_claim(world: World) -> None:
    truth = world.truth(world.start_ns + 30 * S)
    names = [world.craft[i].name for i in truth.craft]
    assert "stray" not in names  # it appears at 60 s
    assert "life-raft" not in names
    later = world.truth(world.start_ns + 900 * S)
    stray = [world.craft[i].name for i in later.craft].index("stray")
    assert later.kind[stray] == Kind.UNMANNED_AIRCRAFT
    assert later.identity[stray] == 0
    spaces = {unpack(int(i))[0] for i in later.identity}
    assert spaces == {Space.NONE, Space.MMSI, Space.ICAO24}
    assert np.isfinite(np.stack([later.lat_rad, later.lon_rad, later.alt_m, later.speed_mps])).all()
    assert ((later.course_rad >= 0) & (later.course_rad < 2 * math.pi)).all()


def test_truth_does_not_depend_on_what_was_emitted(small: Scenario) -> None:
    fresh, used = World(small, 7), World(small, 7)
    used.advance(used.start_ns + 15 * S)
    at = fresh.start_ns + 5 * S + 123
    assert (fresh.truth(at).lat_rad == used.truth(at).lat_rad).all()


def test_the_stray_is_below_every_horizon_but_one(world: World) -> None:
    """The story of the demo: Arvena's radar alone sees it for many minutes, Delmara's only at the end."""
    seen: dict[str, list[int]] = {}
    index = [c.name for c in world.craft].index("stray")
    fleet = world._fleet
    for t in range(70, 1600, 10):
        state = fleet.motion.at(np.array([index]), np.array([float(t)]))
        for radar in world._radars:
            if radar.radar.domain == "air" and radar.sees(state):
                seen.setdefault(radar.radar.partner, []).append(t)
    assert set(seen) == {"Arvena", "Delmara"}
    assert min(seen["Arvena"]) == 70
    assert min(seen["Delmara"]) - min(seen["Arvena"]) > 15 * 60
    end_s = world.craft[index].ends_s
    assert 60 < end_s - min(seen["Delmara"]) < 600


def test_sensors_and_feeds_name_the_same_channels(lantern: Scenario) -> None:
    by_channel = {feed.name: feed for feed in feeds(lantern)}
    assert {s.feed for s in sensors(lantern)} == {n for n, f in by_channel.items() if f.format == "asterix"}
    assert len({(s.sac, s.sic) for s in sensors(lantern)}) == len(lantern.radar)
    for sensor in sensors(lantern):
        assert abs(sensor.lat_deg - lantern.lat_deg) < 2.5
        assert sensor.domain in ("air", "sea")
    assert {f.format for f in by_channel.values()} == {"ais", "beast", "asterix"}


def test_a_scenario_without_sensors_or_craft_is_silent(lantern: Scenario) -> None:
    bare = msgspec.structs.replace(lantern, counts=Counts(cargo=1), receiver=(), radar=(), craft=())
    world = World(bare, 1)
    assert world.advance(world.start_ns + 5 * S) == []
    assert feeds(bare) == () == sensors(bare)


def test_a_world_across_the_antimeridian_and_midnight(lantern: Scenario) -> None:
    text = scenarios.find("lantern").read_text(encoding="utf-8")
    text = text.replace("lon_deg = -115.0", "lon_deg = 179.95").replace("06:00:00Z", "23:59:55Z")
    moved = msgspec.structs.replace(scenarios.parse(text), counts=Counts(cargo=4, airliner=8))
    world = World(moved, 1)
    assert len(world.advance(world.start_ns + 12 * S)) > 50
    lon = world.truth(world.start_ns + 900 * S).lon_rad
    assert lon.min() < -3.1
    assert lon.max() > 3.1


def heard(world: World, seconds: int) -> dict[str, list[Emission]]:
    out: dict[str, list[Emission]] = {}
    for one in world.advance(world.start_ns + seconds * S):
        out.setdefault(one.channel, []).append(one)
    return out


def test_apart_each_channel_carries_what_one_partner_hears(small: Scenario) -> None:
    parted = scenarios.apart(small)
    assert [c.channel for c in small.receiver if c.channel not in ("ais", "beast")] == []
    users: dict[str, set[str]] = {}
    for one in (*parted.receiver, *parted.radar):
        users.setdefault(one.channel, set()).add(one.partner)
    assert all(len(who) == 1 for who in users.values())
    assert users["ais-arvena"] == {"Arvena"}
    assert users["radar-belora"] == {"Belora"}  # had one user before and keeps its name
    assert scenarios.apart(parted) == parted
    everybody = [feeds(parted, partner.name) for partner in parted.partner]
    assert sorted(f.name for some in everybody for f in some) == sorted(f.name for f in feeds(parted))
    assert sorted(s.name for p in parted.partner for s in sensors(parted, p.name)) == sorted(
        r.name for r in small.radar
    )
    assert {s.feed for s in sensors(parted, "Belora")} == {"radar-belora"}


def test_a_channel_of_several_partners_is_nobodys_own(small: Scenario) -> None:
    with pytest.raises(ValueError, match="'ais' carries what other partners hear too"):
        feeds(small, "Arvena")
    assert {f.name for f in feeds(scenarios.apart(small), "Arvena")} == {
        "ais-arvena",
        "beast-arvena",
        "radar-arvena",
        "coast-arvena",
    }
    assert feeds(scenarios.apart(small), "Nobody") == () == sensors(small, "Nobody")


def test_what_one_partner_hears_does_not_depend_on_who_else_listens(small: Scenario) -> None:
    parted = scenarios.apart(small)
    everything = heard(World(parted, 7), 12)
    mine = {feed.name for feed in feeds(parted, "Belora")}
    alone = heard(World(parted, 7, mine), 12)
    assert set(alone) == mine
    for channel in mine:
        # Pieces are cut alike, so they are the same to the byte and to the nanosecond.
        assert alone[channel] == everything[channel], channel
    assert (
        World(parted, 7, mine).truth(parted_at(parted)).lat_rad.tolist()
        == World(small, 7).truth(parted_at(small)).lat_rad.tolist()
    )


def parted_at(scenario: Scenario) -> int:
    return scenarios.start_ns(scenario) + 60 * S


def test_the_stray_is_in_no_channel_of_belora(lantern: Scenario) -> None:
    """The story of the second node: Belora learns of it from Arvena or not at all."""
    world = World(scenarios.apart(lantern), 1)
    index = [c.name for c in world.craft].index("stray")
    for radar in world._radars:
        if radar.radar.partner == "Belora":
            for t in range(70, 1600, 30):
                assert not radar.sees(world._fleet.motion.at(np.array([index]), np.array([float(t)])))
    assert world.craft[index].icao == 0
    assert world.craft[index].mmsi == 0
