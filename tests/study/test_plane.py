"""The plane and the Earth below it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from manara.study.plane import Plane, Site, ecef_m, horizon_m

CENTRES = [(-47.0, -115.0), (0.0, 179.9), (60.0, -179.9), (78.0, 10.0)]


@pytest.mark.parametrize(("lat_deg", "lon_deg"), CENTRES)
def test_velocity_on_the_plane_is_the_speed_over_the_ellipsoid(lat_deg: float, lon_deg: float) -> None:
    plane = Plane.at(lat_deg, lon_deg)
    x, y = np.array([0.0, 90_000.0, -90_000.0]), np.array([0.0, 120_000.0, -120_000.0])
    alt = np.array([0.0, 500.0, 11_000.0])
    vx, vy = np.array([200.0, -150.0, 3.0]), np.array([30.0, 120.0, -4.0])
    ve, vn = plane.velocity(plane.lla(x, y)[0], alt, vx, vy)
    step = 0.01
    before, after = (ecef_m(*plane.lla(x + vx * t, y + vy * t), alt) for t in (-step, step))
    true_speed = np.linalg.norm(after - before, axis=1) / (2 * step)
    np.testing.assert_allclose(np.hypot(ve, vn), true_speed, rtol=1e-6)


def test_longitude_wraps_at_the_antimeridian() -> None:
    plane = Plane.at(0.0, 179.9)
    _, lon = plane.lla(np.array([0.0, 100_000.0]), np.zeros(2))
    assert lon[0] > 3.1
    assert -math.pi <= lon[1] < -3.1


def test_a_site_measures_range_and_azimuth_from_true_north() -> None:
    site = Site.at(math.radians(-47.0), math.radians(-115.0), 100.0)
    lat = np.radians([-46.99, -47.0, -47.01, -47.0])
    lon = np.radians([-115.0, -114.99, -115.0, -115.01])
    slant, azimuth = site.polar(ecef_m(lat, lon, np.full(4, 100.0)))
    np.testing.assert_allclose(np.degrees(azimuth), [0.0, 90.0, 180.0, 270.0], atol=0.01)
    np.testing.assert_allclose(slant[[0, 2]], 1111.8, atol=0.5)
    above, _ = site.polar(ecef_m(np.array([site.lat_rad]), np.array([site.lon_rad]), np.array([1100.0])))
    assert above[0] == pytest.approx(1000.0, abs=1e-6)


def test_earth_centred_coordinates_keep_the_ellipsoid() -> None:
    lat, lon = np.radians([-90.0, -47.0, 0.0, 45.0, 90.0]), np.radians([0.0, -115.0, 180.0, 10.0, 33.0])
    x, y, z = ecef_m(lat, lon, np.zeros(5)).T
    b = 6_356_752.314245
    np.testing.assert_allclose((x * x + y * y) / 6_378_137.0**2 + z * z / b**2, 1.0, atol=1e-12)


def test_the_horizon_is_symmetric_and_grows() -> None:
    assert horizon_m(100.0, np.array([400.0]))[0] == pytest.approx(horizon_m(400.0, np.array([100.0]))[0])
    reach = horizon_m(50.0, np.array([-5.0, 0.0, 10.0, 10_000.0]))
    assert reach[0] == reach[1] < reach[2] < reach[3]
