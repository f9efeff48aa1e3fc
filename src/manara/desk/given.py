"""What one partner gets of this node, as GeoJSON: rows of its own stream, each with the rules under which it went."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from manara.desk import partners, words
from manara.kernels import grid
from manara.records import identity
from manara.records.inputs import Views
from manara.records.marking import Purpose
from manara.records.partners import Given, Warned
from manara.records.released import Rows, Terms

Plain = dict[str, Any]
WINDOW_NS = 300_000_000_000  # a warning speaks of five minutes (release/duty.py)
MOST = 5_000  # features of one answer; the counts say how many there are


def given(one: Given, views: Views) -> Plain:
    """A FeatureCollection: points as they were told, squares where only a cell was told; and the counts of both, of
    what the last tick held back and why, and of what is told within a cell although it broadcasts its place."""
    status = next((partner for partner in views.partners if partner.id == one.partner), None)
    points = [_point(one, k) for k in range(min(len(one.precise), MOST))]
    squares = _squares(one)
    return {
        "type": "FeatureCollection",
        "partner": one.partner,
        "stream": one.stream,
        "entries": one.reached,
        "time": words.time_text(one.time_ns) if one.time_ns else "",
        "behind_s": round((views.now_ns - one.time_ns) * 1e-9, 1) if one.time_ns else None,
        "phase": one.phase,
        "why_nothing": one.withheld,
        "exact": len(one.precise),
        "within_cells": len(one.coarse),
        "void": status.void if status else 0,
        "withheld": dict(status.withheld) if status else {},
        "warned": [_warned(told, views) for told in reversed(one.warned)],
        "features": [*points, *squares],
    }


def _warned(one: Warned, views: Views) -> Plain:
    area = next((area for area in views.areas if area.id == one.area), None)
    ends = words.time_text(one.window_ns + WINDOW_NS)
    named = {"area_name": area.name if area else one.area, "area_name_ar": area.name_ar if area else ""}
    return {**partners.warned(one, views.now_ns), **named, "window_end": ends}


def _point(one: Given, k: int) -> Plain:
    row = one.precise[k]
    number, who = int(row["track"]), int(row["identity"])
    name, callsign = one.names.get(number, ("", ""))
    ve, vn = float(row["ve_mps"]), float(row["vn_mps"])
    speed = math.hypot(ve, vn)
    lon, lat = words.degrees(float(row["lon_rad"])), words.degrees(float(row["lat_rad"]))
    return {
        "type": "Feature",
        "id": str(number),
        "geometry": {"type": "Point", "coordinates": [lon, lat]},
        "properties": {
            **_plain(one, row, int(one.precise_terms[k])),
            "identity": identity.text(who) if who else "",
            "name": name,
            "callsign": callsign,
            "time": words.time_text(int(row["time_ns"])),
            "speed_mps": words.rounded(speed, 2),
            "course_deg": round(math.degrees(math.atan2(ve, vn)), 1) % 360.0 if speed > 0.0 else None,
            "altitude_m": words.rounded(float(row["alt_m"]), 1),
        },
    }


def _squares(one: Given) -> list[Plain]:
    told = one.coarse[:MOST]
    told_terms = one.coarse_terms[:MOST]
    good = grid.valid(told["cell"])
    told, told_terms = told[good], told_terms[good]
    lat, lon = grid.corners(np.ascontiguousarray(told["cell"]))
    return [_square(one, row, int(told_terms[k]), lat[k], lon[k]) for k, row in enumerate(told)]


def _square(one: Given, row: Any, place: int, lat: Any, lon: Any) -> Plain:
    ring = [[math.degrees(x), math.degrees(y)] for y, x in zip(lat, _whole(lon), strict=True)]
    return {
        "type": "Feature",
        "id": str(int(row["track"])),
        "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]]]},
        "properties": {
            **_plain(one, row, place),
            "cell": f"{int(row['cell']):x}",
            "time": words.time_text(int(row["epoch_ns"])),
            "epoch_s": int(row["epoch_s"]),
        },
    }


def _whole(lon: Any) -> Any:
    """Longitudes of one cell without a jump at the antimeridian."""
    return lon[0] + np.remainder(lon - lon[0] + math.pi, 2.0 * math.pi) - math.pi


def _plain(one: Given, row: Rows | Any, place: int) -> Plain:
    """What both have: the partner's own number for the track, what it is, and under which terms it went."""
    return {
        "track": str(int(row["track"])),
        "kind": words.KINDS.get(int(row["kind"]), "unknown"),
        "domain": words.DOMAINS.get(int(row["domain"]), "unknown"),
        **_terms(one.terms[place] if place < len(one.terms) else None),
    }


def _terms(terms: Terms | None) -> Plain:
    if terms is None:
        return {"rules": []}
    return {
        "rules": list(terms.rules),
        "purpose": [one.name.lower() for one in Purpose if one & terms.purpose and one.name],
        "retention_s": terms.retention_s,
        "onward": list(terms.onward),
        "cell_m": terms.cell_m,
        "delay_s": terms.delay_s,
    }
