"""The closed-form filter against the matrices of the textbook."""

from __future__ import annotations

import numpy as np
import pytest

from manara.kernels import kalman

UPPER = np.triu_indices(4)


def full(row):
    p = np.zeros((4, 4))
    p[UPPER] = row
    return p + p.T - np.diag(np.diag(p))


@pytest.fixture
def cases():
    rng = np.random.default_rng(7)
    out = []
    for _ in range(50):
        a = rng.normal(size=(4, 4)) * np.array([30.0, 30.0, 5.0, 5.0])[:, None]
        b = rng.normal(size=(2, 2)) * 20
        out.append((a @ a.T + 1e-3 * np.eye(4), b @ b.T + np.eye(2), rng.uniform(0, 20), rng.uniform(0, 60), rng))
    return out


def transition(dt):
    f = np.eye(4)
    f[0, 2] = f[1, 3] = dt
    return f


def test_predict_is_f_p_f_plus_q(cases):
    for p, _, dt, q, _ in cases:
        row = p[UPPER].reshape(1, 10).copy()
        kalman.predict(row, 0, dt, q)
        noise = q * np.kron(np.array([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]]), np.eye(2))
        f = transition(dt)
        assert np.allclose(full(row[0]), f @ p @ f.T + noise, rtol=1e-12)


def test_predicting_twice_is_predicting_once(cases):
    for p, _, dt, q, _ in cases:
        once, twice = p[UPPER].reshape(1, 10).copy(), p[UPPER].reshape(1, 10).copy()
        kalman.predict(once, 0, dt, q)
        kalman.predict(twice, 0, 0.3 * dt, q)
        kalman.predict(twice, 0, 0.7 * dt, q)
        assert np.allclose(once, twice, rtol=1e-10)


@pytest.mark.parametrize(("a", "b"), [(1.0, 0.0), (1.0, -3.0), (0.0, 1.0)])
def test_correct_is_the_kalman_update(cases, a, b):
    h = np.hstack([a * np.eye(2), b * np.eye(2)])
    for p, r, _, _, rng in cases:
        row, y = p[UPPER].reshape(1, 10).copy(), rng.normal(size=2) * 50
        s = h @ p @ h.T + r
        change = kalman.correct(row, 0, a, b, y[0], y[1], s[0, 0], s[0, 1], s[1, 1])
        k = p @ h.T @ np.linalg.inv(s)
        assert np.allclose(change, k @ y, rtol=1e-8, atol=1e-8)
        assert np.allclose(full(row[0]), p - k @ s @ k.T, rtol=1e-6, atol=1e-5)


def test_spread_is_the_innovation_covariance_also_before_the_state(cases):
    for p, r, dt, q, _ in cases:
        for t in (dt, -dt):
            h = np.hstack([np.eye(2), t * np.eye(2)])
            want = h @ p @ h.T + r + q * dt**3 / 3 * np.eye(2)
            row = p[UPPER].reshape(1, 10)
            got = kalman.spread(row, 0, t, q, r[0, 0], r[0, 1], r[1, 1])
            assert np.allclose(got, (want[0, 0], want[0, 1], want[1, 1]), rtol=1e-9)


def test_turn_rotates_both_pairs(cases):
    for p, _, angle, _, _ in cases:
        row = p[UPPER].reshape(1, 10).copy()
        c, s = np.cos(angle), np.sin(angle)
        kalman.turn(row, 0, c, s)
        r = np.kron(np.eye(2), np.array([[c, -s], [s, c]]))
        assert np.allclose(full(row[0]), r @ p @ r.T, rtol=1e-10, atol=1e-9)


def test_ten_thousand_updates_leave_the_covariance_sound():
    rng = np.random.default_rng(3)
    row = np.zeros((1, 10))
    row[0, [0, 4, 7, 9]] = 1e8, 1e8, 1e4, 1e4
    for _ in range(10_000):
        dt = float(rng.choice([0.0, 1e-6, 0.5, 10.0, 400.0]))
        kalman.predict(row, 0, dt, 0.05)
        r = float(rng.choice([1.0, 25.0, 1e6]))
        s = kalman.spread(row, 0, 0.0, 0.05, r, 0.0, r)
        kalman.correct(row, 0, 1.0, 0.0, 0.0, 0.0, *s)
        assert np.linalg.eigvalsh(full(row[0])).min() > 0
