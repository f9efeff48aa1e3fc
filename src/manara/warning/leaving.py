"""Tracks that straight flight leads out of our area of responsibility into a partner's, and when."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from manara.kernels.entry import entries
from manara.kernels.membership import area_bits
from manara.records.columns import F8, I8
from manara.records.directory import Area
from manara.records.reports import Domain
from manara.records.tracks import Life, Tracks
from manara.warning.watch import Q_M2PS3

HORIZON_S = 600.0
LEAST = 0.5
LEAVING_MAX = 64


class Leaving(NamedTuple):
    """A track, whose area it enters, in how many seconds at the earliest, how probably."""

    partner: str
    area: str
    track: int
    in_s: float
    probability: float


def leaving(
    tracks: Tracks, areas: tuple[Area, ...], corners: tuple[I8, F8, F8], own: str, now_ns: int
) -> tuple[Leaving, ...]:
    """The soonest first. Confirmed tracks within our own areas of responsibility; none where we publish none.

    ``corners``: of all areas, as kernels/membership.py takes them; straight flight as kernels/entry.py.
    """
    ours = _bits(areas, own, ours=True)
    inside = area_bits(tracks.lat_rad, tracks.lon_rad, *corners)
    some = np.flatnonzero((inside & ours != 0) & (tracks.life == Life.CONFIRMED))
    if not ours or not len(some):
        return ()
    one = tracks.take(some)
    q = np.where(one.domain == Domain.AIR, Q_M2PS3[Domain.AIR], Q_M2PS3[Domain.SEA])
    age_s = np.clip((now_ns - one.time_ns) * 1e-9, 0.0, 600.0)
    horizon_s = np.full(len(one), HORIZON_S)
    who, where, what = entries(
        one.lat_rad, one.lon_rad, one.ve_mps, one.vn_mps, np.ascontiguousarray(one.cov), age_s, horizon_s, q,
        *corners, LEAST,
    )  # fmt: skip
    found = []
    for track, place, (probability, first_s, _) in zip(who.tolist(), where.tolist(), what.tolist(), strict=True):
        area = areas[place]
        there = int(inside[some[track]]) >> place & 1
        if area.responsibility and area.partner != own and not there:
            found.append(Leaving(area.partner, area.id, int(one.track_id[track]), first_s, probability))
    return tuple(sorted(found, key=lambda row: (row.in_s, row.track, row.area))[:LEAVING_MAX])


def _bits(areas: tuple[Area, ...], own: str, ours: bool) -> np.uint64:
    bits = 0
    for place, area in enumerate(areas[:63]):
        if area.responsibility and (area.partner == own) is ours:
            bits |= 1 << place
    return np.uint64(bits)
