"""The fictional land: closed coasts, towns on them, quays off them, nothing real near by."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from manara.study.land import areas_geojson, land_geojson, make_land, places
from manara.study.plane import Plane
from manara.study.scenario import Scenario


def inside(ring: np.ndarray, x: float, y: float) -> bool:
    """Crossing number, independent of how the land itself decides."""
    ax, ay = ring[:-1].T
    bx, by = ring[1:].T
    crosses = (ay > y) != (by > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        at = ax + (y - ay) / (by - ay) * (bx - ax)
    return bool((crosses & (x < at)).sum() % 2)


@pytest.fixture(scope="module")
def rings(lantern: Scenario) -> list[np.ndarray]:
    features = land_geojson(lantern)["features"]
    return [np.array(f["geometry"]["coordinates"][0]) for f in features if f["properties"]["kind"] == "land"]


def test_coasts_are_closed_counter_clockwise_rings(rings: list[np.ndarray], lantern: Scenario) -> None:
    assert len(rings) >= len(lantern.partner) + 15
    for ring in rings:
        assert (ring[0] == ring[-1]).all()
        x, y = ring[:-1].T
        assert (x * np.roll(y, -1) - np.roll(x, -1) * y).sum() > 0
        assert len(ring) > 50


def test_points_are_land_exactly_where_the_outline_says(rings: list[np.ndarray], lantern: Scenario) -> None:
    land, plane = make_land(lantern), Plane.at(lantern.lat_deg, lantern.lon_deg)
    rng = np.random.default_rng(5)
    x, y = rng.uniform(-200_000, 200_000, 3000), rng.uniform(-150_000, 150_000, 3000)
    clear = land.clearance_m(x, y)
    lat, lon = plane.lla(x, y)
    on_land = 0
    for i in range(len(x)):
        if abs(clear[i]) > 300.0:  # outlines are coarser than the coast
            says = any(inside(ring, math.degrees(lon[i]), math.degrees(lat[i])) for ring in rings)
            assert says == (clear[i] < 0)
            on_land += says
    assert on_land > 200


def test_islands_do_not_touch(rings: list[np.ndarray]) -> None:
    middles = [ring[:-1].mean(axis=0) for ring in rings]
    for i, middle in enumerate(middles):
        assert [inside(ring, *middle) for ring in rings].count(True) == 1, i


def test_towns_stand_on_their_coast_with_water_before_them(lantern: Scenario) -> None:
    land = make_land(lantern)
    towns = places(lantern, land)
    assert len(towns) == len(lantern.town)
    for town in towns:
        points = np.array([(town.x_m, town.y_m), town.quay, town.roads])
        shore, quay, roads = land.clearance_m(points[:, 0], points[:, 1])
        assert -2500 < shore < 0 < quay < roads, town.name
        assert land.clear(town.quay, town.roads, 100.0)


def test_the_land_depends_on_its_seed_alone(lantern: Scenario) -> None:
    once, again = json.dumps(land_geojson(lantern)), json.dumps(land_geojson(lantern))
    assert once == again
    assert len(once) < 200_000


def test_both_languages_are_there(lantern: Scenario) -> None:
    named = [f["properties"] for f in land_geojson(lantern)["features"] + areas_geojson(lantern)["features"]]
    named = [p for p in named if p.get("name")]
    assert {p["kind"] for p in named} == {"land", "town", "region", "cable"}
    assert all(any("\u0600" <= c <= "\u06ff" for c in p["name_ar"]) for p in named)


def test_no_real_land_is_near(lantern: Scenario) -> None:
    """The nearest land around that part of the South Pacific, in all directions."""
    nearest = [(-24.7, -124.8), (-25.1, -130.1), (-27.1, -109.4), (-26.5, -105.4), (-33.8, -80.8), (-46.5, -75.6),
               (-53.0, -75.0), (-68.8, -90.6), (-73.4, -115.0), (-27.6, -144.3), (-43.9, -176.5)]  # fmt: skip
    lat0, lon0 = math.radians(lantern.lat_deg), math.radians(lantern.lon_deg)
    for lat_deg, lon_deg in nearest:
        lat, lon = math.radians(lat_deg), math.radians(lon_deg)
        cosine = math.sin(lat) * math.sin(lat0) + math.cos(lat) * math.cos(lat0) * math.cos(lon - lon0)
        assert 6371 * math.acos(cosine) > 1900
