"""The picture as the browser gets it: a 32-byte header, then one column after another, 20 bytes a track.

A node that shares adds a byte a track, whose it is, and a second kind of frame: the squares that partners told.

The page docs/spec/desk-wire.md is the specification, with a vector that both ends are tested on.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from manara.records.inputs import Views
from manara.records.partners import Regions
from manara.records.reports import Domain, Flag, Kind
from manara.records.tracks import Tracks

MAGIC = b"MNRV"
MAGIC_REGIONS = b"MNRR"
VERSION = 1
HEADER = struct.Struct("<4sHHIIQq")  # magic, version, flags, rows, view, sequence, node time in ns
COMPLETE = 1  # header flag: every track of the view is in this frame
ORIGINS = 2  # header flag: the column of origins is there
MOST_REGIONS = 4_096  # in a frame: the newest of them
UNKNOWN = 0xFFFF  # course, speed: not known; age: more than the column holds

_EARTH_M = 6_371_008.8  # mean radius; a display may be wrong by 0.3 % of a short step
_AHEAD_S = {Domain.UNKNOWN: 60.0, Domain.AIR: 60.0, Domain.SEA: 300.0, Domain.LAND: 60.0}
_SLOW_MPS = 0.5  # below it the course over ground is noise
_ALARM = Flag.EMERGENCY | Flag.RADIO_FAILURE | Flag.UNLAWFUL_INTERFERENCE
_NOTICE = Flag.IDENTITY_CONFLICT | Flag.POSITION_JUMP | Flag.DISTRESS


def encode(views: Views, slots: NDArray[np.uint32], view: int = 0, origins: NDArray[np.uint8] | None = None) -> bytes:
    """One frame of all tracks that have a position.

    ``slots`` (n,) names the rows of ``views.tracks``; ``origins`` (n,) where the node shares. Positions are brought
    forward to the time in the header at constant velocity, at most a minute (five at sea), so that all symbols stand
    at one time.

    >>> frame = encode(Views(now_ns=1, sequence=7), np.zeros(0, np.uint32))
    >>> len(frame), frame[:4]
    (32, b'MNRV')
    """
    shown = np.isfinite(views.tracks.lat_rad) & np.isfinite(views.tracks.lon_rad)
    tracks = views.tracks.take(shown)
    lat_rad, lon_rad = _forward(tracks, views.now_ns)
    speed_mps = np.hypot(tracks.ve_mps, tracks.vn_mps)
    columns: list[NDArray[np.generic]] = [
        slots[shown].astype("<u4"),
        _e7(lon_rad),
        _e7(lat_rad),
        _steps(_direction_deg(tracks, speed_mps) * 100.0, 35_999),
        _steps(speed_mps * 10.0, UNKNOWN - 1),
        _ages(views.now_ns - tracks.updated_ns),
        tracks.kind.astype(np.uint8),
        _state(tracks, attention(views)[shown]),
    ]
    if origins is not None:
        columns.append(origins[shown].astype(np.uint8))
    flags = COMPLETE | (ORIGINS if origins is not None else 0)
    header = HEADER.pack(MAGIC, VERSION, flags, len(tracks), view, views.sequence, views.now_ns)
    return b"".join([header, *(_padded(c) for c in columns)])


def encode_regions(views: Views, view: int = 0) -> bytes:
    """One frame of the squares in which partners say that something is; at most MOST_REGIONS, the newest epochs first.

    The half side is rounded up by at most a thirtieth, so that a square that grows is not news at every step.

    >>> len(encode_regions(Views()))
    32
    """
    told = views.regions if views.regions is not None else Regions.blank(0)
    told = told.take(np.isfinite(told.lat_rad) & np.isfinite(told.lon_rad) & np.isfinite(told.half_m))
    told = told.take(np.argsort(-told.epoch_ns, kind="stable")[:MOST_REGIONS])
    columns: list[NDArray[np.generic]] = [
        told.track.astype("<u8"),
        told.cell.astype("<u8"),
        _e7(told.lon_rad),
        _e7(told.lat_rad),
        _coarser(told.half_m).astype("<u4"),
        _seconds(told.epoch_ns),
        _seconds(told.until_ns),
        np.minimum(told.partner, 255).astype(np.uint8),
        told.kind.astype(np.uint8),
        told.domain.astype(np.uint8),
    ]
    flags = COMPLETE if views.regions is None or len(told) == len(views.regions) else 0
    header = HEADER.pack(MAGIC_REGIONS, VERSION, flags, len(told), view, views.sequence, views.now_ns)
    return b"".join([header, *(_padded(c) for c in columns)])


def _coarser(half_m: NDArray[np.float64]) -> NDArray[np.float64]:
    step = np.exp2(np.floor(np.log2(np.maximum(half_m, 1.0))) - 5)
    return np.asarray(np.ceil(np.ceil(half_m / step) * step), np.float64)


def _seconds(time_ns: NDArray[np.int64]) -> NDArray[np.uint32]:
    return np.clip(time_ns // 1_000_000_000, 0, 0xFFFFFFFF).astype("<u4")


def attention(views: Views) -> NDArray[np.uint8]:
    """(n,) 0 ordinary, 1 worth a look, 2 emergency or distress: as the node says, else from the flags."""
    if views.attention is not None and len(views.attention) == len(views.tracks):
        return views.attention
    flags = views.tracks.flags
    device = (views.tracks.kind == Kind.DISTRESS_DEVICE) & ((flags & int(Flag.DISTRESS)) != 0)
    level = np.where(device | ((flags & int(_ALARM)) != 0), 2, np.where(flags & int(_NOTICE), 1, 0))
    return np.where(flags & int(Flag.TEST), np.minimum(level, 1), level).astype(np.uint8)


def _forward(tracks: Tracks, now_ns: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    limit_s = np.array([_AHEAD_S[d] for d in Domain])[np.minimum(tracks.domain, len(Domain) - 1)]
    ahead_s = np.clip((now_ns - tracks.time_ns) * 1e-9, 0.0, limit_s)
    lat_rad = np.clip(tracks.lat_rad + np.nan_to_num(tracks.vn_mps) * ahead_s / _EARTH_M, -np.pi / 2, np.pi / 2)
    parallel_m = _EARTH_M * np.maximum(np.cos(lat_rad), 1e-6)
    lon_rad = tracks.lon_rad + np.nan_to_num(tracks.ve_mps) * ahead_s / parallel_m
    return lat_rad, np.mod(lon_rad + np.pi, 2 * np.pi) - np.pi


def _direction_deg(tracks: Tracks, speed_mps: NDArray[np.float64]) -> NDArray[np.float64]:
    course = np.mod(np.arctan2(tracks.ve_mps, tracks.vn_mps), 2 * np.pi)
    return np.degrees(np.where(speed_mps >= _SLOW_MPS, course, tracks.heading_rad))


def _e7(angle_rad: NDArray[np.float64]) -> NDArray[np.int32]:
    return np.rint(np.degrees(angle_rad) * 1e7).astype("<i4")


def _steps(value: NDArray[np.float64], most: int) -> NDArray[np.uint16]:
    whole = np.clip(np.floor(np.nan_to_num(value, nan=0.0, posinf=most)), 0, most)
    return np.where(np.isnan(value), UNKNOWN, whole).astype("<u2")


def _ages(age_ns: NDArray[np.int64]) -> NDArray[np.uint16]:
    return np.clip(age_ns // 100_000_000, 0, UNKNOWN).astype("<u2")


def _state(tracks: Tracks, level: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bits 0-1 life less one, 2-3 attention, 4-5 domain, 6 on the ground, 7 position suspect."""
    ground = (tracks.flags & int(Flag.ON_GROUND)) != 0
    suspect = (tracks.flags & int(Flag.POSITION_SUSPECT)) != 0
    life = np.clip(tracks.life, 1, 4) - 1
    bits = life | (level & 3) << 2 | (tracks.domain & 3) << 4 | ground.astype(np.uint8) << 6
    return np.asarray(bits | suspect.astype(np.uint8) << 7, dtype=np.uint8)


def _padded(column: NDArray[np.generic]) -> bytes:
    raw = column.tobytes()
    return raw + bytes(-len(raw) % 4)
