"""The fictional land: islands with smooth closed coasts, made from the scenario's seed.

Each coast is a star-shaped curve about the island's centre, r(θ) = r₀ (1 + Σ aₖ cos kθ + bₖ sin kθ), turned and
stretched; whether a point is land is therefore one comparison, cheap for any number of points.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from manara.records.columns import F8
from manara.study.plane import Plane
from manara.study.scenario import Scenario, Town

_HARMONICS = 36
_FAR_M = 8000.0  # beyond this the clearance is only a lower bound
_TABLE = 1440  # samples of a coast; between them it is straight in (angle, radius)


@dataclass(frozen=True, eq=False)
class Island:
    """One island: centre, mean radius, stretch along its axis, and the shape of its coast."""

    name: str
    partner: str  # "" for an islet
    x_m: float
    y_m: float
    radius_m: float
    stretch: float
    tilt_rad: float
    table_m: F8  # (_TABLE + 1,) radius of the coast at even steps of the angle from 0 to 2π

    def coast_m(self, angle_rad: F8) -> F8:
        """Radius of the coast in the island's own turned and stretched frame."""
        place = np.mod(angle_rad, 2 * math.pi) * (_TABLE / (2 * math.pi))
        i = np.minimum(place.astype(np.int64), _TABLE - 1)
        radius: F8 = self.table_m[i] + (self.table_m[i + 1] - self.table_m[i]) * (place - i)
        return radius

    def own(self, x_m: F8, y_m: F8) -> tuple[F8, F8]:
        """A point of the plane in the island's own frame, as (radius, angle)."""
        c, s = math.cos(self.tilt_rad), math.sin(self.tilt_rad)
        dx, dy = x_m - self.x_m, y_m - self.y_m
        u, v = (c * dx + s * dy) / self.stretch, (c * dy - s * dx) * self.stretch
        return np.hypot(u, v), np.arctan2(v, u)

    def plane(self, radius_m: F8, angle_rad: F8) -> tuple[F8, F8]:
        """The reverse of ``own``."""
        c, s = math.cos(self.tilt_rad), math.sin(self.tilt_rad)
        u, v = radius_m * np.cos(angle_rad) * self.stretch, radius_m * np.sin(angle_rad) / self.stretch
        return self.x_m + c * u - s * v, self.y_m + s * u + c * v

    def outline(self, n: int) -> F8:
        """The coast as (n, 2) points, counter-clockwise."""
        angle = np.linspace(0.0, 2 * math.pi, n, endpoint=False)
        return np.stack(self.plane(self.coast_m(angle), angle), axis=1)


@dataclass(frozen=True, eq=False)
class Land:
    """All islands."""

    islands: tuple[Island, ...]

    def clearance_m(self, x_m: F8, y_m: F8) -> F8:
        """About how far it is to the nearest coast, negative on land.

        Up to 8 km it is measured along the ray from the island's centre and scaled by the stretch, so that where a
        coast runs steeply the true distance is somewhat less; beyond, it is only a lower bound.

        >>> round_island = Island("", "", 0.0, 0.0, 1000.0, 1.0, 0.0, np.full(_TABLE + 1, 1000.0))
        >>> Land((round_island,)).clearance_m(np.array([0.0, 3000.0]), np.zeros(2)).tolist()
        [-1000.0, 2000.0]
        """
        x, y = np.ravel(x_m), np.ravel(y_m)
        rough = np.hypot(x[:, None] - self._circles[0], y[:, None] - self._circles[1]) - self._circles[2]
        best = rough.min(axis=1, initial=np.inf)
        near = rough < _FAR_M
        best = np.where(near.any(axis=1), _FAR_M, best)
        for i in np.flatnonzero(near.any(axis=0)):
            one, rows = self.islands[int(i)], near[:, i]
            radius, angle = one.own(x[rows], y[rows])
            best[rows] = np.minimum(best[rows], (radius - one.coast_m(angle)) / one.stretch)
        return best.reshape(np.shape(x_m))

    @cached_property
    def _circles(self) -> F8:
        """Centres and radii of circles that hold the islands, (3, islands)."""
        rows = [(one.x_m, one.y_m, float(one.table_m.max()) * one.stretch) for one in self.islands]
        return np.array(rows).reshape(-1, 3).T

    def clear(self, a: tuple[float, float], b: tuple[float, float], least_m: float) -> bool:
        """Whether the straight line from a to b keeps that clearance everywhere (sampled every 300 m)."""
        n = max(2, int(math.dist(a, b) / 300.0) + 2)
        return bool((self.clearance_m(np.linspace(a[0], b[0], n), np.linspace(a[1], b[1], n)) >= least_m).all())


def make_land(scenario: Scenario) -> Land:
    """The partners' islands where the scenario puts them, islets where the seed does."""
    rng = np.random.Generator(np.random.PCG64(scenario.land_seed))
    islands = [
        _island(rng, p.name, p.name, p.east_km * 1000, p.north_km * 1000, p.radius_km * 1000, 0.42)
        for p in scenario.partner
    ]
    for _ in range(scenario.islets * 20):
        if len(islands) >= scenario.islets + len(scenario.partner):
            break
        x = rng.uniform(-0.46, 0.46) * scenario.width_km * 1000
        y = rng.uniform(-0.46, 0.46) * scenario.height_km * 1000
        radius = 900.0 * math.exp(rng.exponential(0.8))
        room = Land(tuple(islands)).clearance_m(np.array([x]), np.array([y]))[0]
        if room > 2.0 * radius + 6000.0 and radius < 8000.0:
            islands.append(_island(rng, "", "", x, y, radius, 0.3))
    return Land(tuple(islands))


def _island(
    rng: np.random.Generator, name: str, partner: str, x: float, y: float, radius: float, rough: float
) -> Island:
    k = np.arange(1, _HARMONICS + 1)
    shape = rng.normal(size=(2, _HARMONICS)) * rough / np.sqrt(2) / k**1.15
    shape[:, 0] = 0.0  # the first harmonic would only move the centre
    phase = np.multiply.outer(np.linspace(0.0, 2 * math.pi, _TABLE + 1), k)
    wave = (np.cos(phase) * shape[0] + np.sin(phase) * shape[1]).sum(-1)
    table = radius * np.maximum(1.0 + wave, 0.2)
    table[-1] = table[0]
    return Island(name, partner, x, y, radius, rng.uniform(1.0, 1.3), rng.uniform(0, math.pi), table)


@dataclass(frozen=True)
class Place:
    """A town: where it lies on its coast, where its quay is, and which way is out to sea (compass, radians)."""

    name: str
    name_ar: str
    partner: str
    x_m: float
    y_m: float
    quay: tuple[float, float]
    roads: tuple[float, float]  # where a ship leaves the harbour for the open sea
    airport: bool
    runway_rad: float


def places(scenario: Scenario, land: Land) -> tuple[Place, ...]:
    """The scenario's towns on the coasts of its land."""
    home = {island.partner: island for island in land.islands if island.partner}
    return tuple(_place(town, home[town.partner]) for town in scenario.town)


def _place(town: Town, island: Island) -> Place:
    bearing = math.radians(town.bearing_deg)
    out = (math.sin(bearing), math.cos(bearing))
    steps = np.arange(0.0, 4.0 * island.radius_m, 50.0)
    x, y = island.x_m + steps * out[0], island.y_m + steps * out[1]
    room = Land((island,)).clearance_m(x, y)

    def at(clear_m: float) -> tuple[float, float]:
        i = int(np.argmax(room >= clear_m))  # a star-shaped coast is crossed once
        return float(x[i]), float(y[i])

    inland = at(-1500.0)
    return Place(
        town.name, town.name_ar, town.partner, *inland, at(500.0), at(3500.0), town.airport,
        math.radians(town.runway_deg),
    )  # fmt: skip


def land_geojson(scenario: Scenario) -> dict[str, Any]:
    """The land as a GeoJSON FeatureCollection: polygons (kind "land"), towns as points (kind "town")."""
    land, plane = make_land(scenario), Plane.at(scenario.lat_deg, scenario.lon_deg)
    arabic = {p.name: p.name_ar for p in scenario.partner}
    features = []
    for one in land.islands:
        names = {"name": one.name, "name_ar": arabic.get(one.name, "")} if one.name else {}
        ring = one.outline(480 if one.partner else 72)
        polygon = {"type": "Polygon", "coordinates": [_ring(plane, ring)]}
        features.append(_feature(polygon, {"kind": "land", **names}))
    for town in places(scenario, land):
        point = {"type": "Point", "coordinates": _lonlat(plane, np.array([[town.x_m, town.y_m]]))[0]}
        features.append(
            _feature(point, {"kind": "town", "name": town.name, "name_ar": town.name_ar, "partner": town.partner})
        )
    return {"type": "FeatureCollection", "features": features}


def areas_geojson(scenario: Scenario) -> dict[str, Any]:
    """Partners' regions (polygons, kind "region") and cables (lines, kind "cable")."""
    plane = Plane.at(scenario.lat_deg, scenario.lon_deg)
    features = []
    for partner in scenario.partner:
        if partner.region_km:
            polygon = {"type": "Polygon", "coordinates": [_ring(plane, _ccw(np.array(partner.region_km) * 1000.0))]}
            features.append(_feature(polygon, {"kind": "region", "name": partner.name, "name_ar": partner.name_ar}))
    for cable in scenario.cable:
        line = {"type": "LineString", "coordinates": _lonlat(plane, np.array(cable.path_km) * 1000.0)}
        features.append(_feature(line, {"kind": "cable", "name": cable.name, "name_ar": cable.name_ar}))
    return {"type": "FeatureCollection", "features": features}


def _feature(geometry: dict[str, Any], properties: dict[str, str]) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def _lonlat(plane: Plane, points: F8) -> list[list[float]]:
    lat, lon = plane.lla(points[:, 0], points[:, 1])
    return [[round(math.degrees(o), 5), round(math.degrees(a), 5)] for a, o in zip(lat, lon, strict=True)]


def _ring(plane: Plane, points: F8) -> Sequence[list[float]]:
    ring = _lonlat(plane, points)
    return [*ring, ring[0]]


def _ccw(points: F8) -> F8:
    x, y = points[:, 0], points[:, 1]
    area = (x * np.roll(y, -1) - np.roll(x, -1) * y).sum()
    return points if area > 0 else points[::-1]
