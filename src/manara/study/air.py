"""Aircraft: who flies where, from the scenario's counts and seed. Turns are never faster than 3 degrees a second."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from manara.study.craft import FT_M, Craft
from manara.study.land import Land, Place
from manara.study.motion import Voyage, chained, sail, stay
from manara.study.names import Names
from manara.study.path import Line, Pose, joined, turning
from manara.study.scenario import Scenario

TURN_RADIUS_M = 6000.0  # 2.3 degrees a second at 240 m/s
_LIFT_OFF_MPS = 72.0


class Skies:
    """What aircraft need to know of the world while their voyages are drawn."""

    def __init__(self, scenario: Scenario, land: Land, towns: tuple[Place, ...], names: Names) -> None:
        self.scenario, self.land, self.towns, self.names = scenario, land, towns, names
        self.airports = tuple(t for t in towns if t.airport)
        self.width_m, self.height_m = scenario.width_km * 1000, scenario.height_km * 1000
        self.operator = {p.name: p.operator for p in scenario.partner}

    def aircraft(self, rng: np.random.Generator, sort: str, voyage: Voyage, category: str, **more: object) -> Craft:
        """A craft with an identity, somewhere in its voyage."""
        partner = str(more.pop("partner", "") or rng.choice(list(self.operator)))
        fields: dict[str, object] = {
            "name": "",
            "icao": self.names.address(),
            "callsign": self.names.flight(self.operator[partner]),
            "squawk": self.names.squawk(),
            "phase_s": float(rng.uniform(0, voyage.period_s)),
            "length_m": 35,
            **more,
        }
        return Craft(sort=sort, voyage=voyage, partner=partner, category=category, **fields)  # type: ignore[arg-type]  # plain columns


def aircraft(sky: Skies, rng: np.random.Generator) -> list[Craft]:
    """All unscripted aircraft of the scenario. Airliners need two airports."""
    counts = sky.scenario.counts
    out = [_airliner(sky, rng) for _ in range(counts.airliner if len(sky.airports) > 1 else 0)]
    out += [_overflight(sky, rng, i) for i in range(counts.overflight)]
    return out + [_helicopter(sky, rng) for _ in range(counts.helicopter)]


def through(poses: Sequence[Pose], radius_m: float) -> Line:
    """One line through all poses."""
    return joined([turning(a, b, radius_m) for a, b in itertools.pairwise(poses)])


def _ahead(pose: Pose, far_m: float) -> Pose:
    h = pose.heading_rad
    return Pose(pose.x_m + far_m * math.sin(h), pose.y_m + far_m * math.cos(h), h)


def _hold(fix: Pose, turns: int) -> list[Pose]:
    """A racetrack to the right: out and back to the fix, so many times."""
    radius, leg = TURN_RADIUS_M, 9000.0
    h = fix.heading_rad
    side = Pose(fix.x_m + 2 * radius * math.cos(h), fix.y_m - 2 * radius * math.sin(h), h + math.pi)
    far = _ahead(side, leg)
    near = Pose(far.x_m - 2 * radius * math.cos(h), far.y_m + 2 * radius * math.sin(h), h)
    return [fix] + [p for _ in range(turns) for p in (side, far, near, fix)]


def _flight(a: Place, b: Place, cruise_m: float, speed_mps: float, holds: int) -> Voyage:
    """Take-off, climb, cruise, perhaps a hold, descent, landing, and a while on the ground unseen."""
    start, end = Pose(a.x_m, a.y_m, a.runway_rad), Pose(b.x_m, b.y_m, b.runway_rad)
    poses = [start, _ahead(start, 9000.0)]
    final = _ahead(end, -14_000.0)
    if holds:
        poses += _hold(_ahead(end, -34_000.0), holds)
    line = through([*poses, final, end], TURN_RADIUS_M)
    length = line.length_m
    top = min(cruise_m, 0.4 * length * 0.055)  # climb 5.5 %, descent 5 %
    climb, descent = top / 0.055, top / 0.05
    fast = min(speed_mps, 0.35 * math.sqrt(length))
    ramp = min(60_000.0, 0.35 * length)
    speed = [(0.0, _LIFT_OFF_MPS), (ramp, fast), (length - ramp, fast), (length - 9000.0, 75.0), (length, 62.0)]
    height = [(0.0, 15.0), (climb, top), (length - descent, top), (length, 15.0)]
    return sail(line, speed, height)


def _airliner(sky: Skies, rng: np.random.Generator) -> Craft:
    first, second = rng.choice(len(sky.airports), 2, replace=False)
    a, b = sky.airports[int(first)], sky.airports[int(second)]
    speed, cruise = rng.uniform(150, 225), float(rng.integers(16, 36)) * 1000 * FT_M
    ways = [
        _flight(a, b, cruise, speed, int(rng.random() < 0.3)),
        _flight(b, a, cruise, speed, int(rng.random() < 0.3)),
    ]
    rests = [float(rng.uniform(240, 600)) for _ in ways]
    voyage = chained([stay(_landed(way), rest) for way, rest in zip(ways, rests, strict=True)])
    return sky.aircraft(rng, "airliner", voyage, str(rng.choice(["A2", "A3", "A3", "A5"])), partner=a.partner)


def _landed(voyage: Voyage) -> Voyage:
    """Rolls out and stops: the last knots run down to the ground."""
    h = float(voyage.heading_rad[-1])
    x, y, v = float(voyage.x_m[-1]), float(voyage.y_m[-1]), float(np.hypot(voyage.vx_mps[-1], voyage.vy_mps[-1]))
    roll = Line(
        np.array([0.0, 1500.0]), np.array([x, x + 1500.0 * math.sin(h)]), np.array([y, y + 1500.0 * math.cos(h)]),
        np.array([h, h]),
    )  # fmt: skip
    return chained([voyage, sail(roll, [(0.0, v), (1500.0, 0.0)], [(0.0, 15.0), (400.0, 0.0)])])


def _overflight(sky: Skies, rng: np.random.Generator, i: int) -> Craft:
    """From beyond one edge to beyond the other and back on a parallel way, at a constant level."""
    half = 0.62 * math.hypot(sky.width_m, sky.height_m)
    h = rng.uniform(0, 2 * math.pi)
    off = rng.uniform(-0.3, 0.3) * sky.height_m

    def pose(along: float, across: float, heading: float) -> Pose:
        x, y = math.sin(h), math.cos(h)
        return Pose(along * x + across * y, along * y - across * x, heading)

    # Both turns are to the right, 30 km apart, well outside what anyone receives.
    out = [pose(-half, off, h), pose(half, off, h), pose(half, off + 30_000.0, h + math.pi)]
    line = through([*out, pose(-half, off + 30_000.0, h + math.pi), pose(-half, off, h)], 15_000.0)
    level = float(300 + 10 * (i % 11)) * 100 * FT_M
    speed = float(rng.uniform(215, 255))
    voyage = sail(line, [(0.0, speed), (line.length_m, speed)], [(0.0, level), (line.length_m, level)])
    return sky.aircraft(rng, "overflight", voyage, str(rng.choice(["A3", "A5"])))


def _helicopter(sky: Skies, rng: np.random.Generator) -> Craft:
    """Low rounds about a town."""
    home = sky.towns[int(rng.integers(len(sky.towns)))]
    speed, level = rng.uniform(45, 65), rng.uniform(200, 700)
    angle = rng.uniform(0, 2 * math.pi)
    poses = [Pose(home.x_m, home.y_m, angle)]
    for _ in range(3):
        far, way = rng.uniform(12_000, 30_000), rng.uniform(0, 2 * math.pi)
        poses.append(Pose(home.x_m + far * math.sin(way), home.y_m + far * math.cos(way), way))
    line = through([*poses, poses[0]], 1400.0)
    voyage = sail(line, [(0.0, speed), (line.length_m, speed)], [(0.0, level), (line.length_m, level)])
    return sky.aircraft(rng, "helicopter", voyage, "A7", partner=home.partner, length_m=14)
