"""From plot to position: there and back through the earth-centred frame, and covariances against sampling."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from manara.kernels import gate, geodesy, sensing, states, tables
from manara.records.plots import Form, Plots
from manara.records.sensors import Sensor
from manara.tracking import rows, sites

SITES = [(0.0, 0.0, 0.0), (52.3, 4.7, 40.0), (-33.0, 179.9, 900.0), (89.9, 12.0, 10.0), (70.0, -150.0, 2500.0)]


def site(lat_deg, lon_deg, height_m, **more):
    return sites.row(Sensor(name="s", lat_deg=lat_deg, lon_deg=lon_deg, height_m=height_m, **more))[np.newaxis, :]


def located(plots, table):
    n = len(plots)
    zero = np.zeros(n, np.int64)
    pos, r, why = np.zeros((n, 3)), np.zeros((n, 3)), np.zeros(n, np.int64)
    sensing.locate(rows.plots(plots, zero, zero), table, pos, r, why)
    return pos, r, why


def measure(table, n, alt):
    """Slant range and azimuth of a point from a site, by vectors alone."""
    s = table[0]
    d = np.array(geodesy.to_ecef(*n, alt)) - s[4:7]
    ex, ey, mx, my, mz = geodesy.frame(*s[:3])
    return math.sqrt(d @ d), math.atan2(d[0] * ex + d[1] * ey, d[0] * mx + d[1] * my + d[2] * mz)


@pytest.mark.parametrize("where", SITES)
def test_polar_there_and_back(where):
    rng = np.random.default_rng(1)
    table = site(*where)
    for _ in range(200):
        ground, bearing, alt = rng.uniform(8e3, 4.4e5), rng.uniform(0, 2 * math.pi), rng.uniform(0, 14e3)
        n = geodesy.move(*table[0, :3], 0.0, ground * math.sin(bearing), ground * math.cos(bearing))[:3]
        d, az = measure(table, n, alt)
        plot = Plots.blank(1).replace(range_m=np.array([d]), azimuth_rad=np.array([az]), alt_m=np.array([alt]))
        pos, _, why = located(plot, table)
        assert why[0] == sensing.PLACED
        assert math.dist(pos[0], n) * 6.4e6 < 0.5


@pytest.mark.parametrize("where", SITES[:3])
@pytest.mark.parametrize("ground", [2e3, 2e4, 3e5])
def test_polar_covariance_is_that_of_the_noise(where, ground):
    rng = np.random.default_rng(2)
    table = site(*where, sigma_range_m=60.0, sigma_azimuth_deg=0.1)
    n = geodesy.move(*table[0, :3], 0.0, 0.6 * ground, -0.8 * ground)[:3]
    alt = table[0, 3] + 500.0
    d, az = measure(table, n, alt)
    m = 4000
    plots = Plots.blank(m).replace(
        range_m=d + rng.normal(0, 60.0, m),
        azimuth_rad=az + rng.normal(0, math.radians(0.1), m),
        alt_m=alt + rng.normal(0, sensing.SIGMA_MODE_C_M, m),
    )
    pos, r, _ = located(plots, table)
    off = np.array([geodesy.offset(*n, 0.0, *p) for p in pos])
    cov = np.array([[r[:, 0].mean(), r[:, 1].mean()], [r[:, 1].mean(), r[:, 2].mean()]])
    ratio = np.linalg.solve(cov, off.T @ off / m)
    assert np.linalg.eigvals(ratio).real.min() > 0.8
    assert np.linalg.eigvals(ratio).real.max() < 1.2


def test_overhead_the_doubt_is_wide_and_finite():
    table = site(50.0, 5.0, 0.0)
    plot = Plots.blank(2).replace(
        range_m=np.array([10_000.0, 9_500.0]), azimuth_rad=np.array([1.0, 1.0]), alt_m=np.array([10_000.0, 10_000.0])
    )
    pos, r, why = located(plot, table)
    assert (why == sensing.PLACED).all()
    assert np.isfinite(pos).all()
    sigma = np.sqrt(r[:, 0] + r[:, 2])
    assert (sigma > 500.0).all()
    assert (sigma < 5000.0).all()


def test_without_height_the_doubt_grows_towards_the_antenna():
    table = site(50.0, 5.0, 0.0)
    d = np.array([1e4, 3e4, 1e5, 3e5])
    _, r, _ = located(Plots.blank(4).replace(range_m=d, azimuth_rad=np.zeros(4)), table)
    assert (np.diff(r[:, 2]) < 0).all()


@pytest.mark.parametrize("lat_deg", [0.0, 45.0, 89.99])
def test_cartesian_lies_where_it_says(lat_deg):
    table = site(lat_deg, 179.99, 10.0)
    plot = Plots.blank(1).replace(form=np.array([Form.CARTESIAN], np.uint8), x_m=np.array([3e3]), y_m=np.array([-4e3]))
    pos, r, why = located(plot, table)
    east, north = geodesy.offset(*table[0, :3], 10.0, *pos[0])
    assert (why[0], east, north) == (sensing.PLACED, pytest.approx(3e3, abs=0.5), pytest.approx(-4e3, abs=0.5))
    assert r[0].tolist() == [900.0, 0.0, 900.0]


BAD = [float("nan"), float("inf"), -float("inf"), -1.0, 0.0, 1e300]


@pytest.mark.parametrize("value", BAD)
@pytest.mark.parametrize("form", [Form.POLAR, Form.CARTESIAN, Form.GEODETIC, 77])
def test_nonsense_is_refused_never_placed(value, form):
    v = np.array([value])
    plot = Plots.blank(1).replace(form=np.array([form], np.uint8), range_m=v, azimuth_rad=v, x_m=v, y_m=v, lat_rad=v)
    with np.errstate(all="ignore"):
        pos, r, why = located(plot, site(1.0, 2.0, 3.0))
    if why[0] == sensing.PLACED:
        assert form == Form.CARTESIAN
        assert np.isfinite(pos).all()
        assert np.isfinite(r).all()


def test_a_sensor_without_a_place_gives_only_geodetic_plots():
    form = np.array([0, 1, 2], np.uint8)
    f = np.full(3, 1000.0)
    plots = Plots.blank(3).replace(
        form=form, range_m=f, azimuth_rad=f / 1e3, x_m=f, y_m=f, lat_rad=f / 1e3, lon_rad=f / 1e3
    )
    _, _, why = located(plots, sites.row(None)[np.newaxis, :])
    assert why.tolist() == [sensing.NO_SITE, sensing.NO_SITE, sensing.PLACED]


def test_slices_part_sensors_and_sweeps():
    n = 12
    t = np.repeat(np.arange(6) * 300_000_000, 2)
    sensor = np.tile([0, 1], 6)
    taken = rows.plots(Plots.blank(n).replace(time_ns=t), np.zeros(n, np.int64), sensor)
    table = np.vstack([site(0, 0, 0, period_s=4.0), site(0, 0, 0, period_s=8.0)])
    out, start = sensing.slices(np.arange(n), taken, table)
    assert sorted(out.tolist()) == list(range(n))
    for a, b in itertools.pairwise(start):
        part = out[a:b]
        assert len(set(sensor[part].tolist())) == 1
        assert np.ptp(t[part]) <= table[sensor[part[0]], sensing.S_PERIOD] / 8 * 1e9
        assert (np.diff(t[part]) >= 0).all()


@pytest.mark.parametrize("where", SITES)
def test_the_grid_finds_all_within_half_a_cell(where):
    rng = np.random.default_rng(5)
    st = tables.blank(400, 1024)
    centre = geodesy.nvector(math.radians(where[0]), math.radians(where[1]))
    off = rng.uniform(-20e3, 20e3, (400, 2))
    for e, n in off:
        states.birth(st, 0, *geodesy.move(*centre, 0.0, e, n)[:3], 1.0, 0.0, 1.0, 1.0)
    grid = gate.build(st, np.arange(400), 0, 6000.0, 0)
    found = np.empty(256, np.int64)
    for e, n in rng.uniform(-20e3, 20e3, (200, 2)):
        p = geodesy.move(*centre, 0.0, e, n)[:3]
        got = set(found[: gate.near(grid, *p, 3000.0, found)].tolist())
        d = np.hypot(*(off - (e, n)).T)
        assert set(np.flatnonzero(d < 2900.0).tolist()) <= got
        assert got <= set(np.flatnonzero(d < 3100.0).tolist())
