"""Coverage as the desk shows it: for one height and size of craft, who covers each cell, and where nobody does."""

from __future__ import annotations

from typing import Any

import numpy as np

from manara.desk import cells, words
from manara.kernels import coverage as levels_of
from manara.kernels import grid
from manara.records.coverage import LAYERS, LEAST, TIER, Band, Joined, Size
from manara.records.inputs import Views
from manara.records.reports import Domain

Plain = dict[str, Any]
DOMAINS = {"air": Domain.AIR, "sea": Domain.SEA}
BANDS = {one.name.lower(): one for one in Band}
SIZES = {one.name.lower(): one for one in Size}
STATES = ("", "gap", "single", "covered")
MOST = 16_384  # cells of one answer


def coverage(views: Views, domain: str, band: str, size: str) -> Plain | None:
    """The cells of one layer as GeoJSON, those that nobody covers first; None for a layer that there is not. Of cells
    outside the areas of interest only those that somebody covers."""
    if domain not in DOMAINS or band not in BANDS or size not in SIZES:
        return None
    which = int(DOMAINS[domain])
    layer = int(SIZES[size]) + (3 * int(BANDS[band]) if which == Domain.AIR else 0)
    found = _cells(views.coverage, which, layer) if views.coverage is not None else []
    names = ["own", *(one.id for one in views.partners)]
    drawn = found[:MOST]
    around = cells.rings(np.array([one[0] for one in drawn], np.uint64))
    features = [_feature(one, ring, names) for one, ring in zip(drawn, around, strict=True)]
    counts = {state: sum(one[1] == k for one in found) for k, state in enumerate(STATES) if state}
    return {
        "type": "FeatureCollection",
        "time": words.time_text(views.now_ns),
        "layer": {"domain": domain, "band": band if which == Domain.AIR else "surface", "size": size},
        "total": len(found),
        "counts": counts,
        "told_gaps": [names[k] for k in sorted(views.told_gaps) if len(views.told_gaps[k]) and k < len(names)],
        "marking": {"sort": "coverage", "originator": "own and the partners named in each cell", "onward": []},
        "features": features,
    }


Row = tuple[int, int, int, int, bool, int]  # cell, state, level, sensors, of interest, who


def _cells(joined: Joined, domain: int, layer: int) -> list[Row]:
    some = joined.take(joined.domain == domain)
    level = levels_of.unpack(some.levels, LAYERS[domain])[:, layer]
    many = levels_of.unpack(some.counts, LAYERS[domain])[:, layer]
    shown = (level > 0) | (some.interest == 1)
    state = np.where(level == 0, 1, np.where(many <= 1, 2, 3))
    who = some.who[:, layer]
    order = np.flatnonzero(shown)[np.argsort(state[shown], kind="stable")]
    return [
        (int(some.cell[k]), int(state[k]), int(level[k]), int(many[k]), bool(some.interest[k]), int(who[k]))
        for k in order
    ]


def _feature(row: Row, ring: list[list[float]], names: list[str]) -> Plain:
    cell, state, level, many, inside, who = row
    return {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {
            "cell": f"{cell:x}",
            "state": STATES[state],
            "probability": LEAST[level] or None,
            "sensors": many or None,
            "interest": inside,
            "who": [name for k, name in enumerate(names) if who >> k & 1],
        },
    }


def layers() -> Plain:
    """Which layers there are, and how large a cell is."""
    return {"domains": list(DOMAINS), "bands": list(BANDS), "sizes": list(SIZES), "cell_m": grid.CELLS_M[TIER]}
