"""Optimal assignment on a sparse list of candidates: rows to columns, each at most once."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]


@njit(cache=True, nogil=True)
def assign(n_rows: int, n_cols: int, count: I8, col: I8, cost: F8) -> I8:
    """Give each row at most one column and each column at most one row, at the lowest sum of costs.

    min Σ cost[i, x(i)], where leaving a row alone costs 0: only negative costs are ever taken.

    In: row i has ``count[i]`` candidates, columns ``col[i, :]`` (distinct, in [0, n_cols)) at ``cost[i, :]`` (finite);
    shapes (n_rows,), (n_rows, K), (n_rows, K). Not checked. Out: (n_rows,) column of each row, −1 for none; optimal.
    Shortest augmenting paths with a leave-alone column of its own for each row; a search never leaves the connected
    cluster of its row, so scattered rows cost O(K) each, a cluster of c rows O(c² K) at worst. Deterministic.
    Jonker and Volgenant, Computing 38 (1987) 325–340.

    >>> n, c = np.array([2, 1]), np.array([[0, 1], [0, 0]])
    >>> assign(2, 2, n, c, np.array([[-5.0, -4.0], [-3.0, 0.0]])).tolist()
    [1, 0]
    """
    width = n_cols + n_rows
    row_of = np.full(width, -1, np.int64)
    col_of = np.full(n_rows, -1, np.int64)
    u = np.zeros(n_rows)
    v = np.zeros(width)
    dist = np.full(width, np.inf)
    pred = np.full(width, -1, np.int64)
    done = np.zeros(width, np.bool_)
    touched = np.empty(width, np.int64)
    for start in range(n_rows):
        _augment(start, n_cols, count, col, cost, row_of, col_of, u, v, dist, pred, done, touched)
    for i in range(n_rows):
        if col_of[i] >= n_cols:
            col_of[i] = -1
    return col_of


@njit(cache=True, nogil=True)
def _augment(
    start: int,
    n_cols: int,
    count: I8,
    col: I8,
    cost: F8,
    row_of: I8,
    col_of: I8,
    u: F8,
    v: F8,
    dist: F8,
    pred: I8,
    done: NDArray[np.bool_],
    touched: I8,
) -> None:
    """One shortest path from a free row to a free column, and the potentials that keep reduced costs ≥ 0."""
    u[start] = _lowest(start, count, cost)
    i, reach, n_touched, sink = start, 0.0, 0, -1
    while sink < 0:
        for a in range(count[i] + 1):
            own = a == count[i]
            j = n_cols + i if own else col[i, a]
            d = reach + (0.0 if own else cost[i, a]) - u[i] - v[j]
            if not done[j] and d < dist[j]:
                if dist[j] == np.inf:
                    touched[n_touched] = j
                    n_touched += 1
                dist[j], pred[j] = d, i
        best = _nearest(n_touched, touched, done, dist)
        done[best] = True
        reach = dist[best]
        i = row_of[best]
        if i < 0:
            sink = best
    u[start] += reach
    for t in range(n_touched):
        j = touched[t]
        if done[j] and j != sink:
            u[row_of[j]] += reach - dist[j]
            v[j] -= reach - dist[j]
    _flip(start, sink, pred, row_of, col_of)
    for t in range(n_touched):
        dist[touched[t]], done[touched[t]] = np.inf, False


@njit(cache=True, nogil=True)
def _lowest(i: int, count: I8, cost: F8) -> float:
    low = 0.0
    for a in range(count[i]):
        low = min(low, cost[i, a])
    return low


@njit(cache=True, nogil=True)
def _nearest(n: int, touched: I8, done: NDArray[np.bool_], dist: F8) -> int:
    best = -1
    for t in range(n):
        j = touched[t]
        if not done[j] and (best < 0 or dist[j] < dist[best]):
            best = j
    return best


@njit(cache=True, nogil=True)
def _flip(start: int, sink: int, pred: I8, row_of: I8, col_of: I8) -> None:
    """Exchange taken and free pairs along the path."""
    j, i = sink, -1
    while i != start:
        i = pred[j]
        row_of[j] = i
        after = col_of[i]
        col_of[i] = j
        j = after
