"""Since when each track could be told: what "first detection" means in a promise of time.

A track counts from its first detection in the recipient's source view, or from when the rules began to let it go, or
from when the agreement's stream began, whichever came last. The time of its first row's leaving closes it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from manara.records.columns import I8, U8
from manara.records.tracks import Tracks

FIRSTS_MAX = 128  # told in one frame; more are counted, not measured


@dataclass
class Firsts:
    """Of one recipient: tracks sorted, since when each may be told (-1: it may not, or was told), when all began."""

    track: U8 = field(default_factory=lambda: np.zeros(0, np.uint64))
    since_ns: I8 = field(default_factory=lambda: np.zeros(0, np.int64))
    begun_ns: int = -1


def init() -> Firsts:
    """Nothing was seen yet."""
    return Firsts()


def advance(
    state: Firsts, tracks: Tracks, permitted: NDArray[np.bool_], left: U8, now_ns: int
) -> tuple[tuple[int, ...], int]:
    """Since when the tracks waited whose first row leaves now, oldest first, and how many more there are than fit.

    ``permitted`` (n,): the rules let it go, confirmed or not. ``left``: tracks that have a row in this tick's frame.

    >>> state, one = init(), Tracks.blank(1).replace(track_id=np.array([7], np.uint64), born_ns=np.array([5]))
    >>> none, yes = np.zeros(0, np.uint64), np.ones(1, np.bool_)
    >>> advance(state, one.take(np.zeros(0, np.int64)), yes[:0], none, 3)
    ((), 0)
    >>> [advance(state, one, yes, left, now)[0] for left, now in ((none, 9), (one.track_id, 12), (one.track_id, 13))]
    [(), (5,), ()]
    """
    if state.begun_ns < 0:
        state.begun_ns = now_ns
    order = np.argsort(tracks.track_id, kind="stable")
    ids, may = tracks.track_id[order], permitted[order]
    since = np.where(may, np.maximum(tracks.born_ns[order], state.begun_ns), -1)
    told = np.zeros(len(ids), np.bool_)
    if len(state.track) and len(ids):
        at = np.minimum(np.searchsorted(state.track, ids), len(state.track) - 1)
        known = state.track[at] == ids
        before = state.since_ns[at]
        since = np.where(known & may, np.where(before == -1, now_ns, before), since)
        told = known & (before == _TOLD)
    leaves = np.isin(ids, left) & may & ~told
    found = np.sort(since[leaves])
    state.track, state.since_ns = ids, np.where(leaves, _TOLD, since)
    return tuple(found[:FIRSTS_MAX].tolist()), max(len(found) - FIRSTS_MAX, 0)


_TOLD = -2


def dump(state: Firsts) -> dict[str, Any]:
    """Plain values."""
    return {"track": state.track.copy(), "since_ns": state.since_ns.copy(), "begun_ns": state.begun_ns}


def load(plain: dict[str, Any]) -> Firsts:
    """Take what ``dump`` gave."""
    return Firsts(np.array(plain["track"], np.uint64), np.array(plain["since_ns"], np.int64), plain["begun_ns"])
