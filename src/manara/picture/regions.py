"""What partners told within a cell: shown as a square that grows until the next word, never filtered as a plot.

A coarse row says: at the begin of its epoch something lay in this cell. Since then it has moved at most as fast as
craft of its kind do; so far, and no farther, the square grows. Which tracks lie in it is counted and nothing more: a
region joins nothing and moves nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from manara.kernels import correlate, grid
from manara.picture.partners import SECOND_NS, Partner, PartnerRows, manners
from manara.records.columns import F8, I8
from manara.records.partners import Regions
from manara.records.tracks import Tracks

REGIONS_MAX = 16_384  # of one partner
EPOCHS_SHOWN = 2  # after its receipt: one missed word is borne
HALF_M_MAX = 20_000_000.0
PAIRS_MAX = 20_000_000  # tracks times regions that are counted at a time


def take(one: Partner, rows: PartnerRows, now_ns: int) -> None:
    """Take in a partner's coarse rows: of each track the newest epoch stands, until the partner says that it ended."""
    told = rows.coarse
    if len(rows.ended) and len(one.regions):
        one.regions = one.regions.take(~np.isin(one.regions.track, rows.ended["track"]))
    if len(told) == 0:
        return
    good = grid.valid(told["cell"].astype(np.uint64))
    one.refuse("cell", int((~good).sum()))
    told = told[good]
    if len(told) == 0:
        return
    lat_rad, lon_rad, half_m = square(told["cell"].astype(np.uint64))
    until_ns = min(rows.received_ns, now_ns) + EPOCHS_SHOWN * told["epoch_s"].astype(np.int64) * SECOND_NS
    new = Regions.blank(len(told)).replace(
        track=told["track"].astype(np.uint64),
        partner=np.full(len(told), rows.partner, np.uint16),
        cell=told["cell"].astype(np.uint64),
        lat_rad=lat_rad,
        lon_rad=lon_rad,
        half_m=half_m,
        epoch_ns=np.minimum(told["epoch_ns"], now_ns).astype(np.int64),
        until_ns=until_ns,
        kind=told["kind"].copy(),
        domain=told["domain"].copy(),
    )
    joined = Regions.join([one.regions, new])
    order = np.lexsort((np.arange(len(joined)), joined.epoch_ns, joined.track))
    joined = joined.take(order)
    last = np.append(joined.track[1:] != joined.track[:-1], True)
    joined = joined.take(last)
    over = len(joined) - REGIONS_MAX
    if over > 0:
        one.refuse("crowded", over)
        joined = joined.take(np.sort(np.argsort(-joined.epoch_ns, kind="stable")[:REGIONS_MAX]))
    one.regions = joined


def square(cells: NDArray[np.uint64]) -> tuple[F8, F8, F8]:
    """Centre of each cell and half the side of the square, east and north, that holds all of it: (n,), radians and m.

    >>> [round(float(v[0]), 3) for v in square(np.array([0x103020000700005], np.uint64))]
    [-0.72, 0.007, 4895.381]
    """
    lat_rad, lon_rad = grid.centre(cells)
    return lat_rad, lon_rad, correlate.squares(lat_rad, lon_rad, *grid.corners(cells))


def shown(partners: dict[int, Partner], now_ns: int) -> Regions:
    """All regions that still stand, widened to now. One of a track that is also told precisely is not shown."""
    out = []
    for _, one in sorted(partners.items()):
        old = one.regions.until_ns < now_ns
        if old.any():
            one.regions = one.regions.take(~old)
        if len(one.regions):
            out.append(one.regions.take(~np.isin(one.regions.track, one.held.track)))
    every = Regions.join(out)
    age_s = np.maximum(now_ns - every.epoch_ns, 0) / SECOND_NS
    reach_mps = manners(every.kind, every.domain)[:, 3]
    return every.replace(half_m=np.minimum(every.half_m + reach_mps * age_s, HALF_M_MAX))


def counts(regions: Regions, tracks: Tracks) -> I8:
    """How many tracks could be what each region speaks of, (m,); −1 for those beyond ``PAIRS_MAX``."""
    centre, at = _points(regions.lat_rad, regions.lon_rad), _points(tracks.lat_rad, tracks.lon_rad)
    domains = regions.domain.astype(np.int64), tracks.domain.astype(np.int64)
    return correlate.within(centre, regions.half_m, domains[0], at, domains[1], PAIRS_MAX)


def could_be(regions: Regions, row: int, tracks: Tracks) -> NDArray[np.bool_]:
    """Which tracks could be what one region speaks of, (n,)."""
    centre = _points(regions.lat_rad[row : row + 1], regions.lon_rad[row : row + 1])[0]
    at, domains = _points(tracks.lat_rad, tracks.lon_rad), tracks.domain.astype(np.int64)
    half_m, domain = float(regions.half_m[row]), int(regions.domain[row])
    x, y, z = (float(part) for part in centre)
    return correlate.in_square(x, y, z, half_m, domain, at, domains)


def _points(lat_rad: F8, lon_rad: F8) -> F8:
    """n-vectors, (n, 3)."""
    cos = np.cos(lat_rad)
    return np.ascontiguousarray(np.stack([cos * np.cos(lon_rad), cos * np.sin(lon_rad), np.sin(lat_rad)], axis=1))
