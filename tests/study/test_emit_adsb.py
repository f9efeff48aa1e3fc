"""ADS-B of the world, read by rs1090: the truth within the noise, at the scenario's rates."""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from typing import Any

import numpy as np
import pytest
import rs1090

from manara.study.scenario import Scenario
from manara.study.world import Emission, World

S = 1_000_000_000


def frames(data: bytes) -> list[tuple[float, bytes]]:
    """Beast with satellite time, unwrapped here on its own: (seconds since the scenario's start, frame)."""
    out, i = [], 0
    while i < len(data):
        assert data[i : i + 2] == b"\x1a3"
        body, i = bytearray(), i + 2
        while len(body) < 21:
            body.append(data[i])
            if data[i] == 0x1A:
                assert data[i + 1] == 0x1A
                i += 1
            i += 1
        ticks = int.from_bytes(body[:6], "big")
        out.append(((ticks >> 30) - 6 * 3600 + (ticks & 0x3FFFFFFF) / S, bytes(body[7:])))
    return out


@pytest.fixture(scope="module")
def decoded(emissions: list[Emission]) -> list[dict[str, Any]]:
    rows = [pair for e in emissions if e.channel == "beast" for pair in frames(e.data)]
    stamps = [t for t, _ in rows]
    assert stamps == sorted(stamps)
    found = rs1090.decode([frame.hex() for _, frame in rows], stamps)
    assert len(found) == len(rows)
    return found


def test_positions_are_the_truth_within_noise_and_quantum(
    world: World, decoded: list[dict[str, Any]], lantern: Scenario
) -> None:
    by_address = {f"{c.icao:06x}": i for i, c in enumerate(world.craft) if c.icao}
    errors, heights = [], []
    for row in decoded:
        if row.get("latitude") is None:
            continue
        state = world._fleet.motion.at(np.array([by_address[row["icao24"]]]), np.array([row["timestamp"]]))
        north = (math.radians(row["latitude"]) - state.lat_rad[0]) * 6_371_000
        east = (math.radians(row["longitude"]) - state.lon_rad[0]) * 6_371_000 * math.cos(state.lat_rad[0])
        errors.append((east, north))
        heights.append(row["altitude"] * 0.3048 - state.alt_m[0])
    assert len(errors) > 10_000
    # Noise, and a quantum of 360°/60/2^17 = 5.1 m of latitude, uniform.
    expected = lantern.rates.sigma_position_m**2 + 5.1**2 / 12
    assert np.mean(np.square(errors)) == pytest.approx(expected, rel=0.05)
    assert np.abs(heights).max() <= 12.5 * 0.3048 + 0.01


def test_velocities_are_the_truth_within_a_quantum(world: World, decoded: list[dict[str, Any]]) -> None:
    by_address = {f"{c.icao:06x}": i for i, c in enumerate(world.craft) if c.icao}
    n = 0
    for row in decoded[::7]:
        if row.get("groundspeed") is None:
            continue
        state = world._fleet.motion.at(np.array([by_address[row["icao24"]]]), np.array([row["timestamp"]]))
        speed, track = row["groundspeed"] / 3600 * 1852, math.radians(row["track"])
        assert abs(speed * math.sin(track) - state.ve_mps[0]) < 0.4
        assert abs(speed * math.cos(track) - state.vn_mps[0]) < 0.4
        assert abs(row["vertical_rate"] * 0.3048 / 60 - state.vu_mps[0]) <= 32 * 0.3048 / 60 + 0.01
        n += 1
    assert n > 500


def test_rates_are_the_scenarios(decoded: list[dict[str, Any]], lantern: Scenario) -> None:
    sent: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row in decoded:
        sent[row["icao24"], row["bds"]].append(row["timestamp"])
    steady = {key: np.diff(t) for key, t in sent.items() if len(t) > 20}
    for bds, every in (("05", lantern.rates.adsb_position_s), ("08", lantern.rates.adsb_identification_s)):
        gaps = np.concatenate([g for (_, kind), g in steady.items() if kind == bds])
        assert np.median(gaps) == pytest.approx(every, rel=0.05)
        assert gaps.min() >= 0.89 * every
    count = Counter(row["bds"] for row in decoded)
    assert set(count) == {"05", "09", "08", "65", "61"}


def test_odd_and_even_alternate(decoded: list[dict[str, Any]]) -> None:
    parity: dict[str, list[str]] = defaultdict(list)
    for row in decoded:
        if row["bds"] == "05":
            parity[row["icao24"]].append(row["parity"])
    changes = sum(a != b for p in parity.values() for a, b in itertools.pairwise(p))
    assert changes > 0.93 * sum(len(p) - 1 for p in parity.values())


def test_who_says_what(world: World, decoded: list[dict[str, Any]]) -> None:
    by_address = {f"{c.icao:06x}": c for c in world.craft if c.icao}
    for row in decoded:
        assert row["icao24"].startswith("d")
        if row["bds"] == "08":
            assert row["callsign"].strip() == by_address[row["icao24"]].callsign
    heard = {row["icao24"] for row in decoded}
    assert len(heard) > 90
    assert "000000" not in heard  # the stray has no transponder


def test_the_emergency_is_said_while_it_lasts(world: World, decoded: list[dict[str, Any]]) -> None:
    who = next(c for c in world.craft if c.name == "medical")
    assert who.emergency_s is not None
    status = [row for row in decoded if row["bds"] == "61"]
    assert {row["icao24"] for row in status} == {f"{who.icao:06x}"}
    assert {row["squawk"] for row in status} == {"7700"}
    assert min(row["timestamp"] for row in status) >= who.emergency_s[0]
    assert len(status) > 40


def test_pieces_are_no_longer_than_the_scenario_says(emissions: list[Emission], lantern: Scenario) -> None:
    for one in emissions:
        if one.channel == "beast":
            times = [t for t, _ in frames(one.data)]
            assert times[-1] - times[0] <= lantern.rates.piece_s
            start_ns = emissions[0].time_ns // S * S
            assert one.time_ns - start_ns == pytest.approx(times[-1] * S, abs=200)
