"""Positions without a seam: inverse pairs, the earth-centred frame as a check, poles and antimeridian."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manara.kernels import geodesy

LAT = st.floats(-math.pi / 2, math.pi / 2)
LON = st.floats(-math.pi, math.pi)
STEP = st.floats(-30_000.0, 30_000.0)


@given(LAT, LON)
def test_n_vector_and_latitude_longitude_are_inverse(lat, lon):
    n = geodesy.nvector(lat, lon)
    assert math.isclose(sum(v * v for v in n), 1.0, abs_tol=1e-14)
    back = geodesy.nvector(*geodesy.lat_lon(*n))
    assert np.allclose(n, back, atol=1e-15)


@given(LAT, LON, STEP, STEP, st.floats(-100.0, 20_000.0))
def test_move_and_offset_are_inverse_everywhere(lat, lon, east, north, alt):
    n = geodesy.nvector(lat, lon)
    p = geodesy.move(*n, alt, east, north)
    got = geodesy.offset(*n, alt, *p[:3])
    assert math.hypot(got[0] - east, got[1] - north) < 1e-6
    assert math.isclose(p[3] ** 2 + p[4] ** 2, 1.0, abs_tol=1e-12)


@given(LAT, LON, st.floats(0.0, 2 * math.pi), st.floats(1.0, 20_000.0))
def test_a_step_is_as_long_as_it_says(lat, lon, course, length):
    n = geodesy.nvector(lat, lon)
    p = geodesy.move(*n, 0.0, length * math.sin(course), length * math.cos(course))
    chord = math.dist(geodesy.to_ecef(*n, 0.0), geodesy.to_ecef(*p[:3], 0.0))
    arc = 2 * 6371e3 * math.asin(min(1.0, chord / 2 / 6371e3))
    assert abs(arc - length) < 0.5 * (length / 20_000) ** 2 + 1e-6


@given(LAT, LON, STEP, STEP)
def test_a_direction_carried_there_and_back_is_the_same(lat, lon, east, north):
    n = geodesy.nvector(lat, lon)
    x, y, z, c, s = geodesy.move(*n, 0.0, east, north)
    there = c * east - s * north, s * east + c * north  # the step's own direction where it arrives
    back = geodesy.move(x, y, z, 0.0, -there[0], -there[1])
    assert math.dist(back[:3], n) * 6.4e6 < 1.0 + 2e-9 * (east * east + north * north)


def test_over_the_pole_north_becomes_south():
    n = geodesy.nvector(math.radians(89.95), 0.3)
    x, y, z, c, s = geodesy.move(*n, 0.0, 0.0, 20_000.0)
    lat, lon = geodesy.lat_lon(x, y, z)
    assert lon == pytest.approx(0.3 - math.pi)
    assert c == pytest.approx(-1.0)
    assert abs(s) < 1e-9
    assert math.degrees(lat) == pytest.approx(180 - 89.95 - math.degrees(20_000 / 6_399_594), abs=1e-6)


def test_across_the_antimeridian_is_no_distance():
    a, b = geodesy.nvector(0.5, math.pi - 1e-5), geodesy.nvector(0.5, -math.pi + 1e-5)
    east, north = geodesy.offset(*a, 0.0, *b)
    re, _ = geodesy.radii(math.sin(0.5), 0.0)
    assert east == pytest.approx(2e-5 * re * math.cos(0.5), rel=1e-9)
    assert abs(north) < 0.01


@given(LAT, LON, st.floats(-10_000.0, 1_000_000.0))
def test_earth_centred_and_back(lat, lon, alt):
    n = geodesy.nvector(lat, lon)
    x, y, z, h = geodesy.from_ecef(*geodesy.to_ecef(*n, alt))
    assert math.dist(n, (x, y, z)) * 6.4e6 < 1e-5
    assert h == pytest.approx(alt, abs=1e-5)


@pytest.mark.parametrize("point", [(0.0, 0.0, 0.0), (1e-30, 0.0, 0.0), (0.0, 0.0, 1.0), (1e12, -1e12, 1e12)])
def test_earth_centred_nonsense_stays_finite(point):
    assert all(math.isfinite(v) for v in geodesy.from_ecef(*point))


@pytest.mark.parametrize(
    ("lat_deg", "lon_deg", "alt", "x", "y", "z"),
    [  # the axes of the ellipsoid, which its definition fixes
        (0.0, 0.0, 0.0, 6378137.0, 0.0, 0.0),
        (0.0, 90.0, 1000.0, 0.0, 6379137.0, 0.0),
        (-90.0, 0.0, 0.0, 0.0, 0.0, -6356752.314245),
    ],
)
def test_axes_of_the_ellipsoid(lat_deg, lon_deg, alt, x, y, z):
    got = geodesy.to_ecef(*geodesy.nvector(math.radians(lat_deg), math.radians(lon_deg)), alt)
    assert got == pytest.approx((x, y, z), abs=1e-6)


def test_the_antipode_is_finite():
    assert all(math.isfinite(v) for v in geodesy.offset(1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0))
