"""Which tracks head where, over time: what is raised only when it lasts, and does not flicker.

A pair of track and area is raised once its probability of entry stood at ``ON`` or above for as long as its hazard
asks, and falls when it stood below ``OFF`` for ``HOLD_NS``.
"""

from __future__ import annotations

import numpy as np

from manara.kernels.entry import entries
from manara.records.columns import F8, I8, U1
from manara.records.identity import Space
from manara.records.released import Rows
from manara.records.reports import Domain
from manara.records.tracks import Life, Tracks
from manara.records.warnings import Hazard

ON, OFF = 0.5, 0.25
LASTS_NS = {Hazard.DISTRESS: 0, Hazard.UNIDENTIFIED_AIRCRAFT: 10_000_000_000}
HOLD_NS = 30_000_000_000
HORIZON_S = {Hazard.DISTRESS: 300.0, Hazard.UNIDENTIFIED_AIRCRAFT: 900.0}
Q_M2PS3 = {Domain.AIR: 0.1, Domain.SEA: 0.01}  # of a craft that goes straight; a tracker's own must follow turns
SPEED_MPS = 15.0  # slower is no aircraft under way: birds, balloons, what hovers
NO_CODE = 0xFFFFFFFF
PAIRS_MAX = 65_536

PAIR = np.dtype(
    [
        ("track", "<u8"),
        ("area", "<i8"),  # place in the directory
        ("hazard", "u1"),
        ("raised", "u1"),
        ("since_ns", "<i8"),  # since when it stands at ON or above; -1: it does not
        ("seen_ns", "<i8"),  # when it last stood at OFF or above
        ("born_ns", "<i8"),  # of the track
        ("first_ns", "<i8"),  # when it enters, first and last
        ("last_ns", "<i8"),
        ("probability", "<f8"),
    ]
)


def nothing() -> Rows:
    """No pair."""
    return np.zeros(0, PAIR)


def hazards(tracks: Tracks, attention: U1) -> U1:
    """What each track gives reason to fear, shape (n,); 0: nothing. Distress: as the picture says. An aircraft is
    unidentified when it is confirmed, under way, and claims no identity and no code: radar alone sees it."""
    out = np.zeros(len(tracks), np.uint8)
    space = tracks.identity >> np.uint64(56)
    silent = ((space == Space.NONE) | (space == Space.SENSOR_TRACK)) & (tracks.mode_3a == NO_CODE)
    fast = tracks.ve_mps * tracks.ve_mps + tracks.vn_mps * tracks.vn_mps >= SPEED_MPS * SPEED_MPS
    sure = (tracks.life == Life.CONFIRMED) | (tracks.life == Life.COASTING)
    out[silent & fast & sure & (tracks.domain == Domain.AIR)] = Hazard.UNIDENTIFIED_AIRCRAFT
    out[attention == 2] = Hazard.DISTRESS
    return out


def found(tracks: Tracks, hazard: U1, areas: tuple[I8, F8, F8], now_ns: int) -> Rows:
    """Pairs that stand at ``OFF`` or above now; tracks without a hazard are not looked at."""
    here = np.flatnonzero(hazard)
    some = tracks.take(here)
    horizon_s, q = np.zeros(256), np.full(256, Q_M2PS3[Domain.SEA])
    q[Domain.AIR] = Q_M2PS3[Domain.AIR]
    for one, seconds in HORIZON_S.items():
        horizon_s[one] = seconds
    age_s = np.clip((now_ns - some.time_ns) * 1e-9, 0.0, 600.0)
    who, where, what = entries(
        some.lat_rad, some.lon_rad, some.ve_mps, some.vn_mps, np.ascontiguousarray(some.cov), age_s,
        horizon_s[hazard[here]], q[some.domain], *areas, OFF,
    )  # fmt: skip
    rows = np.zeros(len(who), PAIR)
    rows["track"], rows["area"], rows["hazard"] = some.track_id[who], where, hazard[here][who]
    rows["born_ns"], rows["probability"] = some.born_ns[who], what[:, 0]
    rows["first_ns"] = now_ns + (what[:, 1] * 1e9).astype(np.int64)
    rows["last_ns"] = now_ns + (what[:, 2] * 1e9).astype(np.int64)
    rows["seen_ns"], rows["since_ns"] = now_ns, -1
    return rows[np.argsort(-rows["probability"], kind="stable")[:PAIRS_MAX]]


def advance(held: Rows, rows: Rows, now_ns: int) -> Rows:
    """The pairs after this tick, found ones first. ``held``: those of the last."""
    rows = rows.copy()
    mine, theirs = _same(rows, held)
    rows["raised"][mine] = held["raised"][theirs]
    rows["since_ns"][mine] = held["since_ns"][theirs]
    high = rows["probability"] >= ON
    rows["since_ns"] = np.where(high, np.where(rows["since_ns"] < 0, now_ns, rows["since_ns"]), -1)
    lasts = np.zeros(256, np.int64)
    for one, span_ns in LASTS_NS.items():
        lasts[one] = span_ns
    rows["raised"] |= high & (now_ns - rows["since_ns"] >= lasts[rows["hazard"]])
    gone = np.ones(len(held), bool)
    gone[theirs] = False
    kept = held[gone & (held["raised"] == 1) & (now_ns - held["seen_ns"] <= HOLD_NS)]
    return np.concatenate([rows, kept])[:PAIRS_MAX]


def _same(a: Rows, b: Rows) -> tuple[I8, I8]:
    """Places in both of the pairs that are the same: track, area and hazard."""
    _, track = np.unique(np.concatenate([a["track"], b["track"]]), return_inverse=True)
    rest = np.concatenate([a["area"], b["area"]]) << 8 | np.concatenate([a["hazard"], b["hazard"]])
    key = track.astype(np.int64) << 16 | rest
    _, mine, theirs = np.intersect1d(key[: len(a)], key[len(a) :], assume_unique=True, return_indices=True)
    return mine, theirs
