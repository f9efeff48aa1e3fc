"""Small, slow craft in clutter: python bench/small_craft.py [--seeds 1 2 3] [--craft 100] [--write OUT.npz]

A scenario in the format of the tracking benchmark: craft of 10 to 40 m/s that turn often, each seen with a probability
of its own between 0.5 and 0.7, three radars that reach 45 km and do not cover everything, eight false plots a sweep
for each ten craft. What no radar reaches is not in the truth. ``--write`` only writes the scenario (of the first
seed). Else each seed is tracked by bench/tracking.py, which does not see the truth, and scored by ``study.metrics``
with a cut-off of 300 m: one JSON line a seed.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from manara.study.metrics import Craft, Held, Rules, measure

PERIOD_S, RADARS, REACH_M = 4.0, 3, 45_000.0
SIDE_M = 100_000.0
SITES_M = np.array([[-22_000.0, -20_000.0], [25_000.0, -12_000.0], [0.0, 28_000.0]])
SIGMA_RANGE_M, SIGMA_AZIMUTH_RAD = 50.0, math.radians(0.08)
SPEED_MPS, DETECTION, CLUTTER = (10.0, 40.0), (0.5, 0.7), 0.8
CUT_M = 300.0


class Fleet:
    """Craft in a square; one that leaves it turns back."""

    def __init__(self, n: int, rng: np.random.Generator) -> None:
        self.rng, self.n = rng, n
        self.at = rng.uniform(-SIDE_M / 2, SIDE_M / 2, (n, 2))
        self.course = rng.uniform(0, 2 * math.pi, n)
        self.speed = rng.uniform(*SPEED_MPS, n)
        self.turn = np.zeros(n)
        self.seen = rng.uniform(*DETECTION, n)

    def velocity(self) -> np.ndarray:
        """East and north, (n, 2)."""
        return self.speed[:, None] * np.stack([np.sin(self.course), np.cos(self.course)], -1)

    def move(self, dt: float) -> None:
        """Straight legs of a minute in the mean, turns of two to eight degrees a second for ten."""
        rng, n = self.rng, self.n
        starts = (self.turn == 0) & (rng.random(n) < 1 - math.exp(-dt / 60.0))
        ends = (self.turn != 0) & (rng.random(n) < 1 - math.exp(-dt / 10.0))
        rate = np.radians(rng.uniform(2.0, 8.0, n)) * rng.choice([-1.0, 1.0], n)
        self.turn = np.where(starts, rate, np.where(ends, 0.0, self.turn))
        half = self.course + 0.5 * dt * self.turn
        chord = np.sinc(0.5 * dt * self.turn / math.pi) * self.speed * dt
        self.at = self.at + chord[:, None] * np.stack([np.sin(half), np.cos(half)], -1)
        self.course = self.course + dt * self.turn
        out = (np.abs(self.at) > SIDE_M / 2).any(1)
        self.course[out] = np.arctan2(-self.at[out, 0], -self.at[out, 1])


def generate(n: int, seed: int, scans: int = 90) -> dict[str, np.ndarray]:
    """The columns of the scenario."""
    rng = np.random.default_rng(seed)
    fleet, dt = Fleet(n, rng), PERIOD_S / RADARS
    truth, plots = [], []
    for t in range(scans * RADARS):
        if t:
            fleet.move(dt)
        away = np.linalg.norm(fleet.at[:, None] - SITES_M[None], axis=2)
        covered = np.flatnonzero((away < REACH_M).any(1))
        row = (np.full(len(covered), t), covered, fleet.at[covered], fleet.velocity()[covered])
        truth.append(np.column_stack(row))
        plots.append(_sweep(fleet, t, away[:, t % RADARS], rng))
    tru, det = np.concatenate(truth), np.concatenate(plots)
    return _columns(tru, det, np.arange(scans * RADARS) * dt, n, seed)


def _sweep(fleet: Fleet, t: int, away: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    site = SITES_M[t % RADARS]
    seen = np.flatnonzero((away < REACH_M) & (rng.random(fleet.n) < fleet.seen))
    count = rng.poisson(CLUTTER * fleet.n)
    d = np.concatenate([fleet.at[seen] - site, np.zeros((count, 2))])
    distance, azimuth = np.hypot(*d.T), np.arctan2(d[:, 0], d[:, 1])
    distance[len(seen) :] = REACH_M * np.sqrt(rng.random(count))
    azimuth[len(seen) :] = rng.uniform(-math.pi, math.pi, count)
    distance[: len(seen)] += rng.normal(0, SIGMA_RANGE_M, len(seen))
    azimuth[: len(seen)] += rng.normal(0, SIGMA_AZIMUTH_RAD, len(seen))
    s, c = np.sin(azimuth), np.cos(azimuth)
    along, across = SIGMA_RANGE_M**2, (distance * SIGMA_AZIMUTH_RAD) ** 2
    noise = (along * s * s + across * c * c, (along - across) * s * c, along * c * c + across * s * s)
    whose = np.concatenate([seen, np.full(count, -1)])
    xy = (site[0] + distance * s, site[1] + distance * c)
    table = np.column_stack([np.full(len(s), t), np.full(len(s), t % RADARS), distance, azimuth, *xy, *noise, whose])
    return table[rng.permutation(len(table))]


def _columns(tru: np.ndarray, det: np.ndarray, times: np.ndarray, n: int, seed: int) -> dict[str, np.ndarray]:
    return {
        "times": times,
        "det_t": det[:, 0].astype(np.int32),
        "det_sensor": det[:, 1].astype(np.int16),
        "det_site": np.zeros(len(det), np.int32),
        "det_range": det[:, 2].copy(),
        "det_az": det[:, 3].copy(),
        "det_xy": np.ascontiguousarray(det[:, 4:6]),
        "det_R": np.ascontiguousarray(det[:, 6:9]),
        "det_truth": det[:, 9].astype(np.int64),
        "tru_t": tru[:, 0].astype(np.int32),
        "tru_id": tru[:, 1].astype(np.int64),
        "tru_xy": np.ascontiguousarray(tru[:, 2:4]),
        "tru_v": np.ascontiguousarray(tru[:, 4:6]),
        "sites": SITES_M[:, None, :],
        "side": np.float64(SIDE_M),
        "n": np.int64(n),
        "seed": np.int64(seed),
        "pd": np.float64(np.mean(DETECTION)),
        "clutter_density": np.float64(CLUTTER * n / (math.pi * REACH_M**2)),
        "sr": np.float64(SIGMA_RANGE_M),
        "saz": np.float64(SIGMA_AZIMUTH_RAD),
    }  # fmt: skip


def scored(z: dict[str, np.ndarray], tracks: Any, cut_m: float, from_s: float = 40.0) -> dict[str, object]:
    """The figures of tracks in the columns that bench/tracking.py writes."""
    step_s = float(z["times"][1] - z["times"][0])
    held = Held(
        sweep=np.rint((tracks["time"] - z["times"][0]) / step_s).astype(np.int64),
        track=tracks["track_id"].astype(np.int64),
        at_m=np.column_stack([tracks["x"], tracks["y"]]),
        vel_mps=np.column_stack([tracks["vx"], tracks["vy"]]),
        cov=np.column_stack([tracks["pxx"], tracks["pxy"], tracks["pyy"]]),
    )
    truth = Craft(z["tru_t"].astype(np.int64), z["tru_id"], z["tru_xy"], z["tru_v"])
    got = measure(truth, held, Rules(step_s, first=int(from_s / step_s), cut_m=cut_m))
    return {
        "gospa_per_sqrt_n_m": got.gospa_per_sqrt_n_m,
        "position_rms_m": got.position_rms_m,
        "velocity_error_mps": got.velocity_error_mps,
        "completeness": got.completeness,
        "spuriousness": got.spuriousness,
        "false_tracks_per_hour": got.false_tracks_per_hour,
        "continuity": got.continuity,
        "changes_per_hour": got.changes_per_hour,
        "anees": got.position_nees.mean if got.position_nees else None,
    }


def run(n: int, seed: int) -> dict[str, object]:
    """One seed: generate, track, score."""
    z = generate(n, seed)
    with tempfile.TemporaryDirectory() as folder:
        scenario, out = Path(folder, "scenario.npz"), Path(folder, "tracks.npz")
        np.savez(scenario, **z)
        command = [sys.executable, str(Path(__file__).with_name("tracking.py")), str(scenario), str(out)]
        told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        tracks = dict(np.load(out))
    cost = json.loads(told.stdout.splitlines()[-1])
    figures = scored(z, tracks, CUT_M)
    rounded = {k: round(v, 4) if isinstance(v, float) else v for k, v in figures.items()}
    return {
        "scenario": f"small craft, seed {seed}",
        "plots": len(z["det_t"]),
        **rounded,
        "us_per_plot": cost["us_per_plot"],
    }


def main() -> int:
    """Command line."""
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--seeds", type=int, nargs="+", default=[1])
    ap.add_argument("--craft", type=int, default=100)
    ap.add_argument("--write", type=Path)
    a = ap.parse_args()
    if a.write:
        np.savez(a.write, **generate(a.craft, a.seeds[0]))
        return 0
    for seed in a.seeds:
        print(json.dumps(run(a.craft, seed)), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
