"""AIS of the world, read by pyais: the truth within the noise, at the rates of the standard."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from pyais import decode as pyais_decode

from manara.study.emit_ais import AisAir, interval_s
from manara.study.scenario import Scenario
from manara.study.world import Emission, World

S = 1_000_000_000
LINE = re.compile(rb"\\([^\\]*)\*[0-9A-F]{2}\\(![^\r]*)\r\n")


@dataclass
class Heard:
    time_s: float
    station: str
    fields: dict[str, Any]


def read(world: World, emissions: list[Emission]) -> list[Heard]:
    """All reports, parts put together; whatever is not a tagged sentence fails."""
    out, parts = [], []
    for one in emissions:
        if one.channel != "ais":
            continue
        lines = LINE.findall(one.data)
        assert b"".join(b"\\" + tag + b"*" for tag, _ in lines) != b""
        assert sum(len(body) for _, body in lines) > 0.4 * len(one.data)
        for tag, body in lines:
            parts.append(body)
            total, number = body.split(b",")[1:3]
            if number == b"1":
                words = dict(w.split(":") for w in tag.decode().split(",") if ":" in w)
            if number == total:
                fields = pyais_decode(*parts).asdict()
                out.append(Heard(int(words["c"]) - world.start_ns // S, words["s"], fields))
                parts = []
    return out


@pytest.fixture(scope="module")
def heard(world: World, emissions: list[Emission]) -> list[Heard]:
    return read(world, emissions)


def place(world: World, mmsi: int) -> int:
    return next(i for i, c in enumerate(world.craft) if c.mmsi == mmsi)


def test_positions_are_the_truth_within_the_noise(world: World, heard: list[Heard], lantern: Scenario) -> None:
    sigma = lantern.rates.sigma_position_m
    errors = []
    twins = {c.mmsi for c in world.craft if c.name.startswith("CALDER")}
    for one in heard:
        f = one.fields
        if f["msg_type"] not in (1, 18) or f["mmsi"] in twins or f["mmsi"] // 1_000_000 == 970:
            continue
        craft = place(world, f["mmsi"])
        assert f["second"] == int(one.time_s) % 60
        state = world._fleet.motion.at(np.array([craft]), np.array([float(one.time_s)]))
        north = (math.radians(f["lat"]) - state.lat_rad[0]) * 6_371_000
        east = (math.radians(f["lon"]) - state.lon_rad[0]) * 6_371_000 * math.cos(state.lat_rad[0])
        errors.append((east, north))
        assert abs(f["speed"] - state.speed_mps[0] * 3600 / 1852) <= 0.06
        if state.speed_mps[0] > 1.0:
            turn = math.remainder(math.radians(f["course"]) - state.course_rad[0], 2 * math.pi)
            assert abs(math.degrees(turn)) <= 0.06
        assert f["accuracy"]
    squares = np.square(errors) / sigma**2
    assert len(errors) > 1500
    # A mean of 2n squared standard normals: within 5 of its standard deviations of 1.
    assert abs(squares.mean() - 1) < 5 * math.sqrt(2 / squares.size)


def test_every_vessel_in_reach_reports_and_says_its_name(world: World, heard: list[Heard]) -> None:
    positions = {h.fields["mmsi"] for h in heard if h.fields["msg_type"] in (1, 18)}
    named = {h.fields["mmsi"]: h.fields["shipname"] for h in heard if h.fields.get("shipname")}
    assert len(positions) > 150
    assert len(set(named) & positions) > 0.95 * len(positions)
    by_mmsi = {c.mmsi: c for c in world.craft}
    for mmsi, name in named.items():
        assert name in {c.name for c in world.craft if c.mmsi == mmsi}
    static = [h.fields for h in heard if h.fields["msg_type"] == 5]
    for f in static[:50]:
        assert f["imo"] == 0
        assert f["callsign"] == by_mmsi[f["mmsi"]].callsign or f["mmsi"] in named
        assert f["to_bow"] + f["to_stern"] in {c.length_m for c in world.craft if c.mmsi == f["mmsi"]}


def test_no_sender_has_an_allocated_identity(heard: list[Heard]) -> None:
    for mmsi in {h.fields["mmsi"] for h in heard}:
        text = f"{mmsi:09d}"
        digits = text[2:5] if text.startswith(("00", "99")) else text[:3]
        assert 290 <= int(digits) <= 299 or mmsi == 970_000_001


@pytest.mark.parametrize(
    ("case", "seconds"),
    [
        (("A", True, 0.0, False), 180.0),
        (("A", True, 2.0, False), 10.0),
        (("A", False, 7.0, False), 10.0),
        (("A", False, 7.0, True), 10 / 3),
        (("A", False, 8.0, False), 6.0),
        (("A", False, 8.0, True), 2.0),
        (("A", False, 12.5, False), 2.0),
        (("B", False, 0.5, False), 180.0),
        (("B", False, 5.0, True), 30.0),
    ],
)
def test_intervals_are_those_of_the_tables(case, seconds: float) -> None:
    assert interval_s(*case) == pytest.approx(seconds)


def test_measured_intervals_follow_speed(world: World, heard: list[Heard]) -> None:
    times: dict[int, list[Heard]] = {}
    for h in heard:
        if h.fields["msg_type"] in (1, 18):
            times.setdefault(h.fields["mmsi"], []).append(h)
    steady, moored = [], []
    for mmsi, rows in times.items():
        speeds = [r.fields["speed"] for r in rows]
        gaps = np.diff([r.time_s for r in rows])
        craft = world.craft[place(world, mmsi)]
        if craft.ais_class == "A" and len(gaps) > 10 and min(speeds) > 15 and max(speeds) < 22:
            steady.append(np.median(gaps))
        if craft.sort == "anchored" and len(gaps):
            moored += list(gaps)
    assert len(steady) >= 5
    assert 5.0 <= np.median(steady) <= 7.0
    assert moored
    assert min(moored) >= 165


def test_stations_and_lights_keep_their_rates(heard: list[Heard], lantern: Scenario) -> None:
    stations = [r for r in lantern.receiver if r.kind == "ais"]
    base = [h for h in heard if h.fields["msg_type"] == 4]
    assert len(base) == len(stations) * 30
    for h in base[:20]:
        f = h.fields
        assert (f["year"], f["month"], f["day"], f["hour"]) == (2030, 3, 21, 6)
        assert f["minute"] * 60 + f["second"] == h.time_s
    lights: dict[int, list[float]] = {}
    for h in heard:
        if h.fields["msg_type"] == 21:
            assert h.fields["name"].endswith("LIGHT")
            lights.setdefault(h.fields["mmsi"], []).append(h.time_s)
    assert len(lights) > 8
    assert all(1 <= len(t) <= 2 for t in lights.values())
    assert {round(t[1] - t[0]) for t in lights.values() if len(t) == 2} <= {179, 180, 181}


def minute(world: World, begin_s: int, end_s: int) -> list[Heard]:
    """AIS alone, from a transmitter of its own, so that later minutes cost little."""
    lone = AisAir(world.scenario, world._fleet, 1)
    out = []
    for k in range(end_s):
        sent = lone._distress(k, np.random.default_rng(k)) if k >= begin_s else []
        out += [Emission(world.start_ns + k * S, c, d, False) for _, c, d in sent]
    return read(world, out)


def test_the_distress_device_sends_bursts_and_its_text(world: World, heard: list[Heard]) -> None:
    assert not [h for h in heard if h.fields["mmsi"] == 970_000_001]
    device = minute(world, 700, 1080)
    assert min(h.time_s for h in device) >= 780
    reports = [h for h in device if h.fields["msg_type"] == 1]
    texts = [h for h in device if h.fields["msg_type"] == 14]
    assert {h.fields["status"] for h in reports} == {14}
    assert {h.fields["text"] for h in texts} == {"SART ACTIVE"}
    assert len(texts) >= 2
    assert 30 <= len(reports) <= 38  # five bursts of eight, less texts and losses
    seconds = sorted({int(h.time_s - 780) % 60 for h in device})
    assert set(seconds) <= {0, 2, 4, 6, 8, 10, 12, 14}


def test_two_vessels_claim_one_identity_far_apart(world: World, heard: list[Heard]) -> None:
    mmsi = next(c.mmsi for c in world.craft if c.name == "CALDER WEY")
    lon = [h.fields["lon"] for h in heard if h.fields["msg_type"] == 1 and h.fields["mmsi"] == mmsi]
    west, east = [v for v in lon if v < -115], [v for v in lon if v > -115]
    assert len(west) > 10
    assert len(east) > 10
    assert min(east) - max(west) > 1.5


def test_the_tanker_is_silent_while_it_is_dark(world: World) -> None:
    index = next(i for i, c in enumerate(world.craft) if c.name == "OMBRELLE TARN")
    who = np.array([index])
    silent = [bool(world._fleet.silent(who, np.array([float(t)]))[0]) for t in (0, 419, 420, 3299, 3300)]
    assert silent == [False, False, True, True, False]


def test_the_tanker_crosses_the_cable_while_dark(world: World, lantern: Scenario) -> None:
    index = next(i for i, c in enumerate(world.craft) if c.name == "OMBRELLE TARN")
    plane, motion = world._fleet.motion.plane, world._fleet.motion
    t = np.arange(420.0, 3300.0, 10.0)
    state = motion.at(np.full(len(t), index), t)
    x, y = (state.lon_rad - plane.lon_rad) * plane.east_m, (state.lat_rad - plane.lat_rad) * plane.north_m
    (x0, y0), (x1, y1) = np.array(lantern.cable[0].path_km[2:4]) * 1000
    side = np.sign((x1 - x0) * (y - y0) - (y1 - y0) * (x - x0))
    assert side[0] != side[-1]
    assert 300 < t[np.argmax(side != side[0])] < 2000
