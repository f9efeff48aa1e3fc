"""The shadow adversary: what all recipients together could make of the cells that they were told, kept beside release.

::

    cells told ─▶ note ─▶ memory (the newest of each track) ─▶ plan ─▶ the tier that may be told next, or none

One stands beside each stream, for the recipient alone, and one for all who may collude; a cell leaves when both let it.
It assumes the most: that all recipients lay their copies side by side, see through pseudonyms, and that a craft keeps
its course exactly for as long as one straight line fits. Whatever it answers follows from what was told and from the
clock alone, never from where the craft is now: a larger cell, or none, says nothing by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from manara.kernels import grid, straight
from manara.records.columns import F8, I8, U1, U8
from manara.records.reports import Domain

TOLD = 32  # cells of one track that are remembered
TRACKS_MAX = 65_536
FORGOTTEN_NS = 12 * 3_600 * 1_000_000_000
CHANCE = 0.02  # of falling below the promise by the next cell
REACH_MPS = {Domain.UNKNOWN: 350.0, Domain.AIR: 350.0, Domain.SEA: 30.0, Domain.LAND: 60.0}
EPOCH_S = {Domain.UNKNOWN: 128, Domain.AIR: 8, Domain.SEA: 128, Domain.LAND: 64}  # of tier 0; it doubles with the side
PROMISED = 0.125  # of the nominal side
AIM = 0.14  # of it, in the shadow's own plane: what is aimed at so that the promise holds
_REACH = np.array([REACH_MPS[d] for d in Domain]) * 1.5  # metres of a face's plane may be shorter than those on earth
_EPOCH = np.array([EPOCH_S[d] for d in Domain], np.int64)


@dataclass
class Shadow:
    """What was told of each track to anybody in the group, newest last. Sorted by track."""

    track: U8
    boxes: F8  # (n, TOLD, 4): west, east, south, north edge in the plane of the face, metres
    time_ns: I8  # (n, TOLD)
    count: I8
    fit: I8  # how many of the newest one straight course fits
    face: I8
    wide: F8  # metres on the ground for one of the plane, along a and b
    high: F8


def init() -> Shadow:
    """Nothing was told yet."""
    return Shadow(
        np.zeros(0, np.uint64),
        np.zeros((0, TOLD, 4)),
        np.zeros((0, TOLD), np.int64),
        np.zeros(0, np.int64),
        np.zeros(0, np.int64),
        np.zeros(0, np.int64),
        np.ones(0),
        np.ones(0),
    )


def min_epoch_s(domain: int, cell_m: int) -> int:
    """The shortest epoch of a cell's nominal side in a domain: the time in which an ordinary craft crosses about one.

    >>> min_epoch_s(Domain.AIR, 16_000), min_epoch_s(Domain.SEA, 8_000)
    (128, 1024)
    """
    return int(_EPOCH[domain]) << max(grid.tier_of(cell_m), 0)


def promised_radius_m(cell_m: int, epoch_s: int, domain: int) -> float:
    """The radius of the smallest circle that holds nine tenths of where a craft may be, for who knows the cells of a
    tier and all larger ones: at least so many metres, in nine cases of ten, now and looking back.

    An eighth of the side where the epoch is long enough, 0 (no promise) where it is not. A single cell alone is worth
    0.54 of its side; what is lost of it is what a craft on a straight course tells by crossing from cell to cell.

    >>> promised_radius_m(8_000, 1_024, Domain.SEA), promised_radius_m(8_000, 60, Domain.SEA)
    (1000.0, 0.0)
    """
    return PROMISED * cell_m if epoch_s >= min_epoch_s(domain, cell_m) else 0.0


def agree(shadows: Sequence[Shadow], track_id: U8, tier: I8, domain: U1, at_ns: I8) -> I8:
    """The smallest tier from the recipient's own up that all shadows let pass, (n,); −1 where there is none."""
    out, ask = tier.copy(), np.arange(len(tier))
    for _ in range(grid.TIERS):
        held = out[ask]
        for shadow in shadows:
            out[ask] = plan(shadow, track_id[ask], out[ask], domain[ask], at_ns[ask], tier[ask])
        ask = ask[out[ask] != held]  # what one has moved, the others look at again
        if len(ask) == 0 or len(shadows) == 1:
            break
    return out


def plan(shadow: Shadow, track_id: U8, tier: I8, domain: U1, at_ns: I8, promised: I8 | None = None) -> I8:
    """The tier of the cell that each track may be told in at a time, (n,): ``tier``, a larger one, −1 for none.

    ``promised``: the tier whose promise is to hold, where that is not ``tier``; ``at_ns``: the begin of the epoch,
    never before the newest cell told.
    """
    row, known = _rows(shadow, track_id)
    out = np.where((tier >= 0) & (tier < grid.TIERS), tier, -1).astype(np.int64)
    ask = np.flatnonzero(known & (out >= 0))
    if len(ask) == 0:
        return out
    rows = row[ask]
    count = shadow.count[rows]
    newest = shadow.time_ns[rows, count - 1]
    times_s = (shadow.time_ns[rows] - newest[:, np.newaxis]) / 1e9
    aim = AIM * np.array(grid.CELLS_M, np.float64)[np.clip(tier if promised is None else promised, 0, grid.TIERS - 1)]
    answer, fit = np.zeros(len(ask), np.int64), np.zeros(len(ask), np.int64)
    straight.choose(
        np.ascontiguousarray(shadow.boxes[rows]),
        np.ascontiguousarray(times_s),
        count,
        np.maximum(at_ns[ask] - newest, 0) / 1e9,
        out[ask],
        grid.SIDE_M,
        grid.TIERS,
        aim[ask],
        shadow.wide[rows],
        shadow.high[rows],
        _REACH[np.minimum(domain[ask], len(_REACH) - 1)],
        CHANCE,
        answer,
        fit,
    )
    shadow.fit[rows] = fit
    out[ask] = answer
    return out


def note(shadow: Shadow, track_id: U8, cells: U8, at_ns: I8) -> None:
    """Remember that these cells were told of these tracks for these times. In: valid cells, each track once."""
    if len(track_id) == 0:
        return
    if len(shadow.track) + len(track_id) > TRACKS_MAX // 2:
        forget(shadow, int(at_ns.max()))
    _add(shadow, track_id)
    row, known = _rows(shadow, track_id)
    row, cells, at_ns = row[known], cells[known], at_ns[known]
    face, box, wide, high = plane(cells)
    moved = (shadow.face[row] != face) | (shadow.count[row] == 0)
    shadow.count[row[moved]] = 0
    shadow.face[row] = face
    shadow.wide[row], shadow.high[row] = wide, high
    newest = shadow.time_ns[row, shadow.count[row] - 1]
    same = ~moved & (newest >= at_ns)
    _narrow(shadow, row[same], box[same])
    row, box, at_ns = row[~same], box[~same], at_ns[~same]
    _make_room(shadow, row[shadow.count[row] == TOLD])
    shadow.boxes[row, shadow.count[row]] = box
    shadow.time_ns[row, shadow.count[row]] = at_ns
    shadow.count[row] += 1


def plane(cells: U8) -> tuple[I8, F8, F8, F8]:
    """Face, edges (n, 4) in metres of the face's plane, and metres on the ground for one of the plane along both axes.

    On the caps the plane leans; there both scales are the least that occur.

    >>> face, box, wide, high = plane(np.array([0x103020000700005], np.uint64))
    >>> box.round().tolist(), wide.round(2).tolist()
    ([[40018.0, 48022.0, 56025.0, 64029.0]], [0.82])
    """
    _, face, i, j = grid.parts(cells)
    side = 2.0 * grid.half_m(cells)
    box = np.stack([i * side, (i + 1) * side, j * side, (j + 1) * side], axis=1)
    z = np.clip((j + 0.5) * side / grid.FACE_M - 0.5, -0.5, 0.5) / 0.75
    wide = 1.5 * np.pi / 2.0 / np.sqrt(1.5 * np.pi) * np.sqrt(1.0 - z * z)
    cap = face >= grid.NORTH
    return face, box, np.where(cap, grid.NARROWEST, wide), np.where(cap, grid.NARROWEST, 1.0 / wide)


def forget(shadow: Shadow, now_ns: int) -> None:
    """Let go of tracks of which nothing was told for twelve hours."""
    kept = shadow.time_ns[np.arange(len(shadow.track)), shadow.count - 1] > now_ns - FORGOTTEN_NS
    if not kept.all():
        _keep(shadow, np.flatnonzero(kept))


def dump(shadow: Shadow) -> dict[str, Any]:
    """The whole memory as arrays."""
    return {name: getattr(shadow, name).copy() for name in Shadow.__dataclass_fields__}


def load(plain: dict[str, Any]) -> Shadow:
    """Take what ``dump`` gave."""
    return Shadow(**{name: np.array(plain[name]) for name in Shadow.__dataclass_fields__})


def _rows(shadow: Shadow, track_id: U8) -> tuple[I8, Any]:
    if len(shadow.track) == 0:
        return np.zeros(len(track_id), np.int64), np.zeros(len(track_id), np.bool_)
    row = np.minimum(np.searchsorted(shadow.track, track_id), len(shadow.track) - 1)
    return row, shadow.track[row] == track_id


def _narrow(shadow: Shadow, row: I8, box: F8) -> None:
    """A second cell for one time: what lies in both."""
    last = shadow.count[row] - 1
    held = shadow.boxes[row, last]
    low, high = np.maximum(held, box), np.minimum(held, box)
    both = np.stack([low[:, 0], high[:, 1], low[:, 2], high[:, 3]], axis=1)
    sound = (both[:, 0] < both[:, 1]) & (both[:, 2] < both[:, 3])
    shadow.boxes[row, last] = np.where(sound[:, np.newaxis], both, box)


def _make_room(shadow: Shadow, full: I8) -> None:
    """Of a full memory goes what is no part of the newest straight course, else the cell that says least: the
    largest, the oldest of them."""
    sides = shadow.boxes[full, : TOLD - 4, 1] - shadow.boxes[full, : TOLD - 4, 0]
    away = np.where(shadow.fit[full] < TOLD - 1, 0, np.argmax(np.round(sides), axis=1))
    place = np.arange(TOLD - 1)
    take = place + (place >= away[:, np.newaxis])
    shadow.boxes[full, : TOLD - 1] = np.take_along_axis(shadow.boxes[full], take[:, :, np.newaxis], axis=1)
    shadow.time_ns[full, : TOLD - 1] = np.take_along_axis(shadow.time_ns[full], take, axis=1)
    shadow.count[full] = TOLD - 1


def _add(shadow: Shadow, track_id: U8) -> None:
    """Rows for tracks that have none; where there is no room, the longest unheard make it."""
    fresh = np.setdiff1d(track_id, shadow.track)[:TRACKS_MAX]
    if len(fresh) == 0:
        return
    over = len(shadow.track) + len(fresh) - TRACKS_MAX
    if over > 0:
        newest = shadow.time_ns[np.arange(len(shadow.track)), shadow.count - 1]
        _keep(shadow, np.sort(np.argsort(newest, kind="stable")[over:]))
    at = np.searchsorted(shadow.track, fresh)
    shadow.track = np.insert(shadow.track, at, fresh)
    for name in ("boxes", "time_ns", "count", "fit", "face"):
        setattr(shadow, name, np.insert(getattr(shadow, name), at, 0, axis=0))
    shadow.wide, shadow.high = np.insert(shadow.wide, at, 1.0), np.insert(shadow.high, at, 1.0)


def _keep(shadow: Shadow, rows: I8) -> None:
    for name in Shadow.__dataclass_fields__:
        setattr(shadow, name, getattr(shadow, name)[rows])
