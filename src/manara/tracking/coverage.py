"""What a source view's own sensors can see: nominal where nothing is known better, measured where enough craft flew.

::

    observers that are up ─▶ nominal: a disc within the radio horizon, for each height and size ┐
    looks and hits on craft that others see too (Counts) ───────────────────────────────────────┴▶ Cover

A sensor that is down, silent or said not to be available covers nothing, from that moment on.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from manara.kernels import coverage
from manara.records.columns import I8, U1, U8
from manara.records.coverage import CELLS_MAX, FLOOR_M, LAYERS, LEAST, TIER, Cover, Size
from manara.records.reports import Domain

AT_SEA_M = (2.0, 15.0, 2.0)  # height of what is seen of a craft at sea: any that broadcasts, a ship, a boat
LIMITED = 1  # no level above it for a sensor that is available with limits


@dataclass(frozen=True)
class Observer:
    """One sensor or receiver as its nominal coverage needs it. ``broadcasting``: it sees only what broadcasts or
    answers; ``limited``: it is available with limits; ``sources``: bits of the codebook by which it goes."""

    name: str
    domain: int
    lat_rad: float
    lon_rad: float
    height_m: float
    range_max_m: float
    probability: float
    broadcasting: bool = False
    limited: bool = False
    sources: int = 0
    period_s: float = 0.0  # of a radar's turn; 0: it is not measured
    sigma_range_m: float = 0.0
    sigma_azimuth_rad: float = 0.0


class Found(Protocol):
    """What was measured of one observer (tracking/measured.py)."""

    @property
    def cell(self) -> U8:
        """Of each figure, (n,)."""
        ...

    @property
    def layer(self) -> I8:
        """Of each figure."""
        ...

    @property
    def level(self) -> U1:
        """The figure."""
        ...


def cover(up: Iterable[Observer], measured: Mapping[str, Found] | None = None) -> Cover:
    """The union of what these observers cover, as measured where that is known (by the observer's name), else by their
    nominal figures; at most CELLS_MAX rows, those first by number.

    >>> radar = Observer("hill", Domain.AIR, -0.82, -2.0, 300.0, 200_000.0, 0.9, sources=4)
    >>> one, none = cover((radar,)), cover(())
    >>> len(one) > 1_000, len(none), int(one.levels.max()) > 0, set(one.sources.tolist())
    (True, 0, True, {4})
    """
    tables = []
    every = tuple(up)
    for domain, layers in LAYERS.items():
        mine = [one for one in every if one.domain == domain]
        some = [_as_measured(one, (measured or {}).get(one.name)) for one in mine]
        if not some:
            continue
        who = np.concatenate(
            [np.full(len(found[0]), one.sources, np.uint64) for one, found in zip(mine, some, strict=True)]
        )
        cells = np.concatenate([cell for cell, _ in some])
        levels = np.concatenate([level for _, level in some])
        counts = (levels > 0).astype(np.uint8)
        tables.append(_table(domain, *coverage.union(cells, levels.reshape(-1, layers), counts, who)))
    whole = Cover.join(tables)
    return whole.take(np.arange(min(len(whole), CELLS_MAX)))


def _as_measured(one: Observer, found: Found | None) -> tuple[U8, U1]:
    """What is nominal, with what was measured in its place."""
    cells, levels = nominal(one)
    if found is None or not len(found.cell):
        return cells, levels
    more = np.setdiff1d(found.cell, cells)
    cells = np.concatenate([cells, more])
    levels = np.vstack([levels, np.zeros((len(more), levels.shape[1]), np.uint8)])
    order = np.argsort(cells, kind="stable")
    cells, levels = cells[order], levels[order]
    level = np.minimum(found.level, LIMITED) if one.limited else found.level
    levels[np.searchsorted(cells, found.cell), found.layer] = level
    some = levels.any(axis=1)
    return cells[some], levels[some]


def _table(domain: int, cells: U8, levels: U1, counts: U1, who: U8) -> Cover:
    return Cover(
        cell=cells,
        domain=np.full(len(cells), domain, np.uint8),
        levels=coverage.pack(levels),
        counts=coverage.pack(counts),
        sources=np.bitwise_or.reduce(who, axis=1),
    )


@functools.lru_cache(maxsize=256)
def nominal(one: Observer) -> tuple[U8, U1]:
    """Cells that an observer covers at some height and size, and its level in each layer, (n,) and (n, layers)."""
    reach = reaches(one)
    cells, far_m = coverage.disc(one.lat_rad, one.lon_rad, max(reach), TIER)
    level = int(coverage.level_of(np.array([one.probability]), LEAST)[0])
    level = min(level, LIMITED) if one.limited else level
    levels = np.where(far_m[:, None] <= np.array(reach), level, 0).astype(np.uint8)
    some = levels.any(axis=1)
    return cells[some], levels[some]


def reaches(one: Observer) -> tuple[float, ...]:
    """How far it sees in each layer of its domain, metres; 0: not at all. The range that is configured is that of a
    large craft; of a small one, a hundredth of the echo, it is 0.316 of it; above both stands the radio horizon.

    >>> boat = Observer("mole", Domain.SEA, 0.0, 0.0, 100.0, 60_000.0, 0.9)
    >>> [round(reach / 1000) for reach in reaches(boat)]
    [19, 57, 19]
    """
    at_sea = one.domain == Domain.SEA
    out = []
    for layer in range(LAYERS[one.domain]):
        size = layer % 3
        height_m = AT_SEA_M[size] if at_sea else FLOOR_M[layer // 3]
        least = 1.0 if one.broadcasting or size == Size.LARGE else coverage.SMALL
        seen = size == Size.BROADCASTING or not one.broadcasting
        reach_m = min(one.range_max_m * least, coverage.horizon_m(one.height_m, height_m))
        out.append(reach_m if seen and math.isfinite(reach_m) else 0.0)
    return tuple(out)
