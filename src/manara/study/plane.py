"""The scenario's plane and the Earth below it: WGS-84, independent of what the tracker uses.

The plane is equirectangular about the centre: a straight line on it is a line that a ship may steer, and because the
map is linear in latitude and longitude a smooth path on it is a smooth path on the Earth. Speeds are taken from the
true ellipsoid, never from the plane. The geoid of these seas is the ellipsoid and the air is the standard atmosphere,
so height, altitude and pressure altitude are one number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from manara.records.columns import F8

A_M = 6_378_137.0
E2 = 6.69437999014e-3  # first eccentricity squared, WGS-84


def radii_m(lat_rad: F8) -> tuple[F8, F8]:
    """Radii of curvature of the WGS-84 ellipsoid: meridian M and prime vertical N.

    N = a/√(1 − e² sin²φ), M = N (1 − e²)/(1 − e² sin²φ). Any shape; radians in, metres out; exact to rounding.

    >>> m, n = radii_m(np.array([0.0]))
    >>> round(float(m[0]), 1), round(float(n[0]), 1)
    (6335439.3, 6378137.0)
    """
    w = 1.0 - E2 * np.sin(lat_rad) ** 2
    n = A_M / np.sqrt(w)
    return n * (1.0 - E2) / w, n


@dataclass(frozen=True)
class Plane:
    """Metres east and north of a centre, to and from WGS-84."""

    lat_rad: float
    lon_rad: float
    north_m: float  # metres of a radian of latitude at the centre
    east_m: float  # metres of a radian of longitude at the centre

    @classmethod
    def at(cls, lat_deg: float, lon_deg: float) -> Plane:
        """The plane about a centre."""
        lat = math.radians(lat_deg)
        m, n = radii_m(np.array(lat))
        return cls(lat, math.radians(lon_deg), float(m), float(n) * math.cos(lat))

    def lla(self, x_m: F8, y_m: F8) -> tuple[F8, F8]:
        """Latitude and longitude in radians; longitude in [-π, π)."""
        lon = self.lon_rad + x_m / self.east_m
        return self.lat_rad + y_m / self.north_m, np.mod(lon + math.pi, 2 * math.pi) - math.pi

    def velocity(self, lat_rad: F8, alt_m: F8, vx_mps: F8, vy_mps: F8) -> tuple[F8, F8]:
        """True east and north speed of what moves on the plane with (vx, vy) at that latitude and altitude."""
        m, n = radii_m(lat_rad)
        return vx_mps / self.east_m * (n + alt_m) * np.cos(lat_rad), vy_mps / self.north_m * (m + alt_m)


def ecef_m(lat_rad: F8, lon_rad: F8, alt_m: F8) -> F8:
    """Earth-centred coordinates of WGS-84 positions: (n,) each in, (n, 3) metres out.

    x = (N + h) cos φ cos λ, y = (N + h) cos φ sin λ, z = (N(1 − e²) + h) sin φ.

    >>> ecef_m(np.array([0.0]), np.array([0.0]), np.array([10.0])).round(1).tolist()
    [[6378147.0, 0.0, 0.0]]
    """
    _, n = radii_m(lat_rad)
    out = np.empty((len(lat_rad), 3))
    out[:, 0] = (n + alt_m) * np.cos(lat_rad) * np.cos(lon_rad)
    out[:, 1] = (n + alt_m) * np.cos(lat_rad) * np.sin(lon_rad)
    out[:, 2] = (n * (1 - E2) + alt_m) * np.sin(lat_rad)
    return out


@dataclass(frozen=True, eq=False)
class Site:
    """Where a sensor stands, and the east-north-up frame there."""

    lat_rad: float
    lon_rad: float
    height_m: float
    ecef: F8  # (3,)
    rows: F8  # (3, 3): east, north, up

    @classmethod
    def at(cls, lat_rad: float, lon_rad: float, height_m: float) -> Site:
        """The frame at a position."""
        sp, cp, sl, cl = math.sin(lat_rad), math.cos(lat_rad), math.sin(lon_rad), math.cos(lon_rad)
        rows = np.array([[-sl, cl, 0.0], [-sp * cl, -sp * sl, cp], [cp * cl, cp * sl, sp]])
        where = ecef_m(np.array([lat_rad]), np.array([lon_rad]), np.array([height_m]))[0]
        return cls(lat_rad, lon_rad, height_m, where, rows)

    def polar(self, ecef: F8) -> tuple[F8, F8]:
        """Slant range in metres and azimuth in [0, 2π) from true north, of positions (n, 3)."""
        d = ecef - self.ecef
        east, north = (d * self.rows[0]).sum(1), (d * self.rows[1]).sum(1)
        return np.sqrt((d * d).sum(1)), np.mod(np.arctan2(east, north), 2 * math.pi)


def horizon_m(height_m: float, other_m: F8) -> F8:
    """How far a radio sees over a smooth sea in a standard atmosphere: d = √(2·(4/3)·R) (√h₁ + √h₂).

    Heights in metres above the sea, negative ones counted as 0. ITU-R P.526's effective Earth radius of 4/3;
    real ducts carry farther.

    >>> round(float(horizon_m(100.0, np.array([0.0]))[0]) / 1000, 1)
    41.2
    """
    return 4121.9 * (math.sqrt(max(height_m, 0.0)) + np.sqrt(np.maximum(other_m, 0.0)))
