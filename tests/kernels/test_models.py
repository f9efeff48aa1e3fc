"""The three models against the matrices of the textbook."""

from __future__ import annotations

import math

import numpy as np
import pytest

from manara.kernels import models as m

UPPER = np.triu_indices(4)
MOTION = m.Motion(0.1, 1.0, 60.0, math.radians(2.2))


def full(row):
    p = np.zeros((4, 4))
    p[UPPER] = row
    return p + p.T - np.diag(np.diag(p))


def turn_covariance(f):
    """(5, 5) of the turning model: e, n, ve, vn, rate."""
    p = np.zeros((5, 5))
    p[:4, :4] = full(f[m.TURN + 4 : m.TURN + 14])
    p[4, :4] = p[:4, 4] = f[m.RATE + 1 : m.RATE + 5]
    p[4, 4] = f[m.RATE + 5]
    return p


@pytest.fixture
def rows():
    """Models that have gone apart: random means, random covariances, correlated turn rates."""
    rng, out = np.random.default_rng(5), []
    for _ in range(30):
        f = np.zeros(m.WIDTH)
        f[m.IN_USE], f[m.P_TURN], f[m.P_RESTLESS] = 1.0, rng.uniform(0.05, 0.6), rng.uniform(0.001, 0.3)
        for i in (m.STEADY, m.RESTLESS):
            a = rng.normal(size=(4, 4)) * np.array([50.0, 50.0, 8.0, 8.0])[:, None]
            f[i : i + 4] = rng.normal(size=4) * 40 + [0, 0, 150, -80]
            f[i + 4 : i + 14] = (a @ a.T)[UPPER]
        a = rng.normal(size=(5, 5)) * np.array([50.0, 50.0, 8.0, 8.0, 0.01])[:, None]
        p = a @ a.T
        f[m.TURN : m.TURN + 4] = rng.normal(size=4) * 40 + [0, 0, 150, -80]
        f[m.TURN + 4 : m.TURN + 14] = p[:4, :4][UPPER]
        f[m.RATE], f[m.RATE + 1 : m.RATE + 5], f[m.RATE + 5] = rng.normal() * 0.03, p[4, :4], p[4, 4]
        out.append(f)
    return out


def arc(x, dt):
    """Where a state of five goes in dt at its own rate of turn, by a thousand small steps."""
    e, n, u, v, w = x
    c = math.cos(w * dt / 1000), math.sin(w * dt / 1000)
    h = math.cos(w * dt / 2000), math.sin(w * dt / 2000)
    for _ in range(1000):
        e += (h[0] * u - h[1] * v) * dt / 1000
        n += (h[1] * u + h[0] * v) * dt / 1000
        u, v = c[0] * u - c[1] * v, c[1] * u + c[0] * v
    return np.array([e, n, u, v, w])


@pytest.mark.parametrize("dt", [0.5, 1.3, 4.0, 8.0, -1.0])
def test_turning_follows_the_arc_and_carries_the_covariance_by_its_derivative(rows, dt):
    for f in rows:
        x = np.array([*f[m.TURN : m.TURN + 4], f[m.RATE]])
        p, q = turn_covariance(f), 1.0 if dt > 0 else 0.0
        jacobian = np.zeros((5, 5))
        for i in range(5):
            step = np.zeros(5)
            step[i] = 1e-5 if i == 4 else 1e-2
            jacobian[:, i] = (arc(x + step, dt) - arc(x - step, dt)) / (2 * step[i])
        noise = np.zeros((5, 5))
        noise[:4, :4] = q * np.kron(np.array([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]]), np.eye(2))
        m.turning(f, dt, q)
        assert f[m.TURN : m.TURN + 4] == pytest.approx(arc(x, dt)[:4], abs=2e-3)
        want = jacobian @ p @ jacobian.T + noise
        scale = np.sqrt(np.outer(np.diag(want), np.diag(want)))
        # the derivative by the rate is that of a short arc: some per cent off at 8 s, 10⁻³ at a radar's revolution
        assert np.abs((turn_covariance(f) - want) / scale).max() < (0.05 if dt > 5 else 5e-3)


@pytest.mark.parametrize("dt", [0.5, 4.0, 15.0])
def test_mixing_keeps_the_moments_of_the_whole(rows, dt):
    """Chances, mean and spread of the mixture are those of before: only who holds what changes."""

    def whole(f):
        p = np.array([1 - f[m.P_TURN] - f[m.P_RESTLESS], f[m.P_TURN], f[m.P_RESTLESS]])
        x = np.array([f[i : i + 4] for i in (m.STEADY, m.TURN, m.RESTLESS)])
        c = np.array([full(f[i + 4 : i + 14]) for i in (m.STEADY, m.TURN, m.RESTLESS)])
        mean = p @ x
        return mean, np.einsum("i,ijk->jk", p, c + np.einsum("ij,ik->ijk", x - mean, x - mean))

    for f in rows:
        mean, spread = whole(f)
        m.mix(f, np.zeros((4, 14)), dt, MOTION.rate)
        after, wider = whole(f)
        assert after == pytest.approx(mean, abs=1e-8)
        assert np.allclose(wider, spread, atol=1e-6 * np.abs(spread).max())
        assert 0 < f[m.P_TURN] < 1
        assert np.linalg.eigvalsh(turn_covariance(f)).min() > 0


def test_correct_is_the_kalman_update_also_of_the_rate(rows):
    h = np.zeros((2, 5))
    h[0, 0] = h[1, 1] = 1
    r = np.array([[900.0, 200.0], [200.0, 400.0]])
    for f in rows:
        p, x = turn_covariance(f), np.array([*f[m.TURN : m.TURN + 4], f[m.RATE]])
        z = x[:2] + np.array([30.0, -20.0])
        s = h @ p @ h.T + r
        d2, det = m.correct(f, m.TURN, *z, r[0, 0], r[0, 1], r[1, 1], 1e9)
        gain = p @ h.T @ np.linalg.inv(s)
        y = z - x[:2]
        assert d2 == pytest.approx(y @ np.linalg.solve(s, y))
        assert det == pytest.approx(np.linalg.det(s))
        assert np.array([*f[m.TURN : m.TURN + 4], f[m.RATE]]) == pytest.approx(x + gain @ y)
        assert np.allclose(turn_covariance(f), p - gain @ h @ p, atol=1e-6)


def test_carry_turns_everything_and_back_again(rows):
    for f in rows:
        before = f.copy()
        c, s = math.cos(0.3), math.sin(0.3)
        m.carry(f, 0.0, 0.0, c, s)
        r = np.kron(np.eye(2), np.array([[c, -s], [s, c]]))
        for i in (m.STEADY, m.TURN, m.RESTLESS):
            assert f[i : i + 4] == pytest.approx(r @ before[i : i + 4])
            assert np.allclose(full(f[i + 4 : i + 14]), r @ full(before[i + 4 : i + 14]) @ r.T)
        assert f[m.RATE + 1 : m.RATE + 5] == pytest.approx(r @ before[m.RATE + 1 : m.RATE + 5])
        m.carry(f, 0.0, 0.0, c, -s)
        assert f == pytest.approx(before, rel=1e-9, abs=1e-9)


def fly(rate_deg, turn_from_s=30.0, until_s=90.0, seed=3, dt=4.0 / 3.0, sigma=100.0):
    """One craft at 180 m/s that turns after a while; its models; (seconds, error of the mean m, chance of a turn)."""
    rng, out = np.random.default_rng(seed), []
    f, w = np.zeros(m.WIDTH), np.zeros((4, 14))
    p = np.zeros(10)
    p[[0, 4, 7, 9]] = sigma**2, sigma**2, 400.0, 400.0
    m.begin(f, 180.0, 0.0, p, MOTION.rate)
    x, origin, t = np.array([0.0, 0.0, 180.0, 0.0, 0.0]), np.zeros(2), 0.0
    while t < until_s:
        t += dt
        x[4] = math.radians(rate_deg) if t > turn_from_s else 0.0
        x = arc(x, dt)
        z = x[:2] + rng.normal(0, sigma, 2) - origin
        m.step(f, w, dt, z[0], z[1], sigma**2, 0.0, sigma**2, MOTION, 25.0)
        m.carry(f, w[3, 0], w[3, 1], 1.0, 0.0)
        origin = origin + w[3, :2]
        out.append((t, float(np.hypot(*(origin - x[:2]))), f[m.P_TURN], f[m.RATE]))
    return out


@pytest.mark.parametrize("rate_deg", [2.0, -2.5])
def test_a_turn_is_recognised_and_its_rate_found(rate_deg):
    runs = [fly(rate_deg, seed=s) for s in range(12)]
    straight = np.mean([p for run in runs for t, _, p, _ in run if 15 < t < 30])
    turning = np.mean([p for run in runs for t, _, p, _ in run if t > 55])
    assert straight < 0.2
    assert turning > 0.7
    rates = [math.degrees(r) for run in runs for t, _, _, r in run if t > 70]
    assert np.mean(rates) == pytest.approx(rate_deg, abs=0.25)


def test_a_late_position_helps_and_does_not_move_time():
    """Three positions in order, or the second of them last: nearly the same state."""
    results = []
    for late in (False, True):
        f, w = np.zeros(m.WIDTH), np.zeros((4, 14))
        p = np.zeros(10)
        p[[0, 4, 7, 9]] = 1e4, 1e4, 400.0, 400.0
        m.begin(f, 100.0, 0.0, p, MOTION.rate)
        for dt, e in ((2.0, 220.0), (-1.0, 90.0)) if late else ((1.0, 90.0), (1.0, 220.0)):
            m.step(f, w, dt, e, 0.0, 1e4, 0.0, 1e4, MOTION, 25.0)
        results.append((w[3].copy(), f[m.P_TURN]))
    (a, _), (b, _) = results
    assert a[:4] == pytest.approx(b[:4], abs=1.0)
    assert a[4] == pytest.approx(b[4], rel=0.02)
