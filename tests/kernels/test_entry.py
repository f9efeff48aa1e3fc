"""Entry of straight flight into areas: against geometry, closed forms, brute force, and over many seeded flights."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manara.kernels import entry
from manara.kernels.membership import area_bits

NORMAL = np.vectorize(lambda x: 0.5 * math.erfc(-x / math.sqrt(2)))
M = 6_335_439.0  # of the meridian at the equator, metres for a radian
N = 6_378_137.0


def covariance(sigma_m=50.0, sigma_mps=2.0, rho=0.0):
    out = np.zeros(10)
    out[0] = out[4] = sigma_m**2
    out[7] = out[9] = sigma_mps**2
    out[2] = out[6] = rho * sigma_m * sigma_mps
    return out


def matrix(c):
    p = np.zeros((4, 4))
    p[np.triu_indices(4)] = c
    return p + np.triu(p, 1).T


def square(east, north, half):
    return np.array([[east - half, north - half], [east + half, north - half], [east + half, north + half],
                     [east - half, north + half]])  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_a_line_enters_where_small_steps_along_it_say(seed):
    rng = np.random.default_rng(seed)
    angle, far = np.sort(rng.uniform(0, 2 * np.pi, 9)), rng.uniform(200, 1000, 9)
    star = np.stack([far * np.cos(angle), far * np.sin(angle)], axis=1)
    x, y = rng.uniform(-1500, 1500, 2)
    vx, vy = rng.normal(0, 40, 2)
    when = entry.crossing(x, y, vx, vy, star)
    t = np.linspace(0, 200, 20_001)
    inside = area_bits(y + vy * t, x + vx * t, np.array([0, 9]), star[:, 1].copy(), star[:, 0].copy()) == 1
    inside &= np.abs(x + vx * t) < 1e9
    # The kernel of membership takes any plane; here north stands for latitude and east for longitude, unbounded.
    walked = t[np.argmax(inside)] if inside.any() else math.inf
    if when > 200.0:
        assert walked == math.inf or abs(walked - when) <= 0.02
    elif walked == math.inf or abs(walked - when) > 0.02:  # a corner cut for less than one step
        after = np.array([[x + vx * (when + 1e-6), y + vy * (when + 1e-6)]])
        assert area_bits(after[:, 1].copy(), after[:, 0].copy(), np.array([0, 9]), star[:, 1].copy(),
                         star[:, 0].copy())[0] == 1  # fmt: skip


def test_a_broad_front_is_the_closed_form_of_a_half_plane():
    """P(x + v T ≥ d) = Φ((v̄ T − d) / √(σ² + T² σᵥ²)) where the front is so wide that nothing passes beside it."""
    numbers = entry.draws()
    for distance in np.linspace(6_000, 14_000, 9):
        front = np.array([[distance, -1e6], [1e6, -1e6], [1e6, 1e6], [distance, 1e6]])
        found = entry.entry(front, 100.0, 0.0, covariance(200.0, 10.0), 0.0, 100.0, 0.0, numbers)[0]
        want = float(NORMAL((100.0 * 100.0 - distance) / math.hypot(200.0, 100.0 * 10.0)))
        assert abs(found - want) < 0.07


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32))
def test_it_is_what_twenty_thousand_draws_say(seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(0, 1, (4, 4)) * np.array([300, 300, 5, 5])[:, None] * 0.5
    p = root @ root.T
    c = p[np.triu_indices(4)]
    v = rng.normal(0, 60, 2)
    at = square(*(v * 300 + rng.normal(0, 3000, 2)), 4000.0)
    age = rng.uniform(0, 30)
    found = entry.entry(at, v[0], v[1], c, age, 600.0, 0.0, entry.draws())
    z = rng.multivariate_normal([0, 0, v[0], v[1]], p, 20_000)
    t = np.array([entry.crossing(x + age * a, y + age * b, a, b, at) for x, y, a, b in z])
    want = np.mean(t <= 600.0)
    assert abs(found[0] - want) < 0.08 or (found[0] == 0.0 and want < 0.12)
    if want > 0.3:
        low, high = np.quantile(t[t <= 600.0], [0.05, 0.95])
        spread = high - low + 20.0
        assert abs(found[1] - low) < 0.35 * spread
        assert abs(found[2] - high) < 0.35 * spread


def test_growth_by_white_acceleration_is_that_of_the_model():
    out = np.zeros((4, 4))
    c = covariance(30.0, 3.0, 0.3)
    entry.root(c, 20.0, 0.0, 2.0, out)
    f = np.eye(4)
    f[0, 2] = f[1, 3] = 20.0
    q = 2.0 * np.array([[20**3 / 3, 20**2 / 2], [20**2 / 2, 20.0]])
    want = f @ matrix(c) @ f.T + np.kron(q, np.eye(2))
    assert np.allclose(out @ out.T, want)
    entry.root(c, 0.0, 300.0, 2.0, out)
    after = out @ out.T
    f[0, 2] = f[1, 3] = 300.0
    spread = (f @ after @ f.T)[0, 0] - (f @ matrix(c) @ f.T)[0, 0]
    assert spread == pytest.approx(2.0 * 300.0**3 / 3.0)


def world(rng, areas, radius_rad, spread_rad):
    turn = np.arange(12) * np.pi / 6
    middles = rng.uniform(-spread_rad, spread_rad, (areas, 2))
    lat = (middles[:, :1] + radius_rad * np.sin(turn)).ravel()
    lon = (middles[:, 1:] + radius_rad * np.cos(turn)).ravel()
    return np.arange(areas + 1) * 12, lat, lon


def flights(rng, n, q, seconds):
    """What is estimated now, and where the craft then really is every five seconds, (n, steps); radians."""
    p0 = rng.uniform(-0.04, 0.04, (2, n))
    speed, course = rng.uniform(60, 230, n), rng.uniform(0, 2 * np.pi, n)
    v0 = np.stack([speed * np.cos(course), speed * np.sin(course)])
    sigma_m, sigma_v = 60.0, 2.5
    said = p0 + rng.normal(0, sigma_m, (2, n)) / M, v0 + rng.normal(0, sigma_v, (2, n))
    p, v, way = p0.copy(), v0.copy(), []
    for _ in range(0, seconds, 5):
        way.append(p.copy())
        a = rng.normal(0, math.sqrt(q * 5.0), (2, n))
        p = p + (v * 5.0 + a * 2.5) / M
        v = v + a
    return said, covariance(sigma_m, sigma_v), np.stack(way, axis=2)


def reliability(p, hit):
    """(mean forecast, share that came true, number) of each tenth."""
    tenth = np.minimum((p * 10).astype(int), 9)
    return [(p[tenth == k].mean(), hit[tenth == k].mean(), int((tenth == k).sum())) for k in range(10)
            if (tenth == k).sum() >= 100]  # fmt: skip


def forecast(seed, n=12_000, q=0.5):
    """Every pair of a flight and an area: what was said, and whether it came."""
    rng = np.random.default_rng(seed)
    first, lat, lon = world(rng, 24, 0.0015, 0.03)
    (at, v), c, way = flights(rng, n, q, 600)
    zero = np.zeros(n)
    who, where, what = entry.entries(at[0], at[1], v[1], v[0], np.tile(c, (n, 1)), zero, zero + 600.0, zero + q,
                                     first, lat, lon, 1e-6)  # fmt: skip
    said = np.zeros((n, 24))
    said[who, where] = what[:, 0]
    came = np.zeros((n, 24), bool)
    for k in range(way.shape[2]):
        bits = area_bits(way[0, :, k].copy(), way[1, :, k].copy(), first, lat, lon)
        came |= (bits[:, None] >> np.arange(24, dtype=np.uint64) & np.uint64(1)).astype(bool)
    return said.ravel(), came.ravel()


def test_what_is_said_comes_true_as_often_as_it_is_said():
    """Calibration over 12,000 seeded flights × 24 areas: flights that wander by white acceleration, ten minutes."""
    said, came = forecast(7)
    tenths = reliability(said, came)
    assert len(tenths) == 10
    for mean, share, n in tenths:
        assert abs(mean - share) < 0.05 + 2.0 * math.sqrt(mean * (1 - mean) / n), (mean, share, n)
    brier = np.mean((said - came) ** 2)
    climate = came.mean() * (1 - came.mean())
    assert 1 - brier / climate > 0.6, "skill against always saying how often it happens"


def test_an_overconfident_forecast_is_seen():
    """The calibration test can fail."""
    said, came = forecast(7)
    sharp = np.where(said > 0.3, np.minimum(said * 1.5, 1.0), said * 0.3)
    off = [abs(mean - share) for mean, share, n in reliability(sharp, came)]
    assert max(off) > 0.1
    assert np.mean((sharp - came) ** 2) > np.mean((said - came) ** 2)


def test_the_index_leaves_no_area_out():
    rng = np.random.default_rng(3)
    first, lat, lon = world(rng, 63, 0.004, 0.5)
    n = 3_000
    at, v, zero = rng.uniform(-0.5, 0.5, (2, n)), rng.normal(0, 200, (2, n)), np.zeros(n)
    c = np.tile(covariance(), (n, 1))
    got = entry.entries(at[0], at[1], v[0], v[1], c, zero, zero + 900.0, zero + 0.1, first, lat, lon, 0.05)
    single = []
    for k in range(63):
        one = slice(12 * k, 12 * k + 12)
        who, _, what = entry.entries(at[0], at[1], v[0], v[1], c, zero, zero + 900.0, zero + 0.1, np.array([0, 12]),
                                     lat[one].copy(), lon[one].copy(), 0.05)  # fmt: skip
        single += [(int(i), k, *row) for i, row in zip(who, what.tolist(), strict=True)]
    assert sorted(single) == [(int(i), int(k), *row) for i, k, row in zip(got[0], got[1], got[2].tolist(), strict=True)]
    assert len(single) > 50


@pytest.mark.parametrize("lon", [math.pi - 0.001, -math.pi + 0.001])
def test_the_antimeridian_is_no_wall(lon):
    """An area on the one side of the 180th meridian and a craft on the other that flies toward it."""
    side = -math.copysign(1.0, lon)
    middle = side * (math.pi - 0.004)
    corners = np.array([[-0.002, -0.002], [-0.002, 0.002], [0.002, 0.002], [0.002, -0.002]])
    zero = np.zeros(1)
    east = 100.0 * -side  # away from the meridian's own side, across it
    _, _, what = entry.entries(zero, zero + lon, zero + east, zero, np.zeros((1, 10)), zero, zero + 900.0, zero,
                               np.array([0, 4]), corners[:, 0].copy(), corners[:, 1] + middle, 0.5)  # fmt: skip
    assert what[0, 0] == 1.0
    assert what[0, 1] == pytest.approx(0.003 * N / 100.0, rel=0.01)


def test_what_is_not_finite_enters_nothing_and_disturbs_nobody():
    first, lat, lon = np.array([0, 3, 3]), np.array([-1.0, 0.0, 1.0]), np.array([-1.0, 1.0, -1.0])
    bad = np.array([np.nan, 0.0, np.inf, 0.0])
    v = np.array([0.0, np.nan, 0.0, 0.0])
    zero = np.zeros(4)
    c = np.zeros((4, 10))
    c[3, 0] = -5.0  # no covariance at all: taken as none
    who, where, what = entry.entries(bad, zero, v, zero, c, zero, zero + 60.0, zero, first, lat, lon, 0.5)
    assert who.tolist() == [3]
    assert where.tolist() == [0]
    assert what[0].tolist() == [1.0, 0.0, 0.0]


def test_no_areas_and_no_tracks_are_nothing():
    none, zero = np.zeros(0), np.zeros(1)
    assert len(entry.entries(zero, zero, zero, zero, np.zeros((1, 10)), zero, zero, zero, np.array([0]), none, none,
                             0.5)[0]) == 0  # fmt: skip
    assert len(entry.entries(none, none, none, none, np.zeros((0, 10)), none, none, none, np.array([0, 3]),
                             np.zeros(3), np.zeros(3), 0.5)[0]) == 0  # fmt: skip
