"""Run the tracker on a scenario of the tracking benchmark: python bench/tracking.py SCENARIO.npz OUT.npz

The scenario is a plane; its plots are laid around latitude 0, longitude 0 as slant range and azimuth from the sites,
sweep by sweep, and tracks are laid back on the plane. Truth columns are never read. Prints one JSON line; µs per plot
is CPU time of ``stage.advance`` alone, tracks read out in every sweep, kernels compiled before.
Tracks silent for a whole revolution of the radars are not counted as shown. ``--parity``: one model of motion and
counts of plots, as the comparison's own set-up. ``--bias M DEG``: the first radars measure so wrongly; ``--raw``: what
is wrong with a radar is not looked for. With ``--reports N`` instead of files: milliseconds of one advance
with N reports of N live tracks.
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from manara.kernels import geodesy
from manara.records.plots import Plots
from manara.records.reports import AltRef, Kind, Reports
from manara.records.sensors import Registration, Sensor
from manara.records.tracks import Life
from manara.tracking import stage

RADIUS_M = 6371e3
PERIOD_S = 4.0  # of the scenario's radars
START_NS = 1_700_000_000_000_000_000


@njit(cache=True)
def _moved(xy: np.ndarray) -> np.ndarray:
    out = np.empty((len(xy), 3))
    for i in range(len(xy)):
        out[i, 0], out[i, 1], out[i, 2], _, _ = geodesy.move(1.0, 0.0, 0.0, 0.0, xy[i, 0], xy[i, 1])
    return out


@njit(cache=True)
def _offsets(n: np.ndarray) -> np.ndarray:
    out = np.empty((len(n), 2))
    for i in range(len(n)):
        out[i, 0], out[i, 1] = geodesy.offset(1.0, 0.0, 0.0, 0.0, n[i, 0], n[i, 1], n[i, 2])
    return out


@njit(cache=True)
def _ecef(n: np.ndarray) -> np.ndarray:
    out = np.empty((len(n), 3))
    for i in range(len(n)):
        out[i, 0], out[i, 1], out[i, 2] = geodesy.to_ecef(n[i, 0], n[i, 1], n[i, 2], 0.0)
    return out


def _nvectors(lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], 1)


def to_ground(xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Latitude and longitude of plane points: metres along the equator's normal section, azimuthal equidistant."""
    n = _moved(np.ascontiguousarray(xy.reshape(-1, 2)))
    return np.arcsin(n[:, 2]), np.arctan2(n[:, 1], n[:, 0])


def to_plane(lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    """The other way round."""
    return _offsets(_nvectors(lat, lon))


def sensors(z: Any, range_max_m: float) -> tuple[tuple[Sensor, ...], np.ndarray]:
    """One sensor for each site; its number in the table of sites is its SIC and SAC."""
    sites = z["sites"]
    lat, lon = to_ground(sites)
    out = tuple(
        Sensor(
            name=str(i),
            sac=i >> 8,
            sic=i & 0xFF,
            lat_deg=float(np.degrees(lat[i])),
            lon_deg=float(np.degrees(lon[i])),
            sigma_range_m=50.0,
            sigma_azimuth_deg=0.08,
            range_max_m=range_max_m,
            period_s=PERIOD_S,
        )
        for i in range(len(lat))
    )
    number = np.arange(len(lat)).reshape(sites.shape[:2])
    return out, number


def as_plots(z: Any, number: np.ndarray) -> Plots:
    """All plots of a scenario as polar plots at height 0."""
    which = number[z["det_sensor"], z["det_site"]]
    lat, lon = to_ground(z["det_xy"])
    slat, slon = to_ground(z["sites"])
    site = np.array([geodesy.nvector(a, b) for a, b in zip(slat, slon, strict=True)])
    p = _ecef(_nvectors(lat, lon))
    s = np.array([geodesy.to_ecef(*n, 0.0) for n in site])[which]
    d = p - s
    frames = np.array([geodesy.frame(*n) for n in site])[which]
    east = d[:, 0] * frames[:, 0] + d[:, 1] * frames[:, 1]
    north = (d * frames[:, 2:]).sum(1)
    n = len(d)
    t = START_NS + np.rint(z["times"][z["det_t"]] * 1e9).astype(np.int64)
    return Plots.blank(n).replace(
        time_ns=t,
        received_ns=t,
        source=which.astype(np.uint32),
        range_m=np.sqrt((d * d).sum(1)),
        azimuth_rad=np.arctan2(east, north) % (2 * np.pi),
        alt_m=np.zeros(n),
        alt_ref=np.full(n, AltRef.ELLIPSOID, np.uint8),
    )


def wronged(plots: Plots, z: Any, range_m: float, azimuth_deg: float) -> Plots:
    """The plots of the first network of radars off by a range and an azimuth."""
    first = z["det_sensor"] == 0
    return plots.replace(
        range_m=plots.range_m + np.where(first, range_m, 0.0),
        azimuth_rad=plots.azimuth_rad + np.where(first, np.radians(azimuth_deg), 0.0),
    )


def run(
    scenario: str, out: str, plain: bool = False, bias: tuple[float, float] = (0.0, 0.0), raw: bool = False
) -> dict[str, object]:
    """Track a scenario, write the tracks, return the figures."""
    z = np.load(scenario)
    table, number = sensors(z, 300_000.0 if z["sites"].shape[1] == 1 else 170_000.0)
    plots = wronged(as_plots(z, number), z, *bias)
    began = time.process_time()
    stage.warm()
    warm_s = time.process_time() - began
    first = np.searchsorted(z["det_t"], np.arange(len(z["times"]) + 1))
    batches = [plots.take(np.arange(a, b)) for a, b in itertools.pairwise(first)]
    state = stage.init(capacity=max(1024, 8 * len(plots) // len(batches)), plain=plain, register=not raw)
    boxes, spent = [], []
    for i, batch in enumerate(batches):
        inbox = stage.Inbox(plots=batch, sensors=table if i == 0 else ())
        now = START_NS + round(float(z["times"][i]) * 1e9)
        began = time.process_time()
        box = stage.advance(state, inbox, now)
        spent.append(time.process_time() - began)
        boxes.append(box.tracks)
    write(out, boxes, z["times"], np.inf if plain else PERIOD_S)
    tracks = sum(len(b) for b in boxes)
    return {
        "plots": len(plots),
        "cpu_s": sum(spent),
        "us_per_plot": 1e6 * sum(spent) / len(plots),
        "jit_s": warm_s,
        "worst_sweep_ms": 1e3 * max(spent),
        "p99_sweep_ms": 1e3 * float(np.quantile(spent, 0.99)),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "track_rows": tracks,
        "registered": [_said(one) for one in box.registered[:6]],
    }


def _said(one: Registration) -> dict[str, object]:
    return {
        "source": one.source,
        "range_m": [round(one.place_m[0], 2), round(one.place_sigma_m[0], 2)],
        "turn_deg": [round(float(np.degrees(v)), 4) for v in (one.turn_rad, one.turn_sigma_rad)],
        "late_s": [round(one.late_s, 3), round(one.late_sigma_s, 3)],
        "noise_factor": round(one.noise_factor, 3),
        "jumps": one.alarms,
    }


def write(out: str, boxes: list[Any], times: np.ndarray, silence_s: float) -> None:
    """Tracks of every sweep as columns: those confirmed, and those that coast for less than ``silence_s``."""
    rows: dict[str, list[np.ndarray]] = {k: [] for k in ("time", "track_id", "x", "y", "vx", "vy", "pxx", "pxy", "pyy")}
    for t, box in zip(times, boxes, strict=True):
        silent_ns = START_NS + round(float(t) * 1e9) - box.updated_ns
        live = box.take((box.life != Life.TENTATIVE) & (silent_ns < 1e9 * silence_s - 1e6))
        xy = to_plane(live.lat_rad, live.lon_rad)
        columns = (np.full(len(live), t), live.track_id.astype(np.int64), xy[:, 0], xy[:, 1], live.ve_mps, live.vn_mps)
        for name, column in zip(rows, (*columns, live.cov[:, 0], live.cov[:, 1], live.cov[:, 4]), strict=True):
            rows[name].append(column)
    np.savez(out, **{k: np.concatenate(v) for k, v in rows.items()})


def reports(n: int) -> dict[str, object]:
    """The cost of following n craft that all report once a second."""
    stage.warm()
    rng = np.random.default_rng(1)
    lat, lon = rng.uniform(-1.4, 1.4, n), rng.uniform(-3.1, 3.1, n)
    course, speed = rng.uniform(0, 2 * np.pi, n), rng.uniform(50, 250, n)
    state, spent = stage.init(capacity=2 * n), []
    for tick in range(12):
        now = START_NS + tick * 1_000_000_000
        box = Reports.blank(n).replace(
            time_ns=now - rng.integers(0, 10**9, n),
            identity=np.arange(1, n + 1, dtype=np.uint64) + np.uint64(2 << 56),
            kind=np.full(n, Kind.AIRCRAFT, np.uint8),
            lat_rad=lat + tick * speed * np.cos(course) / RADIUS_M,
            lon_rad=lon + tick * speed * np.sin(course) / RADIUS_M / np.cos(lat),
            speed_mps=speed,
            course_rad=course,
            sigma_m=np.full(n, 30.0),
        )
        began = time.process_time()
        out = stage.advance(state, stage.Inbox(reports=box), now)
        spent.append(1e3 * (time.process_time() - began))
    return {"reports": n, "tracks": len(out.tracks), "advance_ms": float(np.median(spent[2:])), "first_ms": spent[0]}


def main() -> int:
    """Command line."""
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("scenario", nargs="?", type=Path)
    ap.add_argument("out", nargs="?", type=Path)
    ap.add_argument("--reports", type=int, help="measure reports instead")
    ap.add_argument("--parity", action="store_true", help="one model, counts of plots: as the textbook does")
    ap.add_argument("--bias", type=float, nargs=2, default=(0.0, 0.0), metavar=("M", "DEG"), help="of the first radars")
    ap.add_argument("--raw", action="store_true", help="no registration")
    a = ap.parse_args()
    if a.reports:
        print(json.dumps(reports(a.reports)))
        return 0
    if a.scenario is None or a.out is None or not a.scenario.exists():
        print("bench/tracking.py: SCENARIO.npz (from scenario.py) and OUT.npz are needed", file=sys.stderr)
        return 2
    print(json.dumps(run(str(a.scenario), str(a.out), a.parity, tuple(a.bias), a.raw)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
