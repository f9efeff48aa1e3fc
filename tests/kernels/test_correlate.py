"""Track with track: neighbours against brute force, distances against matrices, counts against plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest

from manara.kernels import assignment, correlate, fusion, geodesy, kalman
from manara.kernels.correlate import Bias, Labels

UPPER = np.triu_indices(4)
NO_BIAS = Bias(np.zeros(4), 0.0)


def full(row):
    p = np.zeros((4, 4))
    p[UPPER] = row
    return p + p.T - np.diag(np.diag(p))


def scattered(rng, n, spread_m=8000.0, lat=0.6, lon=0.3):
    """Craft around a place."""
    middle = geodesy.nvector(lat, lon)
    at = np.array([geodesy.move(*middle, 0.0, *rng.normal(0, spread_m, 2))[:3] for _ in range(n)])
    a = rng.normal(size=(n, 4, 4)) * np.array([30.0, 30.0, 3.0, 3.0])[:, None]
    p = a @ a.transpose(0, 2, 1) + np.diag([25.0, 25.0, 0.5, 0.5])
    return fusion.Moving(
        at, np.full(n, np.nan), rng.normal(0, 50, (n, 2)), np.ascontiguousarray(p[:, UPPER[0], UPPER[1]])
    )


def labels(n, name=0, domain=0, mode_3a=-1, alt_ref=0):
    return Labels(*(np.zeros(n, np.int64) + value for value in (name, domain, mode_3a, alt_ref)))


@pytest.mark.parametrize(("lat", "lon"), [(0.6, 0.3), (1.5705, 1.0), (0.0, math.pi), (-1.2, -3.1415)])
def test_near_finds_everything_within_reach(lat, lon):
    rng = np.random.default_rng(1)
    m = scattered(rng, 400, 5000.0, lat, lon)
    ground, out = correlate.lay(m.at), np.empty(400, np.int64)
    for k in range(100):
        found = sorted(out[: correlate.near(ground, m.at, *m.at[k], out)].tolist())
        chord = np.sqrt(((m.at - m.at[k]) ** 2).sum(axis=1)) * 6371e3
        assert found == np.flatnonzero(chord <= correlate.REACH_M).tolist()


def test_near_gives_no_more_than_there_is_room_for():
    m = scattered(np.random.default_rng(2), 50, 10.0)
    out = np.full(9, -1, np.int64)
    assert correlate.near(correlate.lay(m.at), m.at, *m.at[0], out[:5]) == 5
    assert (out[5:] == -1).all()


def test_reckon_is_the_trackers_prediction():
    rng = np.random.default_rng(3)
    m = scattered(rng, 50, 5e5)
    lat, lon = correlate.places(m.at)
    dt, q, climb, alt = rng.uniform(0, 100, 50), rng.uniform(0, 60, 50), rng.normal(0, 9, 50), rng.uniform(0, 1e4, 50)
    out = correlate.reckon(lat, lon, alt, climb, m.vel_mps[:, 0].copy(), m.vel_mps[:, 1].copy(), m.cov, dt, q)
    for k in range(50):
        x, y, z, c, s = geodesy.move(*m.at[k], alt[k], *(dt[k] * m.vel_mps[k]))
        want = m.cov[k : k + 1].copy()
        kalman.predict(want, 0, dt[k], q[k])
        kalman.turn(want, 0, c, s)
        assert np.allclose(out.at[k], (x, y, z), atol=1e-12)
        assert np.allclose(out.cov[k], want[0], rtol=1e-9, atol=1e-9)
        assert out.alt_m[k] == pytest.approx(alt[k] + climb[k] * min(dt[k], 30.0))
        assert np.hypot(*out.vel_mps[k]) == pytest.approx(np.hypot(*m.vel_mps[k]))


@pytest.mark.parametrize("lat", [0.0, 0.9, 1.569])
def test_misfit_is_the_mahalanobis_distance_in_one_frame(lat):
    rng = np.random.default_rng(4)
    a, b = scattered(rng, 60, 300.0, lat), scattered(rng, 60, 300.0, lat)
    for i in range(60):
        alt = 0.0
        gap = geodesy.offset(*a.at[i], alt, *b.at[i])
        c, s = geodesy.move(*a.at[i], alt, *gap)[3:]
        back = np.array([[c, s], [-s, c]])
        turn = np.kron(np.eye(2), back)
        delta = np.concatenate([gap, back @ b.vel_mps[i] - a.vel_mps[i]])
        spread = full(a.cov[i]) + turn @ full(b.cov[i]) @ turn.T + np.diag([1e4, 1e4, 4.0, 4.0])
        d2, size = correlate.misfit(a, i, b, i, 100.0, 2.0, np.empty((4, 10)))
        assert d2 == pytest.approx(delta @ np.linalg.solve(spread, delta), rel=1e-4)
        assert size == pytest.approx(np.linalg.slogdet(spread)[1], abs=1e-4)


def test_two_tracks_of_one_craft_pass_the_gate_as_often_as_chance_says():
    """99 % of independent pairs, more of those that share their craft's unsteadiness."""
    rng = np.random.default_rng(5)
    n = 4000
    a = scattered(rng, n)
    noise = np.array([np.linalg.cholesky(2 * full(row)) @ rng.normal(size=4) for row in a.cov])
    at = np.array([geodesy.move(*x, 0.0, *e[:2])[:3] for x, e in zip(a.at, noise, strict=True)])
    b = fusion.Moving(at, a.alt_m, a.vel_mps + noise[:, 2:], a.cov)
    room = np.empty((4, 10))
    d2 = np.array([correlate.misfit(a, i, b, i, 0.0, 0.0, room)[0] for i in range(n)])
    assert (d2 <= correlate.JOIN).mean() == pytest.approx(0.99, abs=0.006)
    assert d2.mean() == pytest.approx(4.0, abs=0.2)


def test_candidates_are_exactly_those_inside_the_gate():
    rng = np.random.default_rng(6)
    a, b = scattered(rng, 120, 1500.0), scattered(rng, 80, 1500.0)
    a.vel_mps[:] *= 0.05
    b.vel_mps[:] *= 0.05
    la, lb = labels(120, domain=rng.integers(0, 3, 120)), labels(80, domain=rng.integers(0, 3, 80))
    taken = rng.random(120) < 0.2
    bias = Bias(np.array([100.0, 100.0, 30.0, 30.0]), 2.0)
    count, odd = np.zeros(80, np.int64), np.zeros(80, np.bool_)
    col, cost = np.zeros((80, 120), np.int64), np.zeros((80, 120))
    free, none = np.arange(80), np.full(80, -1)
    correlate.candidates(
        free, taken, none, correlate.lay(a.at), a, la, b, lb, bias, none, np.zeros(120), count, col, cost, odd
    )
    total = 0
    for j in range(80):
        want = set()
        for i in range(120):
            fits = not taken[i] and (la.domain[i] == 0 or lb.domain[j] == 0 or la.domain[i] == lb.domain[j])
            place = bias.place_m[max(la.domain[i], lb.domain[j])]
            d2, _ = correlate.misfit(a, i, b, j, place, bias.speed_mps, np.empty((4, 10)))
            chord = np.linalg.norm(a.at[i] - b.at[j]) * 6371e3
            if fits and d2 <= correlate.JOIN and chord <= correlate.REACH_M:
                want.add(i)
        assert set(col[j, : count[j]].tolist()) == want
        total += len(want)
    assert total > 50
    assert not odd.any()


def test_a_name_is_looked_for_everywhere_and_wins_over_what_is_nearer():
    rng = np.random.default_rng(7)
    a = scattered(rng, 3, 10.0)
    a.vel_mps[:] = 0.0
    a.at[2] = geodesy.move(*a.at[0], 0.0, 150.0, 0.0)[:3]
    b = fusion.Moving(*(part[:1].copy() for part in a))
    name = 2 << 56 | 5
    la, lb = labels(3, name=np.array([0, 0, name])), labels(1, name=name)
    count, odd, col, cost = np.zeros(1, np.int64), np.zeros(1, np.bool_), np.zeros((1, 4), np.int64), np.zeros((1, 4))
    one = np.zeros(1, np.int64)
    ground, bias, free = correlate.lay(a.at), Bias(np.full(4, 100.0), 2.0), np.zeros(3, np.bool_)
    args = (ground, a, la, b, lb, bias, one - 1, np.zeros(3), count, col, cost, odd)
    correlate.candidates(one, free, one + 2, *args)
    assert assignment.assign(1, 3, count, col, cost).tolist() == [2]
    a.at[2] = geodesy.move(*a.at[0], 0.0, 90_000.0, 0.0)[:3]
    count[:] = 0
    correlate.candidates(one, free, one + 2, *args)
    assert odd.tolist() == [True]
    assert 2 not in col[0, : count[0]]


def test_agreement_is_wider_than_joining_and_forbids_what_may_not_be():
    rng = np.random.default_rng(8)
    a = scattered(rng, 4)
    pairs = np.arange(4)
    la, lb = labels(4, domain=np.array([1, 1, 0, 2])), labels(4, domain=np.array([1, 2, 1, 2]))
    found = correlate.agreement(pairs, pairs, a, la, a, lb, NO_BIAS)
    assert found.tolist() == pytest.approx([0.0, correlate.NEVER, 0.0, 0.0])
    assert correlate.PART > 1.5 * correlate.JOIN


def test_squares_and_counts_against_plain_loops():
    rng = np.random.default_rng(9)
    m, centres = scattered(rng, 300, 30_000.0), scattered(rng, 20, 30_000.0)
    half, mine, theirs = rng.uniform(500, 60_000, 20), rng.integers(0, 3, 20), rng.integers(0, 3, 300)
    half[0] = 2e7
    got = correlate.within(centres.at, half, mine, m.at, theirs, 20 * 300)
    for k in range(20):
        want = 0
        for i in range(300):
            e, n = geodesy.offset(*centres.at[k], 0.0, *m.at[i])
            fits = mine[k] == 0 or theirs[i] == 0 or mine[k] == theirs[i]
            want += fits and abs(e) <= half[k] and abs(n) <= half[k]
        assert got[k] == want
    assert correlate.within(centres.at, half, mine, m.at, theirs, 20 * 300 - 1)[-1] == -1
