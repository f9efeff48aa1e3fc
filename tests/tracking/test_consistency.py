"""Is the covariance honest? NEES and NIS of simulated craft against the bounds of χ²; seeds are fixed."""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import chi2
from tests.tracking.scene import ICAO, T0, S, covariance

from manara.kernels import geodesy
from manara.records.plots import Plots
from manara.records.reports import Kind, Reports
from manara.records.sensors import Sensor
from manara.records.tracks import Life
from manara.tracking import motion, stage

N = 120
RADARS = (
    Sensor(name="a", sac=1, sic=1, lat_deg=60.0, lon_deg=179.0, sigma_range_m=60.0, sigma_azimuth_deg=0.1),
    Sensor(name="b", sac=1, sic=2, lat_deg=61.0, lon_deg=-179.0, sigma_range_m=80.0, sigma_azimuth_deg=0.07),
)


class Fleet:
    """Craft that accelerate as the model of their kind says (white noise of its density), spread around a place."""

    def __init__(self, kind, seed, spread_m, speed_mps, lat_deg=60.5, lon_deg=180.0):
        self.rng = np.random.default_rng(seed)
        self.q = motion.KINDS[kind].q_m2ps3
        centre = geodesy.nvector(math.radians(lat_deg), math.radians(lon_deg))
        at = self.rng.uniform(-spread_m, spread_m, (N, 2))
        self.n = np.array([geodesy.move(*centre, 0.0, e, m)[:3] for e, m in at])
        self.v = self.rng.normal(0, speed_mps, (N, 2))

    def fly(self, dt):
        """The exact discrete form of white acceleration over dt, in the frame that moves along."""
        q = self.q
        low = np.linalg.cholesky(q * np.array([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]]))
        noise = np.einsum("ij,njk->nik", low, self.rng.normal(size=(N, 2, 2)))
        step = self.v * dt + noise[:, 0]
        self.v = self.v + noise[:, 1]
        for i in range(N):
            x, y, z, c, s = geodesy.move(*self.n[i], 0.0, *step[i])
            self.n[i] = x, y, z
            self.v[i] = c * self.v[i, 0] - s * self.v[i, 1], s * self.v[i, 0] + c * self.v[i, 1]


def nees(tracks, fleet, owner):
    """Normalised squared errors of position and of the whole state, craft by craft."""
    position, whole = [], []
    for i in range(len(tracks)):
        k = owner(i)
        n = geodesy.nvector(tracks.lat_rad[i], tracks.lon_rad[i])
        e, m = geodesy.offset(*fleet.n[k], 0.0, *n)
        x = np.array([e, m, tracks.ve_mps[i] - fleet.v[k, 0], tracks.vn_mps[i] - fleet.v[k, 1]])
        p = covariance(tracks, i)
        whole.append(x @ np.linalg.solve(p, x))
        position.append(x[:2] @ np.linalg.solve(p[:2, :2], x[:2]))
    return np.array(position), np.array(whole)


def inside(values, degrees, tail=1e-4):
    """The mean of n independent χ² of some degrees lies in its two-sided interval."""
    n = len(values)
    low, high = chi2.ppf([tail, 1 - tail], degrees * n) / n
    return low <= values.mean() <= high


def reported(fleet, now_ns, sigma, kind, with_velocity):
    rng = fleet.rng
    n = np.array([geodesy.move(*p, 0.0, *rng.normal(0, sigma, 2))[:3] for p in fleet.n])
    speed_noise = motion.KINDS[kind].sigma_v_mps
    v = fleet.v + rng.normal(0, speed_noise, (N, 2))
    more = {}
    if with_velocity:
        more = {"speed_mps": np.hypot(*v.T), "course_rad": np.arctan2(v[:, 0], v[:, 1]) % (2 * np.pi)}
    return Reports.blank(N).replace(
        time_ns=np.full(N, now_ns),
        identity=np.uint64(ICAO) + np.arange(N, dtype=np.uint64),
        kind=np.full(N, kind, np.uint8),
        lat_rad=np.arcsin(n[:, 2]),
        lon_rad=np.arctan2(n[:, 1], n[:, 0]),
        sigma_m=np.full(N, sigma),
        **more,
    )


def run_reports(kind, interval_s, sigma, with_velocity, seed, speed):
    """Independent craft, one sample of each at the end: NEES is then a mean of independent χ²."""
    fleet = Fleet(kind, seed, 40_000.0, speed)
    state = stage.init(capacity=256)
    for k in range(12):
        now = T0 + k * interval_s * S
        box = stage.Inbox(reports=reported(fleet, now, sigma, kind, with_velocity))
        out = stage.advance(state, box, now)
        fleet.fly(interval_s)
    assert len(out.tracks) == N
    # read one interval later as well: what the picture shows between reports is honest too
    later = stage.advance(state, stage.Inbox(), T0 + 12 * interval_s * S)
    return fleet, later.tracks


def test_nees_of_reports_air_positions_only():
    fleet, tracks = run_reports(Kind.AIRCRAFT, 2, 40.0, False, seed=21, speed=120.0)
    position, whole = nees(tracks, fleet, lambda i: int(tracks.identity[i]) - ICAO)
    assert inside(position, 2)
    assert inside(whole, 4)


def test_nees_of_reports_air_with_velocity():
    """A reported velocity is given a little more doubt for its speed: NEES may be low, never high."""
    fleet, tracks = run_reports(Kind.AIRCRAFT, 1, 30.0, True, seed=22, speed=120.0)
    position, whole = nees(tracks, fleet, lambda i: int(tracks.identity[i]) - ICAO)
    assert 0.8 * 2 < position.mean() < 1.15 * 2
    assert 0.8 * 4 < whole.mean() < 1.15 * 4


def test_nees_of_reports_at_sea():
    fleet, tracks = run_reports(Kind.VESSEL_A, 10, 15.0, True, seed=23, speed=5.0)
    position, whole = nees(tracks, fleet, lambda i: int(tracks.identity[i]) - ICAO)
    assert 0.8 * 2 < position.mean() < 1.15 * 2
    assert 0.8 * 4 < whole.mean() < 1.15 * 4


def polar_plots(fleet, sensor, source, now_ns):
    site = geodesy.nvector(math.radians(sensor.lat_deg), math.radians(sensor.lon_deg))
    origin, (ex, ey, mx, my, mz) = np.array(geodesy.to_ecef(*site, 0.0)), geodesy.frame(*site)
    d = np.array([geodesy.to_ecef(*n, 8000.0) for n in fleet.n]) - origin
    noise = fleet.rng.normal(size=(N, 3))
    return Plots.blank(N).replace(
        time_ns=np.full(N, now_ns),
        source=np.full(N, source, np.uint32),
        range_m=np.sqrt((d * d).sum(1)) + noise[:, 0] * sensor.sigma_range_m,
        azimuth_rad=np.arctan2(d[:, 0] * ex + d[:, 1] * ey, d[:, 0] * mx + d[:, 1] * my + d[:, 2] * mz)
        + noise[:, 1] * math.radians(sensor.sigma_azimuth_deg),
        alt_m=8000.0 + noise[:, 2] * 100.0,
        identity=np.uint64(ICAO) + np.arange(N, dtype=np.uint64),
    )


def test_nees_of_polar_plots_of_two_radars_across_the_antimeridian():
    fleet, state = Fleet(Kind.AIRCRAFT, 24, 60_000.0, 120.0), stage.init(capacity=1024)
    for k in range(16):
        now = T0 + 2 * k * S
        plots = polar_plots(fleet, RADARS[k % 2], 0x0101 + k % 2, now)
        out = stage.advance(state, stage.Inbox(plots=plots, sensors=RADARS if k == 0 else ()), now)
        fleet.fly(2)
    now = T0 + 32 * S
    later = stage.advance(state, stage.Inbox(), now).tracks
    firm = later.take(later.life != Life.TENTATIVE)
    assert len(firm) >= N - 2
    assert (out.tracks.life == Life.CONFIRMED).sum() >= N - 2
    position, whole = nees(firm, fleet, lambda i: int(firm.identity[i]) - ICAO)
    assert 0.8 * 2 < position.mean() < 1.2 * 2
    assert 0.8 * 4 < whole.mean() < 1.2 * 4


def test_nis_of_positions():
    """Innovations, normalised, as the kernel returns them: independent in time, so all of them count."""
    from manara.kernels import states, tables

    fleet, kind = Fleet(Kind.AIRCRAFT, 25, 1e6, 100.0, lat_deg=85.0), motion.KINDS[Kind.AIRCRAFT]
    store = tables.blank(N, 512)
    out = []
    for k in range(12):
        for i in range(N):
            p = geodesy.move(*fleet.n[i], 0.0, *fleet.rng.normal(0, 40.0, 2))[:3]
            if k == 0:
                states.birth(store, 0, *p, 1600.0, 0.0, 1600.0, 100.0)
            else:
                out.append(states.take_position(store, i, 2 * k * S, *p, 1600.0, 0.0, 1600.0, kind.q_m2ps3))
        fleet.fly(2)
    assert inside(np.array(out), 2)
    assert inside(np.array(out[-N:]), 2)
