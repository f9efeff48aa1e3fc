"""Fusion against textbook matrices, against the exact joint covariance, and round a ring."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manara.kernels import fusion, geodesy, kalman

UPPER = np.triu_indices(4)


def full(row):
    p = np.zeros((4, 4))
    p[UPPER] = row
    return p + p.T - np.diag(np.diag(p))


def some(rng, n=1):
    """Covariances of tracks, as rows."""
    scale = np.exp(rng.uniform(math.log(5.0), math.log(2000.0), (n, 1, 1)))
    a = rng.normal(size=(n, 4, 4)) * np.array([1.0, 1.0, 0.1, 0.1])[:, None] * scale
    p = a @ a.transpose(0, 2, 1) + np.diag([1.0, 1.0, 0.01, 0.01]) * scale * scale * 1e-3
    return np.ascontiguousarray(p[:, UPPER[0], UPPER[1]])


def craft(cov, vel=(0.0, 0.0), lat=0.9, lon=0.3):
    cov = np.atleast_2d(cov).copy()
    n = len(cov)
    at = np.tile(geodesy.nvector(lat, lon), (n, 1))
    return fusion.Moving(at, np.zeros(n), np.tile(np.array(vel, float), (n, 1)), cov)


def pairs(n, bound, common_s=0.0, q=0.0):
    i = np.arange(n)
    return i, i, np.full(n, bound), np.full(n, common_s), np.full(n, q)


def test_the_inverse_is_the_inverse():
    rng = np.random.default_rng(1)
    for row in some(rng, 300):
        out = np.empty(10)
        det = fusion.inverse(row, out)
        assert det == pytest.approx(np.linalg.det(full(row)), rel=1e-6)
        assert np.allclose(full(out) @ full(row), np.eye(4), atol=1e-6)


def test_what_is_no_covariance_is_refused_and_changes_nothing():
    bad = np.array([1.0, 2, 0, 0, 1.0, 0, 0, 1.0, 0, 1.0])
    good = np.array([1.0, 0, 0, 0, 1.0, 0, 0, 1.0, 0, 1.0])
    for row in (bad, np.zeros(10), np.full(10, np.nan), -good):
        assert fusion.inverse(row, np.empty(10)) == 0.0
        ours, theirs = craft(good), craft(row)
        before = [column.copy() for column in ours]
        assert fusion.fuse(*pairs(1, 1.0), ours, theirs).tolist() == [-1.0]
        assert all(np.array_equal(a, b) for a, b in zip(before, ours, strict=True))


def test_sound_is_finite_and_positive_definite():
    rows = some(np.random.default_rng(8), 6)
    rows[1, 0] = np.nan
    rows[2] *= -1.0
    rows[3, 4] = np.inf
    rows[4, 1] = 10.0 * rows[4, 0] + 10.0 * rows[4, 4]
    assert fusion.sound(rows).tolist() == [True, False, False, False, False, True]


def test_bound_one_is_covariance_intersection_with_the_smallest_determinant():
    rng = np.random.default_rng(2)
    for p, q in zip(some(rng, 100), some(rng, 100), strict=True):
        a, b, gap = np.linalg.inv(full(p)), np.linalg.inv(full(q)), rng.normal(size=4)
        out, moved = np.empty(10), gap.copy()
        omega = fusion.blend(p, q, moved, 1.0, out, np.empty((3, 10)))
        want = np.linalg.inv(omega * a + (1 - omega) * b)
        assert np.allclose(full(out), want, rtol=1e-5, atol=1e-8 * np.abs(want).max())
        assert np.allclose(moved, want @ ((1 - omega) * b @ gap), rtol=1e-4, atol=1e-5)
        grid = [np.linalg.slogdet(w * a + (1 - w) * b)[1] for w in np.linspace(0, 1, 201)]
        assert np.linalg.slogdet(omega * a + (1 - omega) * b)[1] >= max(grid) - 2e-2


def test_bound_zero_is_information_addition():
    rng = np.random.default_rng(3)
    for p, q in zip(some(rng, 50), some(rng, 50), strict=True):
        out = np.empty(10)
        fusion.blend(p, q, np.zeros(4), 0.0, out, np.empty((3, 10)))
        want = np.linalg.inv(np.linalg.inv(full(p)) + np.linalg.inv(full(q)))
        assert np.allclose(full(out), want, rtol=1e-5, atol=1e-8 * np.abs(want).max())


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.floats(0.0, 1.0))
def test_a_blend_is_consistent_for_every_correlation_within_its_bound(seed, bound):
    """Claimed ≥ actual (Loewner), for any joint covariance whose correlation matrix has norm ≤ bound."""
    rng = np.random.default_rng(seed)
    p, q = some(rng, 2)
    out, room = np.empty(10), np.empty((3, 10))
    gain = np.empty((4, 4))
    for k in range(4):
        gap = np.zeros(4)
        gap[k] = 1.0
        fusion.blend(p, q, gap, bound, out, room)
        gain[:, k] = gap
    lp, lq = np.linalg.cholesky(full(p)), np.linalg.cholesky(full(q))
    m = rng.normal(size=(4, 4))
    cross = lp @ (bound * m / np.linalg.norm(m, 2)) @ lq.T
    keep = np.eye(4) - gain
    actual = keep @ full(p) @ keep.T + gain @ full(q) @ gain.T + keep @ cross @ gain.T + gain @ cross.T @ keep.T
    root = np.linalg.inv(np.linalg.cholesky(full(out)))
    assert np.linalg.eigvalsh(root @ actual @ root.T).max() <= 1.0 + 1e-5


def test_what_comes_back_changes_nothing():
    """An estimate met again, as it was or without the last plots, leaves state and covariance bit for bit."""
    rng = np.random.default_rng(4)
    rows = some(rng, 200)
    older = rows.copy()
    for k in range(200):
        r = float(rng.uniform(50.0, 5e3))
        s = kalman.spread(rows, k, 0.0, 0.0, r, 0.0, r)
        kalman.correct(rows, k, 1.0, 0.0, 0.0, 0.0, *s)
    for copy in (rows, older, rows * 1.001):
        ours = craft(rows, (30.0, -4.0))
        assert (fusion.fuse(*pairs(200, 1.0), ours, craft(copy, (31.0, -4.0))) == 1.0).all()
        assert np.array_equal(ours.cov, rows)
        assert np.array_equal(ours.vel_mps, craft(rows, (30.0, -4.0)).vel_mps)


def test_frames_are_those_of_each_craft():
    """North of the 85th parallel two km apart, the other's east is not ours; a fused velocity is right all the same."""
    lat = math.radians(89.0)
    x, y, z, c, s = geodesy.move(*geodesy.nvector(lat, 0.1), 0.0, 2000.0, 500.0)
    big = np.array([1e6, 0, 0, 0, 1e6, 0, 0, 1e4, 0, 1e4])
    long = np.array([1.0, 0, 0, 0, 1e4, 0, 0, 1.0, 0, 100.0])
    ours = craft(big, (40.0, 9.0), lat, 0.1)
    theirs = fusion.Moving(np.array([[x, y, z]]), np.zeros(1), np.array([[c * 40 - s * 9, s * 40 + c * 9]]), long[None])
    fusion.fuse(*pairs(1, 1.0), ours, theirs)
    assert np.allclose(ours.at[0], [x, y, z], atol=1e-9)
    assert np.allclose(ours.vel_mps[0], theirs.vel_mps[0], atol=1e-3)
    assert np.allclose(ours.cov[0], long, rtol=1e-3, atol=1e-2)


def two_trackers(t1, t2, r1, r2, q, phase, steps=160):
    """Exact joint covariance of two constant-velocity trackers of one craft, one axis: (P1, P2, P12, common) a step."""
    f, h = np.array([[1.0, 1.0], [0, 1.0]]), np.array([[1.0, 0.0]])
    noise = q * np.array([[1 / 3, 1 / 2], [1 / 2, 1.0]])
    p1, p2, c, since = np.diag([r1, 100.0]), np.diag([r2, 100.0]), np.zeros((2, 2)), 0
    for k in range(1, steps):
        p1, p2, c, since = f @ p1 @ f.T + noise, f @ p2 @ f.T + noise, f @ c @ f.T + noise, since + 1
        if k % t1 == 0:
            a = np.eye(2) - p1 @ h.T @ h / (p1[0, 0] + r1)
            p1, c, since = a @ p1, a @ c, 0
        if k % t2 == phase % t2:
            a = np.eye(2) - p2 @ h.T @ h / (p2[0, 0] + r2)
            p2, c, since = a @ p2, c @ a.T, 0
        if k > steps - 20:
            yield (p1 + p1.T) / 2, (p2 + p2.T) / 2, c, since


def both(p):
    """The same on both axes, as a row."""
    return np.array([p[0, 0], 0, p[0, 1], 0, p[0, 0], 0, p[0, 1], p[1, 1], 0, p[1, 1]])


def anees(p1, p2, c, since, q, bound):
    """Expected NEES over 4 of a fused track: tr(claimed⁻¹ actual) / 4, without chance."""
    ours = craft(both(p1))
    fusion.fuse(*pairs(1, bound, float(since), q), ours, craft(both(p2)))
    # The gain, by moving theirs a metre (a metre a second) off: positions east, then velocities.
    gain = np.empty((2, 2))
    for k in range(2):
        probe, off = craft(both(p1)), craft(both(p2))
        if k == 0:
            off.at[0] = geodesy.move(*off.at[0], 0.0, 1.0, 0.0)[:3]
        else:
            off.vel_mps[0, 0] = 1.0
        start = probe.at[0].copy()
        fusion.fuse(*pairs(1, bound, float(since), q), probe, off)
        gain[:, k] = geodesy.offset(*start, 0.0, *probe.at[0])[0], probe.vel_mps[0, 0]
    keep = np.eye(2) - gain
    actual = keep @ p1 @ keep.T + gain @ p2 @ gain.T + keep @ c @ gain.T + gain @ c.T @ keep.T
    claimed = full(ours.cov[0])[np.ix_([0, 2], [0, 2])]
    return float(np.trace(np.linalg.solve(claimed, actual))) / 2, claimed[0, 0] / min(p1[0, 0], p2[0, 0])


WORLDS = [
    (t1, t2, r1, r2, q)
    for q in (0.05, 1.0, 15.0, 60.0)
    for t1, t2 in ((1, 1), (4, 4), (4, 10), (2, 20))
    for r1, r2 in ((100.0, 100.0), (100.0, 1e4), (1e4, 1e4))
]


@pytest.mark.parametrize(("bound", "lowest"), [(1.0, 0.9), (fusion.SHARED, 0.9)])
def test_calibration_of_disjoint_trackers(bound, lowest):
    """ANEES ≤ 1.05 in every world: for covariance intersection, and for sensors that are disjoint."""
    found = []
    for t1, t2, r1, r2, q in WORLDS:
        found.append(np.mean([anees(*x, q, bound) for x in two_trackers(t1, t2, r1, r2, q, 1)], axis=0))
    score, size = np.array(found).T
    print(
        f"bound {bound}: ANEES {score.min():.3f} to {score.max():.3f}, mean {score.mean():.3f}; size {size.mean():.3f}"
    )
    assert score.max() <= 1.05
    assert score.mean() >= lowest, "not merely large"
    assert bound == 1.0 or size.mean() < 0.96, "disjoint sensors do help"


def test_adding_informations_of_states_would_be_too_sure():
    """Why ``SHARED`` is not 0: the craft's own unsteadiness is in both."""
    worst = [np.mean([anees(*x, w[4], 0.0)[0] for x in two_trackers(*w, 1)]) for w in WORLDS]
    assert np.mean(worst) > 1.2


def test_a_simulated_craft_is_where_fusion_says():
    """The same by chance: 400 craft, 60 s, two trackers, a plot each 2 s and 5 s; NEES of the fused track."""
    rng = np.random.default_rng(5)
    n, q = 400, 2.0
    truth = np.zeros((n, 4))
    truth[:, 2:] = rng.normal(0, 50, (n, 2))
    states = [np.zeros((n, 4)), np.zeros((n, 4))]
    covs = []
    for x, r in zip(states, (900.0, 400.0), strict=True):
        x[:, :2] = rng.normal(0, math.sqrt(r), (n, 2))
        covs.append(np.tile([r, 0, 0, 0, r, 0, 0, 2500.0, 0, 2500.0], (n, 1)).astype(float))
    last, chol, scores = 0, np.linalg.cholesky(q * np.array([[1 / 3, 1 / 2], [1 / 2, 1.0]])), {1.0: [], 0.5: []}
    for k in range(1, 60):
        kick = rng.normal(size=(n, 2, 2)) @ chol.T
        truth[:, :2] += truth[:, 2:] + kick[:, :, 0]
        truth[:, 2:] += kick[:, :, 1]
        for x, cov, period, r in zip(states, covs, (2, 5), (900.0, 400.0), strict=True):
            x[:, :2] += x[:, 2:]
            for i in range(n):
                kalman.predict(cov, i, 1.0, q)
            if k % period == 0:
                last = k
                y = truth[:, :2] + rng.normal(0, math.sqrt(r), (n, 2)) - x[:, :2]
                for i in range(n):
                    s = kalman.spread(cov, i, 0.0, q, r, 0.0, r)
                    x[i] += kalman.correct(cov, i, 1.0, 0.0, *y[i], *s)
        for bound, found in scores.items():
            if k > 40:
                found.append(_nees(states, covs, truth, bound, float(k - last), q))
    found = {bound: float(np.mean(f)) for bound, f in scores.items()}
    print("ANEES", found)
    assert 0.7 < found[1.0] <= 1.05
    assert 0.7 < found[0.5] <= 1.05


def _nees(states, covs, truth, bound, since, q):
    one, two = craft(covs[0]), craft(covs[1])
    for moving, x in zip((one, two), states, strict=True):
        for i in range(len(x)):
            moving.at[i] = geodesy.move(*moving.at[i], 0.0, *x[i, :2])[:3]
        moving.vel_mps[:] = x[:, 2:]
    fusion.fuse(*pairs(len(truth), bound, since, q), one, two)
    zero, total = geodesy.nvector(0.9, 0.3), 0.0
    for i in range(len(truth)):
        e = np.array([*geodesy.offset(*zero, 0.0, *one.at[i]), *one.vel_mps[i]]) - truth[i]
        total += e @ np.linalg.solve(full(one.cov[i]), e) / 4
    return total / len(truth)


@pytest.mark.parametrize("seed", range(4))
def test_incest_in_a_ring_never_shrinks_a_covariance(seed):
    """A ─▶ C ─▶ B ─▶ A: one node sees, the others pass on; random ring, 1,000 rounds. What comes back never makes A
    surer than its own sensors, and nobody is surer than A."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 7))
    own = some(rng)[0] + np.array([100.0, 0, 0, 0, 100.0, 0, 0, 1.0, 0, 1.0])
    held = [craft(own) if k == 0 else craft(own * 1e4) for k in range(n)]
    one = pairs(1, 1.0)
    for _ in range(1000):
        dt = float(rng.choice([0.0, 0.0, 1.0, 4.0]))
        for node in held:
            kalman.predict(node.cov, 0, dt, 0.05)
        own = own[None].copy()
        kalman.predict(own, 0, dt, 0.05)
        if rng.random() < 0.3:
            s = kalman.spread(own, 0, 0.0, 0.0, 900.0, 0.0, 900.0)
            kalman.correct(own, 0, 1.0, 0.0, 0.0, 0.0, *s)
        own = own[0]
        before = own.copy()
        held[0] = craft(own)  # a node's picture begins anew from its own track at every step
        for k in rng.permutation(n):
            fusion.fuse(*one, held[(k + 1) % n], held[k])
        for node in held:
            least = np.linalg.eigvalsh(full(node.cov[0]) - full(before)).min()
            assert least >= -1e-6 * full(before).max()


def test_rounds_of_a_ring_by_addition_would_shrink():
    """The ring test can fail: by information addition the same estimate halves at each round."""
    held = craft(some(np.random.default_rng(9)))
    before = held.cov.copy()
    fusion.fuse(*pairs(1, 0.0), held, craft(before))
    assert np.allclose(held.cov, before / 2, rtol=1e-6)
