"""Craft that report themselves and are seen by radars that are wrong: what registration is tested on."""

from __future__ import annotations

import math

import numpy as np

from manara.kernels import geodesy
from manara.records import identity
from manara.records.plots import Form, Plots
from manara.records.reports import AltRef, Kind, Reports
from manara.records.sensors import Sensor
from manara.records.tracks import Life, Tracks
from manara.tracking import registration, sites

S = 1_000_000_000
T0 = 1_700_000_000 * S
RADAR, SECOND, ADSB = 0x10101, 0x10102, 7
HEIGHT_M = 9000.0
SITES = (
    Sensor(name="a", lat_deg=40.0, lon_deg=179.9, sigma_range_m=50.0, sigma_azimuth_deg=0.08),
    Sensor(name="b", lat_deg=40.7, lon_deg=-179.4, sigma_range_m=50.0, sigma_azimuth_deg=0.08),
)
TABLE = np.vstack([sites.row(None), *(sites.row(s) for s in SITES)])


class Wrong:
    """What is wrong with a radar: range, azimuth, late stamps, their drift, and how much noisier it is than it says."""

    def __init__(self, range_m=0.0, turn_rad=0.0, late_s=0.0, drift=0.0, noise=1.0):
        self.range_m, self.turn_rad, self.late_s, self.drift, self.noise = range_m, turn_rad, late_s, drift, noise

    def as_array(self, age_s):
        return np.array([self.range_m, self.turn_rad, self.late_s + self.drift * age_s, self.drift])


class Sky:
    """Aircraft on straight ways around a place near the antimeridian."""

    def __init__(self, seed, n=40, courses=(0.0, 2 * math.pi)):
        self.rng, self.n = np.random.default_rng(seed), n
        bearing, away = self.rng.uniform(0, 2 * math.pi, n), self.rng.uniform(40e3, 160e3, n)
        self.lat = math.radians(40.2) + away * np.cos(bearing) / 6.37e6
        self.lon = math.pi + away * np.sin(bearing) / 6.37e6 / math.cos(math.radians(40.2))
        course, speed = bearing + self.rng.uniform(*courses, n), self.rng.uniform(120, 250, n)
        self.dlat = speed * np.cos(course) / 6.37e6
        self.dlon = speed * np.sin(course) / 6.37e6 / np.cos(self.lat)
        self.name = np.uint64(identity.pack(identity.Space.ICAO24, 0xD00001)) + np.arange(n, dtype=np.uint64)

    def at(self, t_s):
        """Latitudes and longitudes at each craft's own second (n,)."""
        lon = self.lon + self.dlon * t_s
        return self.lat + self.dlat * t_s, (lon + math.pi) % (2 * math.pi) - math.pi

    def velocity(self, t_s):
        lat, _ = self.at(t_s)
        w = 1 - geodesy.E2 * np.sin(lat) ** 2
        east = geodesy.A_M / np.sqrt(w) * np.cos(lat) * self.dlon
        return east, geodesy.A_M * (1 - geodesy.E2) / w**1.5 * self.dlat

    def tracks(self, t_s):
        ve, vn = self.velocity(t_s)
        cov = np.zeros((self.n, 10))
        cov[:, [0, 4]], cov[:, [7, 9]] = 900.0, 4.0
        return Tracks.blank(self.n).replace(
            track_id=np.arange(1, self.n + 1, dtype=np.uint64), identity=self.name,
            life=np.full(self.n, Life.CONFIRMED, np.uint8), kind=np.full(self.n, Kind.AIRCRAFT, np.uint8),
            ve_mps=ve + self.rng.normal(0, 2, self.n), vn_mps=vn + self.rng.normal(0, 2, self.n), cov=cov,
        )  # fmt: skip

    def reports(self, t_s, sigma_m=30.0, noise=1.0):
        """One of each craft, at times of their own within the second before ``t_s``."""
        t = t_s - self.rng.uniform(0, 1, self.n)
        lat, lon = self.at(t)
        off = self.rng.normal(0, sigma_m * noise, (2, self.n)) / 6.37e6
        return Reports.blank(self.n).replace(
            time_ns=T0 + np.rint(t * S).astype(np.int64), source=np.full(self.n, ADSB, np.uint32), identity=self.name,
            kind=np.full(self.n, Kind.AIRCRAFT, np.uint8), lat_rad=lat + off[0], lon_rad=lon + off[1] / np.cos(lat),
            sigma_m=np.full(self.n, sigma_m),
        )  # fmt: skip

    def plots(self, t_s, wrong, source=RADAR):
        """What the turning antenna sees within four seconds before ``t_s``, stamped by its own clock."""
        site = SITES[source - RADAR]
        t = t_s - self.rng.uniform(0, 4, self.n)  # its stamps
        lat, lon = self.at(t - wrong.late_s - wrong.drift * t)
        here = geodesy.nvector(math.radians(site.lat_deg), math.radians(site.lon_deg))
        n = np.array([geodesy.nvector(*p) for p in zip(lat, lon, strict=True)])
        d = np.array([geodesy.to_ecef(*p, HEIGHT_M) for p in n]) - geodesy.to_ecef(*here, site.height_m)
        ex, ey, mx, my, mz = geodesy.frame(*here)
        azimuth = np.arctan2(d[:, 0] * ex + d[:, 1] * ey, d[:, 0] * mx + d[:, 1] * my + d[:, 2] * mz)
        noise = self.rng.normal(0, wrong.noise, (2, self.n))
        stated = math.radians(site.sigma_azimuth_deg)
        return Plots.blank(self.n).replace(
            time_ns=T0 + np.rint(t * S).astype(np.int64), source=np.full(self.n, source, np.uint32),
            form=np.full(self.n, Form.POLAR, np.uint8), identity=self.name,
            range_m=np.sqrt((d * d).sum(1)) + wrong.range_m + noise[0] * site.sigma_range_m,
            azimuth_rad=azimuth + wrong.turn_rad + noise[1] * stated,
            alt_m=np.full(self.n, HEIGHT_M), alt_ref=np.full(self.n, AltRef.ELLIPSOID, np.uint8),
        )  # fmt: skip


def which(plots):
    """Row of the table for each plot."""
    return plots.source.astype(np.int64) - RADAR + 1


def watch(state, sky, seconds, wrong, second=None, begin=0, reference=True, **how):
    """Let a state see some seconds; gives the alarms. ``wrong`` may be a function of the second."""
    alarms = []
    for t in range(begin + 1, begin + seconds + 1):
        reports = sky.reports(t, **how) if reference else Reports.blank(0)
        seen = []
        if t % 4 == 0:
            seen.append(sky.plots(t, wrong(t) if callable(wrong) else wrong))
        if second is not None and t % 4 == 2:
            seen.append(sky.plots(t, second, SECOND))
        plots = Plots.join(seen)
        registration.observe(state, reports, plots, which(plots), TABLE, sky.tracks(t))
        alarms += registration.advance(state, T0 + t * S)
    return alarms


def believed(state, source=RADAR):
    """Range, turn, late, drift as estimated, and their (4, 4) covariance."""
    row = 5 * state.row_of[source]
    index = row + np.array([0, 2, 3, 4])
    return state.book.mean[row // 5][[0, 2, 3, 4]], state.book.cov[np.ix_(index, index)]
