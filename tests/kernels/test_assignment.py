"""Optimal assignment against SciPy's, on every shape of cluster; and what it must never do."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from manara.kernels.assignment import assign


def best(n_rows, n_cols, count, col, cost):
    """The lowest sum by SciPy: columns, then one leave-alone column for each row."""
    big = 1e6
    full = np.full((n_rows, n_cols + n_rows), big)
    for i in range(n_rows):
        full[i, n_cols + i] = 0.0
        for a in range(count[i]):
            full[i, col[i, a]] = min(full[i, col[i, a]], cost[i, a])
    r, c = linear_sum_assignment(full)
    return full[r, c].sum()


def total(chosen, count, col, cost):
    out = 0.0
    for i, j in enumerate(chosen):
        if j >= 0:
            out += cost[i, list(col[i, : count[i]]).index(j)]
    return out


@pytest.mark.parametrize("seed", range(60))
def test_as_good_as_scipy(seed):
    rng = np.random.default_rng(seed)
    n_rows, n_cols, width = rng.integers(1, 40), rng.integers(1, 40), 8
    count = rng.integers(0, min(width, n_cols) + 1, n_rows)
    col = np.array([rng.permutation(max(n_cols, width))[:width] for _ in range(n_rows)])
    for i in range(n_rows):
        count[i] = min(count[i], int((col[i] < n_cols).sum()))
        col[i] = np.concatenate([col[i][col[i] < n_cols], col[i][col[i] >= n_cols]])
    cost = rng.uniform(-50, 10, (n_rows, width)) if seed % 3 else rng.integers(-3, 2, (n_rows, width)).astype(float)
    chosen = assign(n_rows, n_cols, count, col, cost)
    taken = chosen[chosen >= 0]
    assert len(set(taken.tolist())) == len(taken)
    assert total(chosen, count, col, cost) == pytest.approx(best(n_rows, n_cols, count, col, cost), abs=1e-9)


def test_a_positive_cost_is_never_taken():
    assert assign(1, 1, np.array([1]), np.array([[0]]), np.array([[0.5]])).tolist() == [-1]


def test_everybody_wants_the_same():
    n = 300
    chosen = assign(n, 1, np.ones(n, np.int64), np.zeros((n, 1), np.int64), -np.arange(1.0, n + 1).reshape(n, 1))
    assert chosen.tolist() == [-1] * (n - 1) + [0]


def test_a_long_chain_of_exchanges():
    """Row i may have column i or i + 1; the last row forces all others to move on."""
    n = 200
    col = np.array([[i, i + 1] for i in range(n)])
    cost = np.tile([-10.0, -9.99], (n, 1))
    col[n - 1] = [0, 0]
    count = np.full(n, 2)
    count[n - 1] = 1
    cost[n - 1, 0] = -1000.0
    chosen = assign(n, n + 1, count, col, cost)
    assert chosen[n - 1] == 0
    assert chosen[: n - 1].tolist() == list(range(1, n))


def test_nothing_gives_nothing():
    empty = np.zeros((0, 4), np.int64)
    assert len(assign(0, 0, np.zeros(0, np.int64), empty, empty.astype(float))) == 0
