"""A coarse release stream of craft whose truth is known, as the recipients get it: for the attackers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from manara.kernels import geodesy, grid
from manara.records.marking import Obligations
from manara.records.tracks import Tracks
from manara.release import adversary, coarse

NS = 1_000_000_000
BEGIN_NS = 1_700_000_000 * NS


def obliged(n, cell_m, **columns):
    return Obligations.blank(n).replace(
        cell_m=np.full(n, cell_m, np.uint32), **{k: np.full(n, v, np.uint32) for k, v in columns.items()}
    )


@dataclass
class Fleet:
    """Craft that keep their course, or turn now and then (``turn_s``: on average after so many seconds)."""

    lat: np.ndarray
    lon: np.ndarray
    speed: np.ndarray
    course: np.ndarray
    domain: int
    turn_s: float
    rng: np.random.Generator

    @classmethod
    def make(cls, n, domain, speed, lat_deg=(10.0, 55.0), turn_s=0.0, seed=1):
        rng = np.random.Generator(np.random.Philox(seed))
        lat = np.radians(rng.uniform(*lat_deg, n))
        return cls(
            lat, rng.uniform(-0.3, 0.3, n), rng.uniform(*speed, n), rng.uniform(0, 2 * np.pi, n), domain, turn_s, rng
        )

    def move(self, dt):
        if self.turn_s:
            turned = self.rng.uniform(size=len(self.lat)) < dt / self.turn_s
            self.course = np.where(turned, self.rng.uniform(0, 2 * np.pi, len(self.lat)), self.course)
        for k in range(len(self.lat)):  # a rhumb line: the course over ground is kept
            n = geodesy.nvector(self.lat[k], self.lon[k])
            east, north = dt * self.speed[k] * math.sin(self.course[k]), dt * self.speed[k] * math.cos(self.course[k])
            self.lat[k], self.lon[k] = geodesy.lat_lon(*geodesy.move(*n, 0.0, east, north)[:3])

    def tracks(self, now_ns):
        n = len(self.lat)
        return Tracks.blank(n).replace(
            track_id=np.arange(1, n + 1, dtype=np.uint64),
            time_ns=np.full(n, now_ns),
            domain=np.full(n, self.domain, np.uint8),
            lat_rad=self.lat.copy(),
            lon_rad=self.lon.copy(),
            ve_mps=self.speed * np.sin(self.course),
            vn_mps=self.speed * np.cos(self.course),
        )


@dataclass
class Told:
    """For each craft and epoch: the cell (0: none) and the truth at the epoch's begin."""

    cells: np.ndarray  # (epochs, n)
    lat: np.ndarray
    lon: np.ndarray
    epoch_s: int
    asked: int  # tier


def unguarded(monkeypatch):
    """Let every cell go as it is."""
    monkeypatch.setattr(adversary, "agree", lambda shadows, track_id, tier, *_: tier)


def record(fleet, cell_m, epochs, shadow=True, recipients=(None,)):
    """Ticks at the begin and in the middle of each epoch; what each recipient gets (``recipients``: its cell_m)."""
    epoch_s = adversary.min_epoch_s(fleet.domain, cell_m)
    begin = BEGIN_NS // (epoch_s * NS) * epoch_s * NS
    group = adversary.init() if shadow else None
    asked = [cell_m if one is None else one for one in recipients]
    states = [coarse.init() for _ in asked]
    n = len(fleet.lat)
    got = [np.zeros((epochs, n), np.uint64) for _ in asked]
    lat, lon = np.zeros((epochs, n)), np.zeros((epochs, n))
    for k in range(epochs + 1):
        now = begin + k * epoch_s * NS
        tracks = fleet.tracks(now)
        if k < epochs:
            lat[k], lon[k] = tracks.lat_rad, tracks.lon_rad
        for which, (state, side) in enumerate(zip(states, asked, strict=True)):
            names = tracks.track_id + np.uint64(1000 * (which + 1))
            out = coarse.advance(state, tracks, np.ones(n, bool), obliged(n, side), names, now, group)
            at = (out.rows["epoch_ns"] - begin) // (epoch_s * NS)
            got[which][at, out.rows["track"].astype(np.int64) - 1000 * (which + 1) - 1] = out.rows["cell"]
        fleet.move(float(epoch_s))
    told = [Told(cells, lat, lon, epoch_s, grid.tier_of(side)) for cells, side in zip(got, asked, strict=True)]
    return told if len(told) > 1 else told[0]
