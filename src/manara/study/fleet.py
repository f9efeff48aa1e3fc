"""All craft of a world: those that the scenario scripts, and those that its counts and seed add."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from manara.records.columns import F8, I8
from manara.study.air import Skies, aircraft
from manara.study.craft import AT_ANCHOR, DISTRESS, Craft
from manara.study.land import Land, Place, make_land, places
from manara.study.motion import Motion, Voyage, sail
from manara.study.names import Names
from manara.study.path import rounded
from manara.study.plane import Plane
from manara.study.scenario import Scenario, Script
from manara.study.sea import Waters, there_and_back, vessels


@dataclass(frozen=True, eq=False)
class Fleet:
    """All craft, and their motion. Craft are named by their place in the tuple."""

    craft: tuple[Craft, ...]
    motion: Motion
    begins_s: F8
    ends_s: F8
    towns: tuple[Place, ...]
    land: Land

    def where(self, chosen: list[bool]) -> I8:
        """Places of the craft that a list of choices names."""
        return np.flatnonzero(np.array(chosen, dtype=bool))

    def exists(self, craft: I8, t_s: F8) -> Any:
        """Whether each of those craft is in the world at each of those times."""
        return (self.begins_s[craft] <= t_s) & (t_s < self.ends_s[craft])

    def silent(self, craft: I8, t_s: F8) -> Any:
        """Whether each of those craft keeps its transponder off at each of those times."""
        off = np.zeros(len(craft), dtype=bool)
        for i, who in enumerate(craft):
            spans = self.craft[int(who)].dark_s
            if spans:
                off[i] = any(a <= t_s[i] < b for a, b in spans)
        return off


def make_fleet(scenario: Scenario, seed: int) -> Fleet:
    """The craft of a scenario under a seed; the land depends on the scenario alone."""
    land = make_land(scenario)
    towns = places(scenario, land)
    names = Names(_rng(seed, 1))
    water = Waters(scenario, land, towns, names)
    sky = Skies(scenario, land, towns, names)
    craft = [_scripted(one, water, sky, towns, _rng(seed, 2, i)) for i, one in enumerate(scenario.craft)]
    by_name = {one.name: made for one, made in zip(scenario.craft, craft, strict=True)}
    for i, one in enumerate(scenario.craft):
        if one.same_identity_as:
            twin = by_name[one.same_identity_as]
            craft[i] = dataclasses.replace(craft[i], mmsi=twin.mmsi, icao=twin.icao)
    craft += vessels(water, _rng(seed, 3))
    craft += aircraft(sky, _rng(seed, 4))
    plane = Plane.at(scenario.lat_deg, scenario.lon_deg)
    motion = Motion(plane, [c.voyage for c in craft], np.array([c.phase_s for c in craft]))
    begins, ends = np.array([c.begins_s for c in craft]), np.array([c.ends_s for c in craft])
    return Fleet(tuple(craft), motion, begins, ends, towns, land)


def _rng(*key: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(key))


def _scripted(one: Script, water: Waters, sky: Skies, towns: tuple[Place, ...], rng: np.random.Generator) -> Craft:
    points = [(e * 1000.0, n * 1000.0) for e, n in one.path_km]
    if one.kind in ("tanker", "cargo"):
        return _ship(one, water, points, towns, rng)
    if one.kind == "distress":
        return _device(one, points)
    if one.to_town:
        town = next(t for t in towns if t.name == one.to_town)
        points.append((town.x_m, town.y_m))
    line = rounded(points, 5000.0)
    level = [(0.0, one.altitude_m), (line.length_m, one.altitude_m)]
    voyage = sail(line, [(0.0, one.speed_mps), (line.length_m, one.speed_mps)], level)
    voyage = dataclasses.replace(voyage, repeats=False)
    partner = one.partner or water.scenario.partner[0].name
    made = sky.aircraft(rng, one.kind, voyage, "B6" if one.kind == "unmanned" else "A3", partner=partner)
    return dataclasses.replace(
        made,
        name=one.name,
        phase_s=-one.start_s,
        begins_s=one.start_s,
        ends_s=min(one.end_s, one.start_s + voyage.period_s),
        icao=made.icao if one.transponder else 0,
        callsign=one.callsign or made.callsign,
        squawk=made.squawk if one.transponder else "",
        dark_s=one.dark_s,
        emergency_s=one.emergency_s,
    )


def _ship(
    one: Script, water: Waters, points: list[tuple[float, float]], towns: tuple[Place, ...], rng: np.random.Generator
) -> Craft:
    if one.to_town:
        points = [*points, next(t for t in towns if t.name == one.to_town).roads]
    voyage = there_and_back(water.lanes.route(points), one.speed_mps, 800.0, 600.0, 500.0)
    return water.vessel(
        rng, one.kind, voyage, one.partner, name=one.name.upper(), phase_s=-one.start_s, begins_s=one.start_s,
        ends_s=one.end_s, dark_s=one.dark_s, at_rest=AT_ANCHOR,
        mmsi=water.names.mmsi(_mid(one, water)) if one.transponder else 0,
    )  # fmt: skip


def _mid(one: Script, water: Waters) -> int:
    return water.mid[one.partner] if one.partner else water.scenario.partner[0].mid


def _device(one: Script, points: list[tuple[float, float]]) -> Craft:
    """A distress device drifts about its first point. The manufacturer's digits 00 of its identity are kept for tests
    by ITU-R M.585, so that it can be nobody's."""
    x, y = points[0]
    t = np.linspace(0.0, 7200.0, 13)
    a = 2 * np.pi * t / 7200.0
    w = 2 * np.pi / 7200.0
    drift = Voyage(t, x + 150 * np.sin(a), y + 150 * np.cos(a), 150 * w * np.cos(a), -150 * w * np.sin(a), 0 * t, a)
    return Craft(
        one.name, "distress", drift, begins_s=one.start_s, ends_s=one.end_s, mmsi=970_000_001, at_rest=DISTRESS,
        in_motion=DISTRESS, text=one.text or "SART TEST", length_m=2,
    )  # fmt: skip
