"""How far a picture is from the truth: the exact GOSPA distance, on sparse pairs, and who is nearest to whom.

::

    a, b ─▶ buckets (a cell is one cut-off wide) ─▶ pairs closer than the cut-off ─▶ optimal assignment ─▶ sums
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from manara.kernels import geodesy
from manara.kernels.assignment import assign

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]


class Buckets(NamedTuple):
    """Points by cells of space: bucket h holds ``row[first[h]:first[h + 1]]``, in order of the rows."""

    edge_m: float
    first: I8
    row: I8
    cell: I8  # (n, 3) of each point


@njit(cache=True, nogil=True)
def _hash(cx: int, cy: int, cz: int, mask: int) -> int:
    h = (cx * 73856093) ^ (cy * 19349663) ^ (cz * 83492791)
    return (h ^ (h >> 15)) & mask


@njit(cache=True, nogil=True)
def _finite(at: F8, i: int) -> bool:
    total = 0.0
    for k in range(at.shape[1]):
        total += abs(at[i, k])
    return total < 1e12


@njit(cache=True, nogil=True)
def buckets(at: F8, edge_m: float) -> Buckets:
    """Put points into cubic cells.

    In: ``at`` (n, 2) or (n, 3) metres; a row that is not finite, or farther out than 10¹² m, is in no cell.
    ``edge_m`` > 0. Out: every other row in exactly one bucket. 20 ns a point.

    >>> b = buckets(np.array([[0.5, 0.5], [np.nan, 0.0], [-0.5, 0.5]]), 1.0); b.cell[[0, 2]].tolist(), len(b.row)
    ([[0, 0, 0], [-1, 0, 0]], 2)
    """
    n = len(at)
    size = 16
    while size < 2 * n:
        size *= 2
    cell, bucket = np.zeros((n, 3), np.int64), np.full(n, -1, np.int64)
    first = np.zeros(size + 1, np.int64)
    for i in range(n):
        if _finite(at, i):
            for k in range(at.shape[1]):
                cell[i, k] = math.floor(at[i, k] / edge_m)
            bucket[i] = _hash(cell[i, 0], cell[i, 1], cell[i, 2], size - 1)
            first[bucket[i] + 1] += 1
    for h in range(size):
        first[h + 1] += first[h]
    spot, row = first.copy(), np.empty(first[size], np.int64)
    for i in range(n):
        if bucket[i] >= 0:
            row[spot[bucket[i]]] = i
            spot[bucket[i]] += 1
    return Buckets(edge_m, first, row, cell)


@njit(cache=True, nogil=True)
def around(at: F8, i: int, b: F8, held: Buckets, reach_m: float, col: I8, dist_m: F8) -> int:
    """Rows of b closer than ``reach_m`` to row i of ``at``; writes the first ``len(col)``, returns how many there are.

    In: ``held`` = buckets(b, edge) with edge ≥ ``reach_m``; ``at`` and ``b`` of the same width. Order: by cell.

    >>> b = np.array([[0.0, 0.0], [3.0, 4.0]]); col, d = np.zeros(2, np.int64), np.zeros(2)
    >>> around(np.zeros((1, 2)), 0, b, buckets(b, 6.0), 6.0, col, d), d.tolist()
    (2, [0.0, 5.0])
    """
    if not _finite(at, i):
        return 0
    width, mask, n = at.shape[1], len(held.first) - 2, 0
    c = np.zeros(3, np.int64)
    for k in range(width):
        c[k] = math.floor(at[i, k] / held.edge_m) - 1
    for corner in range(27 if width == 3 else 9):
        x, y, z = c[0] + corner % 3, c[1] + corner // 3 % 3, c[2] + corner // 9
        h = _hash(x, y, z, mask)
        for p in range(held.first[h], held.first[h + 1]):
            j = held.row[p]
            if held.cell[j, 0] == x and held.cell[j, 1] == y and held.cell[j, 2] == z:
                d = _apart(at, i, b, j)
                if d < reach_m and n < len(col):
                    col[n], dist_m[n] = j, d
                n += d < reach_m
    return n


@njit(cache=True, nogil=True)
def _apart(a: F8, i: int, b: F8, j: int) -> float:
    d2 = 0.0
    for k in range(a.shape[1]):
        d2 += (a[i, k] - b[j, k]) * (a[i, k] - b[j, k])
    return math.sqrt(d2)


@njit(cache=True, nogil=True)
def matched(a: F8, b: F8, cut_m: float, power: float) -> tuple[I8, F8]:
    """The one-to-one assignment that GOSPA and OSPA minimise: which row of b each row of a has, and how far it is.

    min Σ (d(a_i, b_x(i))ᵖ − cᵖ) over pairs closer than c: a pair farther apart saves nothing, so the sparse problem
    has the same minimum as the dense one.

    In: (n, k), (m, k) metres, k = 2 or 3; rows that are not finite stay alone. ``cut_m`` c > 0, ``power`` p ≥ 1.
    Out: (n,) row of b or −1; (n,) metres, NaN for none. Exact. 0.3 µs a row where craft are apart; memory 16 bytes
    times n times the most neighbours of one row.

    >>> matched(np.array([[0.0, 0.0], [9.0, 0.0]]), np.array([[8.0, 0.0], [-1.0, 0.0]]), 5.0, 2.0)[0].tolist()
    [1, 0]
    """
    n, held = len(a), buckets(b, cut_m)
    none, nothing = np.empty(0, np.int64), np.empty(0)
    count, widest = np.zeros(n, np.int64), 1
    for i in range(n):
        count[i] = around(a, i, b, held, cut_m, none, nothing)
        widest = max(widest, count[i])
    col, cost, far = np.zeros((n, widest), np.int64), np.zeros((n, widest)), math.pow(cut_m, power)
    for i in range(n):
        around(a, i, b, held, cut_m, col[i], cost[i])
        for k in range(count[i]):
            cost[i, k] = math.pow(cost[i, k], power) - far
    chosen = assign(n, len(b), count, col, cost)
    dist_m = np.full(n, np.nan)
    for i in range(n):
        if chosen[i] >= 0:
            dist_m[i] = _apart(a, i, b, chosen[i])
    return chosen, dist_m


@njit(cache=True, nogil=True)
def nearest(a: F8, b: F8, reach_m: float) -> tuple[I8, F8]:
    """For each row of a the nearest row of b closer than ``reach_m``: (n,) row or −1, (n,) metres or NaN.

    Of two at one distance the one with the lower row. Many rows of a may have the same row of b.

    >>> nearest(np.array([[0.0, 0.0], [99.0, 0.0]]), np.array([[3.0, 4.0], [1.0, 0.0]]), 10.0)[0].tolist()
    [1, -1]
    """
    n, held = len(a), buckets(b, reach_m)
    who, dist_m = np.full(n, -1, np.int64), np.full(n, np.nan)
    col, d = np.empty(max(1, len(b)), np.int64), np.empty(max(1, len(b)))
    for i in range(n):
        best = np.inf
        for k in range(around(a, i, b, held, reach_m, col, d)):
            if d[k] < best or (d[k] == best and col[k] < who[i]):
                best, who[i], dist_m[i] = d[k], col[k], d[k]
    return who, dist_m


@njit(cache=True, nogil=True)
def gospa(located: float, pairs: int, n: int, m: int, cut_m: float, power: float, alpha: float) -> float:
    """The distance from the sums of an optimal assignment.

    (Σ dᵖ + cᵖ (min(n, m) − k) + cᵖ/α |n − m|)^(1/p), k pairs. At α = 2 it is Σ dᵖ + cᵖ/2 (missed + false): the sum
    falls into location, missed and false. In: ``located`` Σ dᵖ over the pairs that ``matched`` gave, n craft, m
    tracks; 0 < α ≤ 2. Rahmathullah, García-Fernández, Svensson, arXiv 1601.05585.

    >>> gospa(9.0, 1, 1, 2, 4.0, 2.0, 2.0)
    4.123105625617661
    """
    far = math.pow(cut_m, power)
    return math.pow(located + far * (min(n, m) - pairs) + far / alpha * abs(n - m), 1.0 / power)


@njit(cache=True, nogil=True)
def ospa(located: float, pairs: int, n: int, m: int, cut_m: float, power: float) -> float:
    """OSPA from the same sums: ((Σ dᵖ + cᵖ (max(n, m) − k)) / max(n, m))^(1/p); 0 where there is nothing at all.

    Schuhmacher, Vo, Vo, IEEE Trans. Signal Processing 56 (2008) 3447–3457.

    >>> ospa(9.0, 1, 1, 2, 4.0, 2.0)
    3.5355339059327378
    """
    most = max(n, m)
    if most == 0:
        return 0.0
    return math.pow((located + math.pow(cut_m, power) * (most - pairs)) / most, 1.0 / power)


@njit(cache=True, nogil=True)
def error_en(a: F8, b: F8, i: I8, j: I8) -> F8:
    """East and north metres from row i of a to row j of b, (k, 2).

    Two columns are a plane, x east and y north; three are earth-centred, and the frame is that at row i of a.

    >>> error_en(np.zeros((1, 2)), np.ones((1, 2)), np.zeros(1, np.int64), np.zeros(1, np.int64)).tolist()
    [[1.0, 1.0]]
    """
    out = np.empty((len(i), 2))
    for k in range(len(i)):
        p, q = a[i[k]], b[j[k]]
        if a.shape[1] == 2:
            out[k, 0], out[k, 1] = q[0] - p[0], q[1] - p[1]
            continue
        nx, ny, nz, _ = geodesy.from_ecef(p[0], p[1], p[2])
        ex, ey, mx, my, mz = geodesy.frame(nx, ny, nz)
        dx, dy, dz = q[0] - p[0], q[1] - p[1], q[2] - p[2]
        out[k, 0], out[k, 1] = dx * ex + dy * ey, dx * mx + dy * my + dz * mz
    return out
