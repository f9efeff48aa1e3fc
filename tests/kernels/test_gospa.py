"""GOSPA, OSPA and χ² against all permutations, against metric axioms, and against SciPy."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from scipy.stats import chi2 as oracle

from manara.kernels import chi2, geodesy, gospa

place = st.tuples(st.floats(-30, 30), st.floats(-30, 30))
places = st.lists(place, max_size=4).map(lambda rows: np.array(rows, float).reshape(-1, 2))


def distance(a, b, c=10.0, p=2.0, alpha=2.0):
    chosen, d = gospa.matched(a, b, c, p)
    pairs = chosen >= 0
    return gospa.gospa(float((d[pairs] ** p).sum()), int(pairs.sum()), len(a), len(b), c, p, alpha)


def by_definition(a, b, c, p, alpha):
    """Every injection of the smaller set into the larger one."""
    if len(a) > len(b):
        a, b = b, a
    best = math.inf
    for chosen in itertools.permutations(range(len(b)), len(a)):
        best = min(best, sum(min(math.dist(x, b[j]), c) ** p for x, j in zip(a, chosen, strict=True)))
    return (best + c**p / alpha * (len(b) - len(a))) ** (1 / p)


@given(places, places, st.sampled_from([(1.0, 1.0), (2.0, 2.0), (2.0, 1.0), (3.0, 0.5)]))
def test_gospa_is_its_definition(a, b, how):
    p, alpha = how
    assert distance(a, b, 10.0, p, alpha) == pytest.approx(by_definition(a, b, 10.0, p, alpha), abs=1e-6)


@given(places, places, places)
def test_gospa_is_a_metric(a, b, c):
    ab, bc, ac = distance(a, b), distance(b, c), distance(a, c)
    assert ab == pytest.approx(distance(b, a), abs=1e-9)
    assert ac <= ab + bc + 1e-9
    assert distance(a, a) == 0.0
    assert ab >= 0.0


@given(places, places)
def test_ospa_is_its_definition(a, b):
    chosen, d = gospa.matched(a, b, 10.0, 2.0)
    pairs = chosen >= 0
    got = gospa.ospa(float((d[pairs] ** 2).sum()), int(pairs.sum()), len(a), len(b), 10.0, 2.0)
    most = max(len(a), len(b))
    want = by_definition(a, b, 10.0, 2.0, 1.0) / math.sqrt(most) if most else 0.0
    assert got == pytest.approx(want, abs=1e-6)


@pytest.mark.parametrize("width", [2, 3])
@pytest.mark.parametrize("spread", [40.0, 300.0])
def test_the_sparse_assignment_is_the_dense_one(width, spread):
    rng = np.random.default_rng(width)
    a, b = rng.uniform(-spread, spread, (90, width)), rng.uniform(-spread, spread, (110, width))
    cost = np.minimum(cdist(a, b) ** 2 - 25.0**2, 0.0)
    chosen, d = gospa.matched(a, b, 25.0, 2.0)
    pairs = chosen >= 0
    assert (d[pairs] ** 2 - 25.0**2).sum() == pytest.approx(cost[linear_sum_assignment(cost)].sum(), rel=1e-12)
    assert len(np.unique(chosen[pairs])) == pairs.sum()


def test_nearest_is_the_nearest():
    rng = np.random.default_rng(3)
    a, b = rng.uniform(-50, 50, (80, 3)), rng.uniform(-50, 50, (60, 3))
    d = cdist(a, b)
    who, dist_m = gospa.nearest(a, b, 20.0)
    near = d.min(1) < 20.0
    assert near.any()
    assert not near.all()
    assert (who == np.where(near, d.argmin(1), -1)).all()
    assert np.allclose(dist_m[near], d.min(1)[near])
    assert np.isnan(dist_m[~near]).all()


def test_what_is_not_finite_stays_alone():
    a = np.array([[np.nan, 0.0], [np.inf, 0.0], [1e300, 0.0], [0.0, 0.0]])
    assert gospa.matched(a, a, 5.0, 2.0)[0].tolist() == [-1, -1, -1, 3]


def test_everything_in_one_point():
    a = np.zeros((200, 2))
    chosen, d = gospa.matched(a, a, 5.0, 2.0)
    assert sorted(chosen) == list(range(200))
    assert not d.any()


def test_a_pair_at_the_cut_off_is_none():
    assert gospa.matched(np.zeros((1, 2)), np.array([[5.0, 0.0]]), 5.0, 2.0)[0].tolist() == [-1]


def test_errors_on_the_earth_are_those_of_the_geodesic():
    n = geodesy.nvector(0.9, 3.1415)
    m = geodesy.move(*n, 0.0, 300.0, -400.0)[:3]
    a, b = (np.array([geodesy.to_ecef(*p, 0.0)]) for p in (n, m))
    one = np.zeros(1, np.int64)
    assert gospa.error_en(a, b, one, one)[0] == pytest.approx([300.0, -400.0], abs=0.05)


@pytest.mark.parametrize("degrees", [1, 2, 7, 250, 40_000])
@pytest.mark.parametrize("tail", [1e-9, 1e-4, 0.025, 0.5, 0.975, 0.9999])
def test_quantiles_are_those_of_scipy(degrees, tail):
    assert chi2.quantile(tail, degrees) == pytest.approx(oracle.isf(tail, degrees), rel=1e-6)


@given(st.floats(0.01, 400.0), st.integers(1, 200))
def test_tails_are_those_of_scipy(x, degrees):
    assert chi2.above(x, degrees) == pytest.approx(oracle.sf(x, degrees), rel=1e-7, abs=1e-12)


def test_bounds_hold_what_they_promise():
    rng = np.random.default_rng(4)
    low, high = chi2.bounds(50, 3.0, 0.1)
    means = rng.chisquare(3, (4000, 50)).mean(1) / 3
    assert ((means < low) | (means > high)).mean() == pytest.approx(0.1, abs=0.02)
