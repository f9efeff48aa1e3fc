"""Vessels: who sails where, from the scenario's counts and seed."""

from __future__ import annotations

import itertools
import math

import numpy as np

from manara.study.craft import AT_ANCHOR, FISHING, KNOT_MPS, MOORED, Craft
from manara.study.land import Land, Place
from manara.study.lanes import Lanes, Point
from manara.study.motion import Voyage, chained, sail, stay
from manara.study.names import Names
from manara.study.path import rounded
from manara.study.scenario import Scenario

SHIP_TYPES = {"cargo": 70, "tanker": 80, "anchored": 80, "ferry": 60, "fishing": 30, "pleasure": 37, "silent": 30}
_LENGTH_M = {
    "cargo": (90, 300),
    "tanker": (110, 330),
    "ferry": (60, 180),
    "fishing": (15, 45),
    "pleasure": (8, 24),
    "silent": (15, 40),
}


class Waters:
    """What vessels need to know of the world while their voyages are drawn."""

    def __init__(self, scenario: Scenario, land: Land, ports: tuple[Place, ...], names: Names) -> None:
        self.scenario, self.land, self.ports, self.names = scenario, land, ports, names
        self.width_m, self.height_m = scenario.width_km * 1000, scenario.height_km * 1000
        self.lanes = Lanes(land, self.width_m, self.height_m)
        self.mid = {p.name: p.mid for p in scenario.partner}

    def edge(self, rng: np.random.Generator) -> Point:
        """One of some gates in the edge of the world, in open water."""
        gates = [(-0.48, -0.30), (-0.48, 0.02), (-0.2, 0.48), (0.30, 0.48), (0.48, 0.32), (0.48, -0.40), (0.2, -0.48)]
        x, y = gates[int(rng.integers(len(gates)))]
        return x * self.width_m, y * self.height_m

    def open_water(self, rng: np.random.Generator, least_m: float, most_m: float) -> Point:
        """Any point whose distance from land lies within the bounds."""
        for _ in range(2000):
            x, y = rng.uniform(-0.47, 0.47) * self.width_m, rng.uniform(-0.47, 0.47) * self.height_m
            if least_m < self.land.clearance_m(np.array([x]), np.array([y]))[0] < most_m:
                return float(x), float(y)
        raise ValueError("the scenario leaves no such water")

    def vessel(self, rng: np.random.Generator, sort: str, voyage: Voyage, partner: str = "", **more: object) -> Craft:
        """A craft with an identity and a size for its sort, somewhere in its voyage."""
        partner = partner or str(rng.choice(list(self.mid)))
        low, high = _LENGTH_M["tanker" if sort == "anchored" else sort]
        length = int(rng.integers(low, high))
        fields: dict[str, object] = {
            "name": self.names.ship(),
            "mmsi": self.names.mmsi(self.mid[partner]),
            "callsign": self.names.call_sign(),
            "phase_s": float(rng.uniform(0, voyage.period_s)),
            "destination": str(rng.choice([p.name for p in self.ports])).upper(),
            **more,
        }
        return Craft(
            sort=sort, voyage=voyage, partner=partner, ship_type=SHIP_TYPES[sort], length_m=length,
            beam_m=max(3, length // 6), draught_m=round(length / 25, 1), **fields,  # type: ignore[arg-type]  # plain columns
        )  # fmt: skip


def vessels(water: Waters, rng: np.random.Generator) -> list[Craft]:
    """All unscripted vessels of the scenario."""
    counts = water.scenario.counts
    out = [_through(water, rng, "cargo") for _ in range(counts.cargo)]
    out += [_through(water, rng, "tanker") for _ in range(counts.tanker)]
    out += [_anchored(water, rng) for _ in range(counts.anchored)]
    pairs = _ferry_pairs(water)
    out += [_ferry(water, rng, pairs[i % len(pairs)]) for i in range(counts.ferry)]
    out += [_fishing(water, rng) for _ in range(counts.fishing)]
    out += [_pleasure(water, rng) for _ in range(counts.pleasure)]
    return out + [_silent(water, rng) for _ in range(counts.silent)]


def there_and_back(
    route: tuple[Point, ...], speed_mps: float, radius_m: float, rest_s: float, slow_m: float = 6000.0
) -> Voyage:
    """Along a route, rest, turn, and back, for ever. The craft starts and stops softly within ``slow_m``."""
    legs = []
    for way in (route, route[::-1]):
        line = rounded(way, radius_m)
        ramp = min(slow_m, line.length_m / 3)
        speed = [(0.0, 0.0), (ramp, speed_mps), (line.length_m - ramp, speed_mps), (line.length_m, 0.0)]
        legs.append(_berthed(sail(line, speed), rest_s))
    return chained(legs)


def _berthed(voyage: Voyage, rest_s: float) -> Voyage:
    """Rest at the end; the bow is swung round while there, so that the way back begins ahead."""
    rested = stay(voyage, rest_s)
    rested.heading_rad[-1] += math.pi
    return rested


def _through(water: Waters, rng: np.random.Generator, sort: str) -> Craft:
    """Between two gates of the edge, or a gate and a port."""
    speed = rng.uniform(11, 19 if sort == "cargo" else 15) * KNOT_MPS
    stops: list[Point]
    if rng.random() < 0.45:
        a = b = water.edge(rng)
        while b == a:
            b = water.edge(rng)
        middle = water.open_water(rng, 9000.0, 60_000.0)
        return water.vessel(rng, sort, there_and_back(water.lanes.route([a, middle, b]), speed, 1200.0, 120.0))
    port = water.ports[int(rng.integers(len(water.ports)))]
    stops = [port.roads, water.edge(rng)]
    route = (port.quay, *water.lanes.route(stops))
    return water.vessel(rng, sort, there_and_back(route, speed, 800.0, 1500.0), destination=port.name.upper())


def _ferry_pairs(water: Waters) -> list[tuple[Place, Place]]:
    pairs = [(a, b) for a, b in itertools.combinations(water.ports, 2)]
    return sorted(pairs, key=lambda p: math.dist(p[0].roads, p[1].roads))[: max(1, len(water.ports))]


def _ferry(water: Waters, rng: np.random.Generator, pair: tuple[Place, Place]) -> Craft:
    a, b = pair
    route = (a.quay, *water.lanes.way(a.roads, b.roads), b.quay)
    voyage = there_and_back(route, rng.uniform(16, 26) * KNOT_MPS, 600.0, 900.0, 3000.0)
    return water.vessel(rng, "ferry", voyage, a.partner, destination=b.name.upper())


def _anchored(water: Waters, rng: np.random.Generator) -> Craft:
    """At anchor: a slow swing about the anchor, a few hundred metres wide."""
    port = water.ports[int(rng.integers(len(water.ports)))]
    for _ in range(200):
        angle, far = rng.uniform(0, 2 * math.pi), rng.uniform(1500.0, 9000.0)
        x, y = port.roads[0] + far * math.sin(angle), port.roads[1] + far * math.cos(angle)
        if water.land.clearance_m(np.array([x]), np.array([y]))[0] > 1200.0:
            break
    return water.vessel(
        rng, "anchored", _swing(float(x), float(y), rng), port.partner, at_rest=AT_ANCHOR, in_motion=AT_ANCHOR
    )


def _swing(x: float, y: float, rng: np.random.Generator) -> Voyage:
    radius, period = rng.uniform(80, 220), rng.uniform(1800, 4000)
    t = np.linspace(0.0, period, 25)
    sway = 0.5 * np.sin(2 * math.pi * t / period)
    rate = math.pi / period * np.cos(2 * math.pi * t / period)
    bow = rng.uniform(0, 2 * math.pi) + sway
    # The ship lies down-wind of its anchor with the bow towards it.
    return Voyage(
        t, x - radius * np.sin(bow), y - radius * np.cos(bow), -radius * rate * np.cos(bow),
        radius * rate * np.sin(bow), np.zeros(25), bow,
    )  # fmt: skip


def _loop(
    water: Waters, rng: np.random.Generator, centre: Point, size_m: float, speed_mps: float, radius_m: float
) -> Voyage:
    """A closed wandering about a centre over water, back to where it began."""
    corners: list[Point] = [centre]
    for _ in range(400):
        angle, far = rng.uniform(0, 2 * math.pi), size_m * math.sqrt(rng.random())
        p = (centre[0] + far * math.sin(angle), centre[1] + far * math.cos(angle))
        if math.dist(p, corners[-1]) > 6 * radius_m and water.land.clear(corners[-1], p, 900.0):
            corners.append(p)
        if len(corners) == 8:
            break
    out = rounded(corners, radius_m)
    ramp = min(150.0, out.length_m / 3)
    there = sail(out, [(0.0, 0.0), (ramp, speed_mps), (out.length_m - ramp, speed_mps), (out.length_m, 0.0)])
    back = rounded(corners[::-1], radius_m)
    home = sail(back, [(0.0, 0.0), (ramp, speed_mps), (back.length_m - ramp, speed_mps), (back.length_m, 0.0)])
    return chained([_berthed(there, 240.0), _berthed(home, 240.0)])


def _fishing(water: Waters, rng: np.random.Generator) -> Craft:
    centre = water.open_water(rng, 4000.0, 45_000.0)
    voyage = _loop(water, rng, centre, rng.uniform(3000, 9000), rng.uniform(2.2, 4.5) * KNOT_MPS, 150.0)
    return water.vessel(rng, "fishing", voyage, at_rest=FISHING, in_motion=FISHING, destination="")


def _pleasure(water: Waters, rng: np.random.Generator) -> Craft:
    port = water.ports[int(rng.integers(len(water.ports)))]
    voyage = _loop(water, rng, port.roads, rng.uniform(6000, 16_000), rng.uniform(5, 16) * KNOT_MPS, 150.0)
    return water.vessel(rng, "pleasure", voyage, port.partner, at_rest=MOORED, destination="")


def _silent(water: Waters, rng: np.random.Generator) -> Craft:
    """Fishes without AIS off a port: only a coast radar sees it."""
    port = water.ports[int(rng.integers(len(water.ports)))]
    voyage = _loop(water, rng, port.roads, rng.uniform(9000, 20_000), rng.uniform(3, 6) * KNOT_MPS, 150.0)
    return water.vessel(rng, "silent", voyage, port.partner, mmsi=0, callsign="", destination="")
