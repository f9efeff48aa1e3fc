"""Published areas: they lie where the craft and the towns of their partner are."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from manara.records.directory import AREAS_MAX
from manara.study.areas import TOWN_RADIUS_M, areas
from manara.study.land import make_land, places
from manara.study.plane import Plane
from manara.study.scenario import Scenario, alias
from manara.study.world import World


def holds(corners: tuple[tuple[float, float], ...], lat: float, lon: float) -> bool:
    """Crossing number, in plain words of the textbook."""
    inside = False
    for (a1, o1), (a2, o2) in zip(corners, corners[1:] + corners[:1], strict=True):
        if (a1 > lat) != (a2 > lat) and lon < (o2 - o1) * (lat - a1) / (a2 - a1) + o1:
            inside = not inside
    return inside


def test_every_partner_has_a_region_and_its_towns(lantern: Scenario) -> None:
    made = areas(lantern)
    assert len({one.id for one in made}) == len(made) <= AREAS_MAX
    assert all(len(one.id.encode()) <= 32 and one.name_ar for one in made)
    for partner in lantern.partner:
        own = [one for one in made if one.partner == alias(partner.name)]
        assert [one.id for one in own if one.responsibility] == [f"{alias(partner.name)}-waters"]
        assert {one.name for one in own if not one.responsibility} == {
            t.name for t in lantern.town if t.partner == partner.name
        }
    assert {len(one.corners_deg) for one in made if not one.responsibility} == {12}


def test_a_towns_area_is_around_the_town(lantern: Scenario) -> None:
    plane = Plane.at(lantern.lat_deg, lantern.lon_deg)
    made = {one.name: one for one in areas(lantern)}
    for town in places(lantern, make_land(lantern)):
        corners = np.radians(np.array(made[town.name].corners_deg))
        north = (corners[:, 0] - plane.lat_rad) * plane.north_m - town.y_m
        east = (corners[:, 1] - plane.lon_rad) * plane.east_m - town.x_m
        assert np.abs(np.hypot(north, east) - TOWN_RADIUS_M).max() < 1.0
        lat, lon = plane.lla(np.array(town.x_m), np.array(town.y_m))
        where = math.degrees(float(lat)), math.degrees(float(lon))
        assert holds(made[town.name].corners_deg, *where)
        assert holds(made[f"Waters of {town.partner}"].corners_deg, *where)


def test_regions_do_not_overlap_and_leave_no_gap(world: World, lantern: Scenario) -> None:
    regions = [one for one in areas(lantern) if one.responsibility]
    truth = world.truth(world.start_ns)
    vessels = np.flatnonzero(truth.alt_m < 1.0)[:120]
    hits = [
        sum(holds(r.corners_deg, math.degrees(truth.lat_rad[i]), math.degrees(truth.lon_rad[i])) for r in regions)
        for i in vessels
    ]
    assert hits.count(1) > 0.9 * len(hits)
    assert max(hits) == 1


def test_an_area_across_the_antimeridian_is_refused_by_name(lantern: Scenario) -> None:
    moved = msgspec.structs.replace(lantern, lon_deg=179.0)
    with pytest.raises(ValueError, match="180th meridian"):
        areas(moved)
