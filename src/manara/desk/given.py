"""What one partner gets of this node, as GeoJSON: rows of its own stream, each with the rules under which it went."""

from __future__ import annotations

from typing import Any

import numpy as np

from manara.desk import cells, partners, words
from manara.kernels import grid
from manara.records import identity
from manara.records.inputs import Views
from manara.records.partners import Given, Warned
from manara.records.released import Rows, Terms
from manara.records.warnings import WINDOW_NS

Plain = dict[str, Any]
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
            **words.motion(float(row["ve_mps"]), float(row["vn_mps"])),
            "altitude_m": words.rounded(float(row["alt_m"]), 1),
        },
    }


def _squares(one: Given) -> list[Plain]:
    good = np.flatnonzero(grid.valid(one.coarse["cell"]))[:MOST]
    told, terms = one.coarse[good], one.coarse_terms[good].tolist()
    return [
        _square(one, row, place, ring) for row, place, ring in zip(told, terms, cells.rings(told["cell"]), strict=True)
    ]


def _square(one: Given, row: Any, place: int, ring: list[list[float]]) -> Plain:
    return {
        "type": "Feature",
        "id": str(int(row["track"])),
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {
            **_plain(one, row, place),
            "cell": f"{int(row['cell']):x}",
            "time": words.time_text(int(row["epoch_ns"])),
            "epoch_s": int(row["epoch_s"]),
        },
    }


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
        "purpose": words.purposes(terms.purpose),
        "retention_s": terms.retention_s,
        "onward": list(terms.onward),
        "cell_m": terms.cell_m,
        "delay_s": terms.delay_s,
    }
