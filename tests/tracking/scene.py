"""Small scenes for the tests of tracking: craft on great circles, their reports and plots."""

from __future__ import annotations

import math

import numpy as np

from manara.kernels import geodesy
from manara.records import identity
from manara.records.plots import Form, Plots
from manara.records.reports import Kind, Reports
from manara.tracking import stage

S = 1_000_000_000
T0 = 1_700_000_000 * S
ICAO = identity.pack(identity.Space.ICAO24, 0xD00001)
MMSI = identity.pack(identity.Space.MMSI, 291_000_001)


class Craft:
    """Flies straight on from a point; ``fly`` goes on some seconds."""

    def __init__(self, lat_deg, lon_deg, ve, vn, alt=0.0):
        self.n = geodesy.nvector(math.radians(lat_deg), math.radians(lon_deg))
        self.ve, self.vn, self.alt = ve, vn, alt

    def fly(self, dt, steps=10):
        for _ in range(steps):
            x, y, z, c, s = geodesy.move(*self.n, self.alt, self.ve * dt / steps, self.vn * dt / steps)
            self.n = (x, y, z)
            self.ve, self.vn = c * self.ve - s * self.vn, s * self.ve + c * self.vn

    @property
    def course(self):
        return math.atan2(self.ve, self.vn) % (2 * math.pi)


def ns(seconds):
    return T0 + round(seconds * S)


def report(craft, t, sigma=30.0, rng=None, who=ICAO, kind=Kind.AIRCRAFT, velocity=True, source=1, **more):
    """One report of a craft, with noise where a generator is given."""
    n = craft.n
    dv = (0.0, 0.0)
    if rng is not None:
        n = geodesy.move(*n, 0.0, *rng.normal(0, sigma, 2))[:3]
        dv = rng.normal(0, 2.0, 2)
    lat, lon = geodesy.lat_lon(*n)
    ve, vn = craft.ve + dv[0], craft.vn + dv[1]
    columns = {
        "time_ns": ns(t),
        "received_ns": ns(t),
        "source": source,
        "identity": who,
        "kind": kind,
        "lat_rad": lat,
        "lon_rad": lon,
        "sigma_m": sigma,
        **more,
    }
    if velocity:
        columns |= {"speed_mps": math.hypot(ve, vn), "course_rad": math.atan2(ve, vn) % (2 * math.pi)}
    return filled(Reports, columns)


def plot(craft, t, rng=None, source=0x10101, sigma=100.0, **more):
    """One geodetic plot of a craft."""
    n = craft.n if rng is None else geodesy.move(*craft.n, 0.0, *rng.normal(0, sigma, 2))[:3]
    lat, lon = geodesy.lat_lon(*n)
    columns = {
        "time_ns": ns(t),
        "received_ns": ns(t),
        "source": source,
        "form": Form.GEODETIC,
        "lat_rad": lat,
        "lon_rad": lon,
        "sigma_m": sigma,
    }
    return filled(Plots, columns | more)


def polar(craft, t, sensor, source, rng=None, **more):
    """One polar plot of a craft by a sensor with a place."""
    site = geodesy.nvector(math.radians(sensor.lat_deg), math.radians(sensor.lon_deg))
    d = np.array(geodesy.to_ecef(*craft.n, craft.alt)) - geodesy.to_ecef(*site, sensor.height_m)
    ex, ey, mx, my, mz = geodesy.frame(*site)
    r, az = math.sqrt(d @ d), math.atan2(d[0] * ex + d[1] * ey, d[0] * mx + d[1] * my + d[2] * mz)
    if rng is not None:
        r += rng.normal(0, sensor.sigma_range_m)
        az += rng.normal(0, math.radians(sensor.sigma_azimuth_deg))
    columns = {
        "time_ns": ns(t),
        "source": source,
        "range_m": r,
        "azimuth_rad": az % (2 * math.pi),
        "alt_m": craft.alt,
        "alt_ref": 1,
    }
    return filled(Plots, columns | more)


def filled(table, columns):
    """A table of one row."""
    blank = table.blank(1)
    return blank.replace(**{k: np.array([v]).astype(getattr(blank, k).dtype) for k, v in columns.items()})


def join(rows):
    """One table of many rows (at least one)."""
    return type(rows[0]).join(rows)


def error(tracks, i, craft):
    """East and north metres, and velocity, from craft to track i."""
    n = geodesy.nvector(tracks.lat_rad[i], tracks.lon_rad[i])
    e, m = geodesy.offset(*craft.n, craft.alt, *n)
    return np.array([e, m, tracks.ve_mps[i] - craft.ve, tracks.vn_mps[i] - craft.vn])


def covariance(tracks, i):
    """(4, 4) of track i."""
    p = np.zeros((4, 4))
    p[np.triu_indices(4)] = tracks.cov[i]
    return p + p.T - np.diag(np.diag(p))


def step(state, t, reports=(), plots=(), sensors=()):
    """One advance at second t."""
    inbox = stage.Inbox(
        reports=join(list(reports)) if reports else Reports.blank(0),
        plots=join(list(plots)) if plots else Plots.blank(0),
        sensors=tuple(sensors),
    )
    return stage.advance(state, inbox, ns(t))


def same(a, b):
    """Two outboxes, bit for bit."""
    for name in ("tracks", "ended"):
        x, y = getattr(a, name), getattr(b, name)
        for column in x.__dataclass_fields__:
            p, q = getattr(x, column), getattr(y, column)
            if p.dtype != q.dtype or p.shape != q.shape or p.tobytes() != q.tobytes():
                return False
    return (a.sources, a.refused, a.used, a.late) == (b.sources, b.refused, b.used, b.late)
