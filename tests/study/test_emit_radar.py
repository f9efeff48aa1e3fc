"""Radar bytes of the world, read by libasterix: plots whose errors are the stated noise, marks on time."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import asterix.generated as spec
import numpy as np
import pytest
from asterix import base
from scipy import stats

from manara.study.plane import ecef_m
from manara.study.world import Emission, World, sensors

S = 1_000_000_000
NM_M = 1852.0
SPECS = {10: spec.Cat_010_1_1, 34: spec.Cat_034_1_29, 48: spec.Cat_048_1_31}


@dataclass
class Seen:
    """What libasterix finds on one channel."""

    plots: list[dict[str, Any]] = field(default_factory=list)
    marks: list[dict[str, Any]] = field(default_factory=list)
    bytes_total: int = 0


def number(record: Any, name: str) -> float:
    return float(record.get_item(name).variation.content.as_quantity())


def part(record: Any, name: str, sub: str) -> Any:
    return record.get_item(name).variation.get_item(sub).variation.content


def plot(category: int, r: Any) -> dict[str, Any]:
    lsb_m = NM_M / 256 if category == 48 else 1.0
    theta = "THETA" if category == 48 else "TH"
    out = {
        "time_s": number(r, "140"),
        "range_m": part(r, "040", "RHO").as_uint() * lsb_m,
        "azimuth_rad": part(r, "040", theta).as_uint() / 65536 * 2 * math.pi,
        "sac": r.get_item("010").variation.get_item("SAC").as_uint(),
        "type": r.get_item("020").variation.get_item("TYP").as_uint(),
        "address": 0,
    }
    if category == 48 and r.get_item("220") is not None:
        out["address"] = r.get_item("220").as_uint()
        out["callsign"] = r.get_item("240").variation.content.as_string().strip()
        out["squawk"] = part(r, "070", "MODE3A").as_string()
        out["alt_m"] = float(part(r, "090", "FL").as_quantity()) * 100 * 0.3048
    return out


def read(emissions: list[Emission], channel: str) -> Seen:
    seen = Seen()
    for one in emissions:
        if one.channel != channel:
            continue
        seen.bytes_total += len(one.data)
        blocks = base.RawDatablock.parse(base.Bits.from_bytes(one.data))
        assert not isinstance(blocks, ValueError)
        for block in blocks:
            category = block.get_category()
            records = SPECS[category].cv_uap.parse(block.get_raw_records())
            assert not isinstance(records, ValueError)
            for r in records:
                if category == 34:
                    kind = r.get_item("000").as_uint()
                    mark = {"kind": kind, "time_s": number(r, "030"), "sector": number(r, "020"), "at_ns": one.time_ns}
                    seen.marks.append({**mark, "period_s": number(r, "041")})
                elif category == 10 and r.get_item("000").as_uint() != 1:
                    seen.marks.append({"kind": 1, "time_s": number(r, "140"), "at_ns": one.time_ns})
                else:
                    seen.plots.append({**plot(category, r), "at_ns": one.time_ns})
    return seen


@pytest.fixture(scope="module")
def arvena(emissions: list[Emission]) -> Seen:
    return read(emissions, "radar-arvena")


@pytest.fixture(scope="module")
def coast(emissions: list[Emission]) -> Seen:
    return read(emissions, "coast-arvena")


def since_start(world: World, time_of_day_s: float) -> float:
    return time_of_day_s - world.start_ns // S % 86_400


def test_plots_of_answering_aircraft_have_the_stated_noise(world: World, arvena: Seen) -> None:
    """NIS of every plot against the truth at its time: chi-square with two degrees of freedom."""
    radar = next(r for r in world._radars if r.radar.channel == "radar-arvena")
    by_address = {c.icao: i for i, c in enumerate(world.craft) if c.icao}
    nis, heights = [], []
    for row in arvena.plots:
        if not row["address"]:
            continue
        t = np.array([since_start(world, row["time_s"])])
        state = world._fleet.motion.at(np.array([by_address[row["address"]]]), t)
        slant, azimuth = radar._site.polar(ecef_m(state.lat_rad, state.lon_rad, state.alt_m))
        dr = row["range_m"] - slant[0]
        da = math.remainder(row["azimuth_rad"] - azimuth[0], 2 * math.pi)
        # Quantisation, and up to 1/256 s of time at the aircraft's speed, are small beside the noise.
        nis.append((dr / radar.radar.sigma_range_m) ** 2 + (da / math.radians(radar.radar.sigma_azimuth_deg)) ** 2)
        heights.append(row["alt_m"] - state.alt_m[0])
    n = len(nis)
    assert n > 2000
    low, high = stats.chi2.ppf([1e-4, 1 - 1e-4], 2 * n) / n
    assert low < np.mean(nis) < high * 1.02
    assert (np.array(nis) > stats.chi2.ppf(0.99, 2)).mean() == pytest.approx(0.01, abs=0.008)
    assert np.abs(heights).max() <= 12.5 * 0.3048 + 0.2


def test_a_sensor_table_states_the_same_site_and_noise(world: World) -> None:
    for sensor, radar in zip(sensors(world.scenario), world._radars, strict=True):
        assert math.radians(sensor.lat_deg) == pytest.approx(radar._site.lat_rad, abs=1e-12)
        assert math.radians(sensor.lon_deg) == pytest.approx(radar._site.lon_rad, abs=1e-12)
        assert sensor.height_m == radar._site.height_m
        assert (sensor.sigma_range_m, sensor.period_s) == (radar.radar.sigma_range_m, radar.radar.period_s)


def test_each_aircraft_is_seen_about_once_a_turn(world: World, arvena: Seen) -> None:
    times: dict[int, list[float]] = {}
    for row in arvena.plots:
        if row["address"]:
            times.setdefault(row["address"], []).append(row["time_s"])
    whole = [t for t in times.values() if t[-1] - t[0] > 250]
    assert len(whole) > 15
    for t in whole:
        gaps = np.diff(t)
        assert np.median(gaps) == pytest.approx(4.0, abs=0.1)
        assert gaps.min() > 2.0  # one that flies past close by meets the beam early
        assert len(t) / ((t[-1] - t[0]) / 4.0 + 1) > 0.9


def test_the_stray_is_seen_by_the_primary_radar_alone(world: World, arvena: Seen, emissions: list[Emission]) -> None:
    radar = next(r for r in world._radars if r.radar.channel == "radar-arvena")
    index = next(i for i, c in enumerate(world.craft) if c.name == "stray")
    near = 0
    for row in arvena.plots:
        t = since_start(world, row["time_s"])
        if row["address"] or t < 60:
            continue
        assert row["type"] == 1
        state = world._fleet.motion.at(np.array([index]), np.array([t]))
        slant, azimuth = radar._site.polar(ecef_m(state.lat_rad, state.lon_rad, state.alt_m))
        away = abs(row["range_m"] - slant[0]) < 350
        near += away and abs(math.remainder(row["azimuth_rad"] - azimuth[0], 2 * math.pi)) < 0.008
    assert 0.7 * 60 < near <= 61  # four minutes of turns of four seconds


def test_false_plots_are_as_many_as_stated(world: World, arvena: Seen) -> None:
    alone = [row for row in arvena.plots if not row["address"]]
    before = [row for row in alone if since_start(world, row["time_s"]) < 60]
    radar = next(r for r in world.scenario.radar if r.channel == "radar-arvena")
    expected = 60 / radar.period_s * radar.clutter_per_turn
    # Aircraft whose answer was lost but whose echo was not are few; Poisson bounds around both.
    assert 3 <= len(before) <= expected + 4 * math.sqrt(expected) + 12
    assert all(row["range_m"] < radar.range_km * 1000 for row in alone)


def test_north_marks_and_sectors_are_on_time(world: World, arvena: Seen) -> None:
    north = [m for m in arvena.marks if m["kind"] == 1]
    np.testing.assert_allclose(np.diff([m["time_s"] for m in north]), 4.0, atol=1 / 64)
    assert len(arvena.marks) == pytest.approx(16 * len(north), abs=16)
    assert {m["period_s"] for m in arvena.marks} == {4.0}
    sectors = [m["sector"] for m in arvena.marks]
    steps = np.diff(sectors) % 360
    np.testing.assert_allclose(steps, 22.5, atol=0.01)
    for m in arvena.marks[:200]:
        assert since_start(world, m["time_s"]) == pytest.approx((m["at_ns"] - world.start_ns) / S, abs=1 / 128)


def test_plots_leave_within_a_sector_of_their_time(world: World, arvena: Seen) -> None:
    sector_s = 4.0 / 16
    for row in arvena.plots:
        late = (row["at_ns"] - world.start_ns) / S - since_start(world, row["time_s"])
        assert -1 / 128 <= late <= sector_s + 1 / 64


def test_vessels_are_seen_by_the_coast_radar(world: World, coast: Seen) -> None:
    """Each plot is near some vessel, but for the clutter; vessels without a voice would be seen as well."""
    radar = next(r for r in world._radars if r.radar.channel == "coast-arvena")
    afloat = np.array([i for i, c in enumerate(world.craft) if not c.flies])
    nis = []
    for row in coast.plots[::5]:
        t = np.full(len(afloat), since_start(world, row["time_s"]))
        state = world._fleet.motion.at(afloat, t)
        slant, azimuth = radar._site.polar(ecef_m(state.lat_rad, state.lon_rad, state.alt_m))
        dr = (row["range_m"] - slant) / radar.radar.sigma_range_m
        turn = np.remainder(row["azimuth_rad"] - azimuth + math.pi, 2 * math.pi) - math.pi
        nis.append(np.min(dr**2 + (turn / math.radians(radar.radar.sigma_azimuth_deg)) ** 2))
    near = np.array(nis) < stats.chi2.ppf(0.999, 2)
    assert len(near) > 100
    clutter = radar.radar.clutter_per_turn * 100 / (len(coast.plots))
    assert near.mean() == pytest.approx(1 - clutter, abs=0.08)
    assert {row["type"] for row in coast.plots} == {3}


def test_a_vessel_without_ais_is_seen_by_a_coast_radar_alone(world: World, emissions: list[Emission]) -> None:
    silent = np.array([i for i, c in enumerate(world.craft) if c.sort == "silent"])
    assert len(silent) >= 5
    assert all(world.craft[i].mmsi == 0 for i in silent)
    plots_near = np.zeros(len(silent))
    for radar in world._radars:
        if radar.radar.domain == "sea":
            for row in read(emissions, radar.radar.channel).plots:
                t = np.full(len(silent), since_start(world, row["time_s"]))
                state = world._fleet.motion.at(silent, t)
                slant, azimuth = radar._site.polar(ecef_m(state.lat_rad, state.lon_rad, state.alt_m))
                turn = np.remainder(row["azimuth_rad"] - azimuth + math.pi, 2 * math.pi) - math.pi
                plots_near += (np.abs(row["range_m"] - slant) < 100) & (np.abs(turn * slant) < 600)
    assert plots_near.max() > 20


def test_an_emergency_code_is_in_the_plots(world: World, emissions: list[Emission]) -> None:
    who = next(c for c in world.craft if c.name == "medical")
    codes = set()
    for channel in ("radar-corvia", "radar-belora", "radar-delmara"):
        for row in read(emissions, channel).plots:
            if row["address"] == who.icao:
                urgent = since_start(world, row["time_s"]) >= 240 + 1 / 64
                codes.add((urgent, row["squawk"]))
                assert row["callsign"] == "BELO771"
    assert codes == {(False, who.squawk), (True, "7700")}
