"""Arithmetic of coverage on the grid: which cells a sensor covers, larger cells, the union, what is lost.

A level is two bits, 0 to 3; a word holds the levels of up to sixteen layers. Every level is a lower bound that holds
anywhere in its cell: a larger cell has the least of its parts, and a union the best of its observers, which is true
whatever their errors have in common.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from manara.kernels import grid
from manara.kernels.geodesy import A_M

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
U8 = NDArray[np.uint64]
U4 = NDArray[np.uint32]
U1 = NDArray[np.uint8]

HORIZON_M = 4_124.0  # per √m: √(2 · 4/3 · 6,371,000 · 1.0012), the radio horizon of a standard atmosphere
SMALL = 0.316  # range of a hundredth of the echo: (1/100)^(1/4)


def unpack(words: U4, layers: int) -> U1:
    """Levels of each word, (n, layers).

    >>> unpack(np.array([0b011001], np.uint32), 3).tolist()
    [[1, 2, 1]]
    """
    shift = np.arange(0, 2 * layers, 2, dtype=np.uint32)
    return np.asarray((words.astype(np.uint32)[:, None] >> shift & np.uint32(3)), np.uint8)


def pack(levels: U1) -> U4:
    """Words of levels (n, layers); the other way round of ``unpack``.

    >>> pack(np.array([[1, 2, 1]], np.uint8)).tolist()
    [25]
    """
    shift = np.arange(0, 2 * levels.shape[1], 2, dtype=np.uint32)
    return np.asarray((levels.astype(np.uint32) << shift).sum(axis=1), np.uint32)


def horizon_m(antenna_m: float, craft_m: float) -> float:
    """How far a craft at one height is above the radio horizon of an antenna at another, over the sea, metres.

    d = 4,124 (√h₁ + √h₂), the 4/3 earth of ITU-R P.310. Heights below 0 count as 0. No terrain: what hills hide is
    measured, not reckoned. 300 m above the sea for a craft at 1,000 m:

    >>> round(horizon_m(300.0, 1_000.0) / 1000)
    202
    """
    return HORIZON_M * (math.sqrt(max(antenna_m, 0.0)) + math.sqrt(max(craft_m, 0.0)))


def disc(lat_rad: float, lon_rad: float, reach_m: float, tier: int) -> tuple[U8, F8]:
    """Cells that lie wholly within a distance of a site, and how far the farthest corner of each is, (n,), metres.

    Distances on a sphere of the equatorial radius: up to 0.7 % short. Site: radians; reach: metres, at most a quarter
    of the earth's girth is looked at. Points are tried at half the width of the narrowest cell, so none is missed.
    NaN anywhere: no cell. Some 30 ms for 470 km at tier 3.

    >>> cells, far_m = disc(0.2, 0.3, 20_000.0, 3)
    >>> len(cells) > 4 and bool(far_m.max() <= 20_000.0) and len(np.unique(cells)) == len(cells)
    True
    >>> len(disc(np.nan, 0.0, 1e5, 3)[0])
    0
    """
    if not (math.isfinite(lat_rad) and math.isfinite(lon_rad) and reach_m > 0.0):
        return np.zeros(0, np.uint64), np.zeros(0)
    reach_m = min(reach_m, 0.25 * math.pi * A_M)
    step = 0.5 * grid.NARROWEST * grid.CELLS_M[tier] / A_M
    around = int(reach_m / A_M / step) + 1
    north = lat_rad + np.arange(-around, around + 1) * step
    north = north[np.abs(north) <= 0.5 * math.pi]
    narrow = max(math.cos(min(abs(lat_rad) + reach_m / A_M, 1.5)), 0.02)
    wide = min(reach_m / A_M / narrow, math.pi)
    east = lon_rad + np.arange(-wide, wide + step, step / max(math.cos(lat_rad), 0.02) * narrow)
    lat, lon = (one.ravel() for one in np.meshgrid(north, east))
    near = apart_m(lat_rad, lon_rad, lat, lon) <= reach_m
    cells = np.unique(grid.cell_of(lat[near], (lon[near] + np.pi) % (2 * np.pi) - np.pi, tier))
    corner_lat, corner_lon = grid.corners(cells)
    far_m = apart_m(lat_rad, lon_rad, corner_lat, corner_lon).max(axis=1, initial=0.0)
    return cells[far_m <= reach_m], far_m[far_m <= reach_m]


def apart_m(lat_rad: float, lon_rad: float, lat: F8, lon: F8) -> F8:
    """Great-circle distance from one place to many, metres, on a sphere of the equatorial radius. Haversine.

    >>> round(float(apart_m(0.0, 0.0, np.array([0.0]), np.array([0.001]))[0]), 1)
    6378.1
    """
    h = np.sin(0.5 * (lat - lat_rad)) ** 2 + math.cos(lat_rad) * np.cos(lat) * np.sin(0.5 * (lon - lon_rad)) ** 2
    return np.asarray(2.0 * A_M * np.arcsin(np.sqrt(np.clip(h, 0.0, 1.0))))


def level_of(probability: F8, least: tuple[float, ...]) -> U1:
    """The highest level whose probability is reached. ``least``: ascending, from 0.

    >>> level_of(np.array([0.0, 0.29, 0.3, 0.95, np.nan]), (0.0, 0.3, 0.6, 0.9)).tolist()
    [0, 0, 1, 3, 0]
    """
    reached = np.nan_to_num(probability)[:, None] >= np.array(least[1:])
    return np.asarray(reached.sum(axis=1), np.uint8)


def least_of_parts(group: I8, levels: U1, parts: I8, whole: bool) -> tuple[I8, U1]:
    """The least level of each group of cells, (m,) and (m, layers). ``parts`` (n,): how many a full group has. With
    ``whole`` a group with parts missing is left out: of those nothing is known.

    >>> g, l = least_of_parts(np.array([7, 7, 9]), np.array([[3], [1], [2]], np.uint8), np.array([2, 2, 2]), True)
    >>> g.tolist(), l.tolist()
    ([7], [[1]])
    """
    if not len(group):
        return group, levels
    order = np.argsort(group, kind="stable")
    first = np.flatnonzero(np.append(True, group[order][1:] != group[order][:-1]))
    least = np.minimum.reduceat(levels[order], first, axis=0)
    full = np.diff(np.append(first, len(group))) == parts[order][first]
    keep = full if whole else np.ones(len(first), np.bool_)
    return group[order][first][keep], least[keep]


def union(cell: U8, levels: U1, counts: U1, who: U8) -> tuple[U8, U1, U1, U8]:
    """The union over observers: for each cell and layer the best level, the sensors of all (3: three or more), and
    who covers it. ``cell`` (n,) may repeat; ``levels``, ``counts`` (n, layers); ``who`` (n,): a bit for each row's
    observer. It does not depend on the order of the rows, and no row takes anything away.

    A level beside a count of 0 (not told) counts as one sensor.

    >>> cell = np.array([5, 5], np.uint64); two = np.array([[0, 3], [2, 1]], np.uint8)
    >>> [v.tolist() for v in union(cell, two, np.array([[0, 2], [1, 0]], np.uint8), np.array([1, 4], np.uint64))]
    [[5], [[2, 3]], [[1, 3]], [[4, 5]]]
    """
    layers = levels.shape[1]
    if not len(cell):
        return cell, levels, counts, np.zeros((0, layers), np.uint64)
    order = np.argsort(cell, kind="stable")
    first = np.flatnonzero(np.append(True, cell[order][1:] != cell[order][:-1]))
    sees = levels[order] > 0
    many = np.where(sees, np.maximum(counts[order], 1), 0).astype(np.int64)
    bits = np.where(sees, who[order][:, None], np.uint64(0))
    return (
        cell[order][first],
        np.maximum.reduceat(levels[order], first, axis=0),
        np.minimum(np.add.reduceat(many, first, axis=0), 3).astype(np.uint8),
        np.bitwise_or.reduceat(bits, first, axis=0),
    )


def children(cells: U8, tier: int) -> tuple[U8, I8]:
    """All cells of a tier within each of some larger (or equal) ones, and which of them each lies in. In: valid cells
    of tiers not below ``tier``.

    >>> small, of = children(np.array([0x104020000300002], np.uint64), 3); [hex(v) for v in small.tolist()], of.tolist()
    (['0x103020000600004', '0x103020000600005', '0x103020000700004', '0x103020000700005'], [0, 0, 0, 0])
    """
    large, face, i, j = grid.parts(cells)
    out, owner = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)]
    for t in np.unique(large).tolist():
        mine = np.flatnonzero(large == t)
        n = 1 << (t - tier)
        dj, di = (one.ravel() for one in np.meshgrid(np.arange(n), np.arange(n), indexing="ij"))
        column, row = (i[mine, None] * n + di).ravel(), (j[mine, None] * n + dj).ravel()
        where = np.repeat(mine, n * n)
        number = np.int64(grid.MARK) | np.int64(tier << 48) | face[where] << 40 | row << 20 | column
        out.append(number.astype(np.uint64))
        owner.append(where)
    return np.concatenate(out), np.concatenate(owner)
