"""The tracker and registration on recordings: python bench/recordings.py [airport] [vessels] [thinned] [spoofed]

Without names: all. The recordings lie below $MANARA_DATA; without it nothing is measured, and that is said. One JSON
line for each measure.

``airport``: four sensors of one airport together, twenty minutes, without registration and with it: share of aircraft
with one track, changes of track number; residuals of the multilateration and of the surface radar against ADS-B.
``vessels``: five minutes of AIS, every tenth report withheld: how far the tracks are from it, and how honest.
``thinned``: an hour of aircraft positions as the plots of one radar, without names, against the positions themselves.
``spoofed``: a recording with false positions: which share of the aircraft is flagged.
"""

from __future__ import annotations

import gzip
import itertools
import json
import math
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from manara.feeds import stage as feeds
from manara.host import recording
from manara.kernels import geodesy
from manara.node.arrows import feeds_to_tracking
from manara.records import identity
from manara.records.plots import Plots
from manara.records.reports import AltRef, Flag, Kind, Reports
from manara.records.sensors import FeedConfig, Sensor
from manara.records.tracks import Life, Tracks
from manara.study import metrics
from manara.tracking import registration, stage

S = 1_000_000_000
AIRPORT_S, LEARNT_S = 1200, 300
FILES = ("smr_cat010.ast", "mlat_cat010.ast", "mlat_cat020.ast", "adsb_cat021_v0.23.ast")
MLAT = {"lat_deg": 41.29706278, "lon_deg": 2.078447222, "sigma_m": 8.0, "range_max_m": 20_000.0, "period_s": 1.0}
SENSORS = (
    Sensor(
        name="surface radar", feed=FILES[0], sic=7, lat_deg=41.29561833, lon_deg=2.095114167, sigma_m=10.0,
        range_max_m=5000.0, period_s=1.0, domain="surface",
    ),
    *(Sensor(name=name, feed=name, sic=107, domain="surface", **MLAT) for name in FILES[1:3]),
)  # fmt: skip
RADAR = Sensor(name="radar", sac=1, sic=1, lat_deg=48.72, lon_deg=2.38, sigma_range_m=60.0, sigma_azimuth_deg=0.08)
CHI2_95 = 5.991464547107979


def flown(folder: Path, state: stage.State) -> Iterator[tuple[stage.Inbox, stage.Outbox, int]]:
    """Second by second: (rows of all feeds, what the tracker gives, time)."""
    loaded = [recording.load(folder / name, "auto", "2016-05-10") for name in FILES]
    configs = tuple(
        FeedConfig(name=name, url=name, format=one.format, editions={"021": "0.23"})
        for name, one in zip(FILES, loaded, strict=True)
    )
    room = feeds.init(configs)
    for k, (now, inputs) in enumerate(itertools.islice(recording.windows(loaded), AIRPORT_S)):
        rows = feeds_to_tracking.rows(feeds.advance(room, inputs, now))
        more = {"sensors": SENSORS, "feeds": dict(enumerate(FILES))} if k == 0 else {}
        yield rows, stage.advance(state, stage.Inbox(rows.reports, rows.plots, **more), now), now


def airport(folder: Path) -> list[dict[str, object]]:
    """Four sensors together."""
    where, named = folder / "asterix" / "lebl-2016", dict(enumerate(FILES))
    ids: dict[bool, dict[int, list[int]]] = {False: {}, True: {}}
    sure: dict[bool, dict[int, int]] = {False: {}, True: {}}
    for _, box, _ in flown(where, stage.init(register=False)):
        _follow(box.tracks, ids[False], sure[False])
    state, raw, right, reports = stage.init(), [], [], []
    assert state.registration is not None
    for k, (rows, box, _) in enumerate(flown(where, state)):
        if k >= LEARNT_S and len(rows.plots):
            which = np.array([state.row_of[s] for s in rows.plots.source.tolist()], np.int64)
            raw.append(rows.plots)
            right.append(registration.corrected(state.registration, rows.plots, which, state.table))
        reports.append(rows.reports)
        _follow(box.tracks, ids[True], sure[True])
    out = [{"registration": on} | _one_track(ids[on], sure[on]) for on in (False, True)]
    told = Reports.join(reports)
    before, after = (residuals(Plots.join(p), told, state.table, state.row_of) for p in (raw, right))
    for one in box.registered:
        name = named[one.source >> 16]
        row = {"sensor": name, "differences": one.differences, "noise_factor": round(one.noise_factor, 2)}
        if one.form != "reports" and one.source in before:
            bias, spread = before[one.source]
            bias_after, spread_after = after[one.source]
            row |= {
                "mean_before_m": round(bias, 2), "rms_before_m": round(spread, 2),
                "mean_after_m": round(bias_after, 2), "rms_after_m": round(spread_after, 2),
                "east_m": round(one.place_m[0], 2), "north_m": round(one.place_m[1], 2),
                "turn_mrad": round(1e3 * one.turn_rad, 3), "late_s": round(one.late_s, 3), "alarms": one.alarms,
            }  # fmt: skip
        out.append(row)
    return out


def _follow(tracks: Tracks, ids: dict[int, list[int]], sure: dict[int, int]) -> None:
    """A change: none of the tracks of an address that are confirmed now is the one that it had."""
    firm = tracks.take((tracks.life > Life.TENTATIVE) & (tracks.identity > 0))
    for name in np.unique(firm.identity).tolist():
        held, own = ids.setdefault(name, []), firm.track_id[firm.identity == name].tolist()
        if not held or held[-1] not in own:
            held.append(own[0])
        sure[name] = sure.get(name, 0) + 1


def _one_track(ids: dict[int, list[int]], sure: dict[int, int]) -> dict[str, object]:
    single = sum(len(held) == 1 for held in ids.values())
    changes = sum(len(held) - 1 for held in ids.values())
    hours = sum(sure.values()) / 3600
    return {
        "recording": "airport, four sensors",
        "aircraft": len(ids),
        "one_track_share": round(single / len(ids), 4),
        "changes": changes,
        "track_changes_per_hour": round(changes / hours, 3),
    }


def residuals(plots: Plots, told: Reports, table: np.ndarray, row_of: dict[int, int]) -> dict[int, tuple[float, float]]:
    """Of each source: length of the mean and RMS of (plot − ADS-B, interpolated where two reports are near), metres.

    The two hundredth parts that are farthest off are left out on both sides: vehicles and addresses decoded wrongly.
    """
    from manara.kernels import sensing
    from manara.tracking import rows

    none = np.zeros(len(plots), np.int64)
    which = np.array([row_of[s] for s in plots.source.tolist()], np.int64)
    at, r, why = np.zeros((len(plots), 3)), np.zeros((len(plots), 3)), none.copy()
    sensing.locate(rows.plots(plots, none, which), table, at, r, why)
    e, found = np.full((len(plots), 2), np.nan), np.isfinite(told.lat_rad) & (told.flags & Flag.NO_POSITION == 0)
    for name in np.unique(plots.identity[plots.identity > 0]):
        mine = np.flatnonzero(found & (told.identity == name))
        theirs = np.flatnonzero((plots.identity == name) & (why == sensing.PLACED))
        if len(mine) < 2 or len(theirs) == 0:
            continue
        mine = mine[np.argsort(told.time_ns[mine], kind="stable")]
        t, ask = told.time_ns[mine] / S, plots.time_ns[theirs] / S
        after = np.clip(np.searchsorted(t, ask), 1, len(t) - 1)
        near = (t[after] - t[after - 1] < 3.0) & (ask >= t[after - 1]) & (ask <= t[after])
        lat, lon = np.interp(ask, t, told.lat_rad[mine]), np.interp(ask, t, told.lon_rad[mine])
        for k in np.flatnonzero(near):
            e[theirs[k]] = geodesy.offset(*geodesy.nvector(lat[k], lon[k]), 0.0, *at[theirs[k]])
    out = {}
    for source in np.unique(plots.source).tolist():
        own = e[(plots.source == source) & np.isfinite(e[:, 0])]
        if len(own) < 100:
            continue
        far = np.hypot(*own.T)
        own = own[far <= np.quantile(far, 0.98)]
        out[source] = float(np.hypot(*own.mean(0))), float(np.sqrt((own**2).sum(1).mean()))
    return out


def vessels(folder: Path) -> list[dict[str, object]]:
    """Every tenth report withheld; the track as it stood at the tick before, carried on to the report's time."""
    one = recording.load(folder / "ais" / "dma-abnormal" / "ais-sample.txt.gz")
    room = feeds.init((FeedConfig(name="ais", url="ais", format=one.format),))
    state, count, before = stage.init(), 0, Tracks.blank(0)
    error, square, sog = [], [], []
    for now, inputs in recording.windows([one]):
        rows = feeds_to_tracking.rows(feeds.advance(room, inputs, now)).reports
        moving = np.isfinite(rows.lat_rad) & np.isin(rows.kind, (Kind.VESSEL_A, Kind.VESSEL_B))
        kept = np.ones(len(rows), bool)
        for i in np.flatnonzero(moving).tolist():
            count += 1
            if count % 10 == 0:
                kept[i] = False
                _compare(rows, i, before, error, square, sog)
        before = stage.advance(state, stage.Inbox(rows.take(kept)), now).tracks
    far, nis, speed = np.array(error), np.array(square), np.array(sog)
    sailing = speed > 1.0
    return [
        {
            "recording": f"vessels, {name}", "withheld": int(which.sum()),
            "median_m": round(float(np.median(far[which])), 2), "p95_m": round(float(np.quantile(far[which], 0.95)), 2),
            "inside_95": round(float((nis[which] < CHI2_95).mean()), 4),
            "nis": round(float(np.minimum(nis[which], 100.0).mean() / 2), 3),
        }
        for name, which in (("under way", sailing), ("at rest", ~sailing))
    ]  # fmt: skip


def _compare(rows: Reports, i: int, before: Tracks, error: list, square: list, sog: list) -> None:
    found = np.flatnonzero((before.identity == rows.identity[i]) & (before.life > Life.TENTATIVE))
    if len(found) != 1:
        return
    k = found[0]
    dt = (int(rows.time_ns[i]) - int(before.time_ns[k])) / S
    here = geodesy.nvector(before.lat_rad[k], before.lon_rad[k])
    e, n = geodesy.offset(*here, 0.0, *geodesy.nvector(rows.lat_rad[i], rows.lon_rad[i]))
    v = np.array([e - dt * before.ve_mps[k], n - dt * before.vn_mps[k]])
    c, sigma = before.cov[k], rows.sigma_m[i]
    r = (sigma if math.isfinite(sigma) else 20.0) ** 2
    p = np.array([[c[0], c[1]], [c[1], c[4]]]) + dt * np.array([[2 * c[2], c[3] + c[5]], [c[3] + c[5], 2 * c[6]]])
    p += dt * dt * np.array([[c[7], c[8]], [c[8], c[9]]]) + r * np.eye(2)
    error.append(float(np.hypot(*v)))
    square.append(float(v @ np.linalg.solve(p, v)))
    sog.append(float(rows.speed_mps[i]) if math.isfinite(rows.speed_mps[i]) else 0.0)


def thinned(folder: Path, seconds: int = 3600, period: float = 4.0) -> list[dict[str, object]]:
    """Recorded positions as plots of one radar of four seconds, detection 0.9, no names, Mode C; clutter 5 a sweep."""
    whole = json.loads(gzip.decompress((folder / "adsb" / "traffic" / "quickstart.json.gz").read_bytes()))
    rng = np.random.default_rng(1)
    start = min(one["timestamp"] for one in whole) / 1e3
    craft: dict[str, list[tuple[float, ...]]] = {}
    for one in whole:
        t = one["timestamp"] / 1e3 - start
        told = [one.get(k) for k in ("latitude", "longitude", "altitude", "groundspeed", "track")]
        if t <= seconds and not one.get("onground") and all(isinstance(v, int | float) for v in told):
            craft.setdefault(one["icao24"], []).append((t, *map(float, told)))
    truth, plots = [], []
    for number, name in enumerate(sorted(craft)):
        path = np.array(sorted(craft[name]))
        _fly(number, path[np.unique(path[:, 0], return_index=True)[1]], period, rng, truth, plots)
    for k in range(int(seconds / period)):
        m = rng.poisson(5)
        far, azimuth = 150e3 * np.sqrt(rng.random(m)), rng.uniform(0, 2 * math.pi, m)
        plots += [(k * period + azimuth[i] / (2 * math.pi) * period, far[i], azimuth[i], 9000.0) for i in range(m)]
    return [_thinned(np.array(sorted(plots)), np.array(truth), period)]


def _fly(number: int, path: np.ndarray, period: float, rng: np.random.Generator, truth: list, plots: list) -> None:
    """Truth at the end of each sweep, and what the antenna saw in it."""
    site = geodesy.nvector(math.radians(RADAR.lat_deg), math.radians(RADAR.lon_deg))
    for k in range(math.ceil(path[0, 0] / period), int(path[-1, 0] / period)):
        end = (k + 1) * period
        gap = np.searchsorted(path[:, 0], end)
        if not (0 < gap < len(path)) or path[gap, 0] - path[gap - 1, 0] > 5.0:
            continue
        lat, lon, alt = (np.interp(end, path[:, 0], path[:, c]) for c in (1, 2, 3))
        e, n = geodesy.offset(*site, 0.0, *geodesy.nvector(math.radians(lat), math.radians(lon)))
        if math.hypot(e, n) > 150e3:
            continue
        course, speed = math.radians(path[gap, 5]), path[gap, 4] * 0.514444
        truth.append((k, number, lat, lon, speed * math.sin(course), speed * math.cos(course)))
        seen = k * period + math.atan2(e, n) % (2 * math.pi) / (2 * math.pi) * period
        if rng.random() < 0.9:
            lat, lon, alt = (np.interp(seen, path[:, 0], path[:, c]) for c in (1, 2, 3))
            far, azimuth = _polar(math.radians(lat), math.radians(lon), alt * 0.3048)
            azimuth += rng.normal(0, math.radians(RADAR.sigma_azimuth_deg))
            plots.append((seen, far + rng.normal(0, RADAR.sigma_range_m), azimuth, alt * 0.3048))


def _polar(lat: float, lon: float, alt_m: float) -> tuple[float, float]:
    site = geodesy.nvector(math.radians(RADAR.lat_deg), math.radians(RADAR.lon_deg))
    d = np.subtract(geodesy.to_ecef(*geodesy.nvector(lat, lon), alt_m), geodesy.to_ecef(*site, 0.0))
    ex, ey, mx, my, mz = geodesy.frame(*site)
    return float(np.sqrt(d @ d)), math.atan2(d[0] * ex + d[1] * ey, d[0] * mx + d[1] * my + d[2] * mz)


def _thinned(plots: np.ndarray, truth: np.ndarray, period: float) -> dict[str, object]:
    n, origin = len(plots), 1_633_608_000 * S
    table = Plots.blank(n).replace(
        time_ns=origin + np.rint(plots[:, 0] * S).astype(np.int64), source=np.full(n, 0x101, np.uint32),
        range_m=plots[:, 1].copy(), azimuth_rad=plots[:, 2] % (2 * math.pi), alt_m=plots[:, 3].copy(),
        alt_ref=np.full(n, AltRef.PRESSURE, np.uint8),
    )  # fmt: skip
    state, held = stage.init(), []
    for k in range(int(truth[:, 0].max()) + 1):
        now = origin + round((k + 1) * period * S)
        mine = table.take((plots[:, 0] >= k * period) & (plots[:, 0] < (k + 1) * period))
        box = stage.advance(state, stage.Inbox(plots=mine, sensors=(RADAR,) if k == 0 else ()), now)
        firm = box.tracks.take(box.tracks.life > Life.TENTATIVE)
        held.append(metrics.of_tracks(firm, k, now - round(period * S)))
    at = metrics.on_earth(np.radians(truth[:, 2]), np.radians(truth[:, 3]))
    craft = metrics.Craft(truth[:, 0].astype(np.int64), truth[:, 1].astype(np.int64), at, truth[:, 4:6].copy())
    got = metrics.measure(craft, metrics.joined(held), metrics.Rules(period, first=10))
    figures = {
        "gospa_per_sqrt_n_m": got.gospa_per_sqrt_n_m, "position_rms_m": got.position_rms_m,
        "velocity_error_mps": got.velocity_error_mps, "completeness": got.completeness,
        "spuriousness": got.spuriousness, "changes_per_hour": got.changes_per_hour, "continuity": got.continuity,
        "update_probability": got.update_probability, "anees": got.position_nees.mean,
    }  # fmt: skip
    return {"recording": "thinned", "plots": n} | {k: round(float(v), 4) for k, v in figures.items()}


def spoofed(folder: Path) -> list[dict[str, object]]:
    """Reports of aircraft, some with false positions: how many aircraft and seconds carry a flag, how many twins."""
    columns = json.loads(gzip.decompress((folder / "adsb" / "traffic" / "noisy_spoofing.json.gz").read_bytes()))
    keys = sorted(columns["timestamp"], key=lambda k: columns["timestamp"][k])
    rows = [{name: column[k] for name, column in columns.items()} for k in keys]
    rows = [one for one in rows if one["latitude"] is not None and one["longitude"] is not None]
    state, flagged, seen, twins = stage.init(), Counter(), Counter(), 0
    names = {one: identity.pack(identity.Space.ICAO24, int(one, 16)) for one in set(columns["icao24"].values())}
    for stamp, group in itertools.groupby(rows, key=lambda one: one["timestamp"]):
        now, told = int(stamp) * 1_000_000, list(group)
        track = [one["track"] if one["track"] is not None else math.nan for one in told]
        speed = [one["groundspeed"] if one["groundspeed"] is not None else math.nan for one in told]
        box = Reports.blank(len(told)).replace(
            time_ns=np.full(len(told), now), kind=np.full(len(told), Kind.AIRCRAFT, np.uint8),
            identity=np.array([names[one["icao24"]] for one in told], np.uint64),
            lat_rad=np.radians([one["latitude"] for one in told]),
            lon_rad=np.radians([one["longitude"] for one in told]),
            course_rad=np.radians(track), speed_mps=0.514444 * np.array(speed),
        )  # fmt: skip
        tracks = stage.advance(state, stage.Inbox(box), now).tracks
        marked = (tracks.flags & (Flag.POSITION_JUMP | Flag.IDENTITY_CONFLICT)) > 0
        seen.update(tracks.identity.tolist())
        flagged.update(set(tracks.identity[marked].tolist()))
        twins += len(tracks) - len(np.unique(tracks.identity))
    share = sum(flagged.values()) / sum(seen.values())
    return [
        {
            "recording": "spoofed", "aircraft": len(seen), "aircraft_flagged": len(flagged),
            "flagged_share": round(share, 4), "twin_rows_share": round(twins / sum(seen.values()), 4),
        }
    ]  # fmt: skip


MEASURES = {"airport": airport, "vessels": vessels, "thinned": thinned, "spoofed": spoofed}


def main() -> int:
    """Command line."""
    asked = sys.argv[1:] or list(MEASURES)
    if unknown := set(asked) - set(MEASURES):
        print(f"bench/recordings.py: no measure {sorted(unknown)}; there are {list(MEASURES)}", file=sys.stderr)
        return 2
    if "MANARA_DATA" not in os.environ:
        print("bench/recordings.py: MANARA_DATA does not say where the recordings are", file=sys.stderr)
        return 2
    for name in asked:
        for row in MEASURES[name](Path(os.environ["MANARA_DATA"])):
            print(json.dumps(row), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
