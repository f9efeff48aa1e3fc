"""The areas that fictional partners publish: their region, for which they answer, and the surroundings of each town."""

from __future__ import annotations

import math

import numpy as np

from manara.records.columns import F8
from manara.records.directory import Area
from manara.study.land import make_land, places
from manara.study.plane import Plane
from manara.study.scenario import Scenario, alias

TOWN_RADIUS_M = 12_000.0
TOWN_CORNERS = 12


def areas(scenario: Scenario) -> tuple[Area, ...]:
    """Every partner's areas, partner by partner, as a directory names them. The id of a region is the partner's with
    ``-waters`` behind it, that of a town's surroundings is the town's. ValueError for one across the 180th meridian.
    """
    plane = Plane.at(scenario.lat_deg, scenario.lon_deg)
    towns = places(scenario, make_land(scenario))
    turn = np.arange(TOWN_CORNERS) * (2 * math.pi / TOWN_CORNERS)
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=1) * TOWN_RADIUS_M
    out: list[Area] = []
    for partner in scenario.partner:
        if partner.region_km:
            out.append(
                Area(
                    id=f"{alias(partner.name)}-waters",
                    partner=alias(partner.name),
                    name=f"Waters of {partner.name}",
                    name_ar=f"مياه {partner.name_ar}",
                    corners_deg=_corners_deg(plane, np.array(partner.region_km) * 1000.0, partner.name),
                    responsibility=True,
                    warned=True,
                )
            )
        for town in (one for one in towns if one.partner == partner.name):
            out.append(
                Area(
                    id=alias(town.name),
                    partner=alias(partner.name),
                    name=town.name,
                    name_ar=town.name_ar,
                    corners_deg=_corners_deg(plane, circle + np.array([town.x_m, town.y_m]), town.name),
                    warned=True,
                )
            )
    return tuple(out)


def _corners_deg(plane: Plane, points_m: F8, name: str) -> tuple[tuple[float, float], ...]:
    """Corners (n, 2) of the plane as latitude and longitude; six decimals are a tenth of a metre."""
    lat, lon = plane.lla(points_m[:, 0], points_m[:, 1])
    if float(lon.max() - lon.min()) > math.pi:
        raise ValueError(f"{name}: its area crosses the 180th meridian, which no published area may")
    return tuple((round(math.degrees(a), 6), round(math.degrees(o), 6)) for a, o in zip(lat, lon, strict=True))
