"""Which tracks may belong to a plot: a spatial hash of predicted positions, then the Mahalanobis gate."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from manara.kernels import geodesy
from manara.kernels.sensing import Plot
from manara.kernels.states import misfit
from manara.kernels.tables import DOMAIN, IDENTITY, MODE_3A, NX, NY, NZ, SEEN_AT, SEEN_BY, TIME, VE, VN, Store, find

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

WIDEST = 12  # candidates kept for a plot, the cheapest
ALONE = 60.0  # cost of leaving a track alone where tracks are correlated: above that of any pair within the gate
LEFT = 42.0  # of leaving a plot alone, about 2 ln (Pd / (2π λ (1 − Pd))): one good pair is worth two poor ones
SAME_CODE, OTHER_CODE = -3.0, 6.0  # what Mode 3/A adds to the squared distance


class Grid(NamedTuple):
    """Rows of tracks by cells of earth-centred space: those of a bucket are ``row[first[b]:first[b + 1]]``, then, born
    since, ``row[late[b] - 1]`` and on by ``after``."""

    cell_m: float
    time_ns: int
    first: I8
    row: I8  # (n,) of the store
    cell: I8  # (n, 3) cell of each
    at: F8  # (n, 3) where each will be, on the unit sphere
    late: I8  # of each bucket: place of the newest that came later, plus 1; 0: none
    after: I8  # (n,) the next such place plus 1
    used: I8  # (1,) places used


@njit(cache=True, nogil=True)
def _bucket(cx: int, cy: int, cz: int, mask: int) -> int:
    return (cx + 8191 * cy + 131071 * cz) & mask  # neighbours stay neighbours: a sensor's plots lie together


@njit(cache=True, nogil=True, inline="always")
def _ahead(st: Store, k: int, time_ns: int) -> tuple[float, float, float]:
    """Where track k will be at a time: near enough for a cell."""
    v = st.mean
    ex, ey, mx, my, mz = geodesy.frame(v[k, NX], v[k, NY], v[k, NZ])
    dt = (time_ns - st.book[k, TIME]) / 1e9 / 6371e3
    ve, vn = v[k, VE] * dt, v[k, VN] * dt
    return v[k, NX] + ve * ex + vn * mx, v[k, NY] + ve * ey + vn * my, v[k, NZ] + vn * mz


@njit(cache=True, nogil=True)
def build(st: Store, member: I8, time_ns: int, cell_m: float, room: int) -> Grid:
    """Put tracks into cells by where they will be at a time.

    In: ``member`` (m,) rows of the store; cell edge in metres, at least twice the widest gate; ``room`` for so many
    that are added later. Out: the grid; each track in one cell. Three-dimensional cells know no pole and no seam.
    40 ns a track.

    >>> from manara.kernels.tables import blank
    >>> st = blank(1, 2); st.mean[0, 0] = 1.0; g = build(st, np.zeros(1, np.int64), 0, 1000.0, 0); g.cell.tolist()
    [[6371, 0, 0]]
    """
    m = len(member)
    size = 16
    while size < 2 * m + room:
        size *= 2
    scale = 6371e3 / cell_m
    place, bucket, ahead = np.empty((m, 3), np.int64), np.empty(m, np.int64), np.empty((m, 3))
    first = np.zeros(size + 1, np.int64)
    for a in range(m):
        x, y, z = _ahead(st, member[a], time_ns)
        ahead[a, 0], ahead[a, 1], ahead[a, 2] = x, y, z
        place[a, 0], place[a, 1], place[a, 2] = math.floor(x * scale), math.floor(y * scale), math.floor(z * scale)
        bucket[a] = _bucket(place[a, 0], place[a, 1], place[a, 2], size - 1)
        first[bucket[a] + 1] += 1
    for b in range(size):
        first[b + 1] += first[b]
    spot = first.copy()
    row, cell, at = np.empty(m + room, np.int64), np.empty((m + room, 3), np.int64), np.empty((m + room, 3))
    for a in range(m):
        p = spot[bucket[a]]
        spot[bucket[a]] += 1
        row[p] = member[a]
        cell[p, 0], cell[p, 1], cell[p, 2] = place[a, 0], place[a, 1], place[a, 2]
        at[p, 0], at[p, 1], at[p, 2] = ahead[a, 0], ahead[a, 1], ahead[a, 2]
    used = np.full(1, m)
    return Grid(cell_m, time_ns, first, row, cell, at, np.zeros(size, np.int64), np.zeros(m + room, np.int64), used)


@njit(cache=True, nogil=True)
def add(grid: Grid, st: Store, k: int) -> None:
    """Put one more track into a grid that has room.

    >>> from manara.kernels.tables import blank
    >>> st = blank(1, 2); st.mean[0, 0] = 1.0; g = build(st, np.zeros(0, np.int64), 0, 1000.0, 1); add(g, st, 0)
    >>> near(g, 1.0, 1e-5, 0.0, 500.0, np.empty(8, np.int64))
    1
    """
    p, scale = grid.used[0], 6371e3 / grid.cell_m
    grid.used[0] += 1
    x, y, z = _ahead(st, k, grid.time_ns)
    grid.row[p] = k
    grid.at[p, 0], grid.at[p, 1], grid.at[p, 2] = x, y, z
    for c in range(3):
        grid.cell[p, c] = math.floor(grid.at[p, c] * scale)
    b = _bucket(grid.cell[p, 0], grid.cell[p, 1], grid.cell[p, 2], len(grid.late) - 1)
    grid.after[p], grid.late[b] = grid.late[b], p + 1


@njit(cache=True, nogil=True)
def near(grid: Grid, x: float, y: float, z: float, reach_m: float, out: I8) -> int:
    """Tracks of a grid within some metres of a point, at most half a cell and at most len(out); returns how many.

    The eight cells whose corner is nearest hold everything within half an edge. Order: by cell, then by row.

    >>> from manara.kernels.tables import blank
    >>> st = blank(1, 2); st.mean[0, 0] = 1.0; g = build(st, np.zeros(1, np.int64), 0, 1000.0, 0)
    >>> [near(g, *p, 500.0, np.empty(8, np.int64)) for p in ((1.0, 1e-5, 0.0), (1.0, 9e-5, 0.0), (0.0, 1.0, 0.0))]
    [1, 0, 0]
    """
    scale = 6371e3 / grid.cell_m
    limit = min(reach_m, 0.5 * grid.cell_m) / 6371e3
    limit *= limit
    mask = len(grid.late) - 1
    bx, by, bz = math.floor(x * scale - 0.5), math.floor(y * scale - 0.5), math.floor(z * scale - 0.5)
    n = 0
    for corner in range(8):
        cx, cy, cz = bx + (corner & 1), by + ((corner >> 1) & 1), bz + (corner >> 2)
        b = _bucket(cx, cy, cz, mask)
        p, end, late = grid.first[b], grid.first[b + 1], grid.late[b]
        while p < end or late > 0:
            if p >= end:
                p = end = late - 1
                late = grid.after[p]
            dx, dy, dz = grid.at[p, 0] - x, grid.at[p, 1] - y, grid.at[p, 2] - z
            same = grid.cell[p, 0] == cx and grid.cell[p, 1] == cy and grid.cell[p, 2] == cz
            if same and dx * dx + dy * dy + dz * dz <= limit:
                if n == len(out):
                    return n
                out[n] = grid.row[p]
                n += 1
            p += 1
    return n


@njit(cache=True, nogil=True)
def price(st: Store, k: int, plot: Plot, q: float, gate: float) -> float:
    """Cost of giving a plot to track k: d² + ln |S| and what the labels add, minus LEFT; 0 where it may not be.

    Forbidden: outside the gate (d² > gate), another address of the same kind, a nameless track where another has the
    plot's name, another domain, and a track that the same sensor has updated within half its period. Twice the
    negative logarithm of the likelihood, up to a constant.

    >>> from manara.kernels.tables import blank
    >>> st = blank(1, 2); st.mean[0, 0] = 1.0
    >>> price(st, 0, Plot(0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0, -1, 0, 0, 0, 0, 0, 0.0, 0, 0.0, 0.0, 4.0, 0), 1.0, 9.0)
    -42.0
    """
    b = st.book[k]
    if plot.domain > 0 and b[DOMAIN] > 0 and plot.domain != b[DOMAIN]:
        return 0.0
    other = plot.identity != 0 and b[IDENTITY] != 0 and plot.identity != b[IDENTITY]
    if other and plot.identity >> 56 == b[IDENTITY] >> 56:
        return 0.0
    if plot.identity != 0 and b[IDENTITY] == 0 and find(st, plot.identity) >= 0:
        return 0.0
    if b[SEEN_BY] == plot.sensor + 1 and abs(plot.time_ns - b[SEEN_AT]) < plot.rest_ns:
        return 0.0
    d2, spread = misfit(st, k, plot.time_ns, plot.x, plot.y, plot.z, plot.rxx, plot.rxy, plot.ryy, q)
    if not d2 <= gate:
        return 0.0
    cost = d2 + spread - LEFT
    if plot.mode_3a >= 0 and b[MODE_3A] >= 0:
        cost += SAME_CODE if plot.mode_3a == b[MODE_3A] else OTHER_CODE
    return min(cost, -1e-3)


@njit(cache=True, nogil=True)
def keep(count: I8, col: I8, cost: F8, i: int, j: int, c: float) -> None:
    """Add candidate j at cost c to row i; where the row is full, the dearest gives way.

    >>> n, col, cost = np.zeros(1, np.int64), np.zeros((1, 2), np.int64), np.zeros((1, 2))
    >>> for j, c in ((4, -1.0), (5, -3.0), (6, -2.0)): keep(n, col, cost, 0, j, c)
    >>> col.tolist(), cost.tolist()
    ([[6, 5]], [[-2.0, -3.0]])
    """
    n = count[i]
    if n < col.shape[1]:
        col[i, n], cost[i, n] = j, c
        count[i] = n + 1
        return
    worst = 0
    for a in range(1, n):
        if cost[i, a] > cost[i, worst]:
            worst = a
    if c < cost[i, worst]:
        col[i, worst], cost[i, worst] = j, c
