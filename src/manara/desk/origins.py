"""Whose a row of the picture is: its own node's, a partner's, or made of several. One byte a track, and what it means.

Partners stand by their place: 0 is this node, 1 and up ``Views.partners`` in their order. A place is a bit of
``Views.pedigree``; bit 63 says that somebody contributed who is not named.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from manara.records.inputs import Views
from manara.records.marking import UNKNOWN_BIT

OWN = "own"  # the id of place 0
MOST = 255  # different origins in one frame
_LED = np.uint64(63)  # an id with this bit set is of a row that a partner leads, bits 42 to 47: its place
_PLACE = np.uint64(42)
_NAMED = np.uint64(UNKNOWN_BIT - 1)


class Origin(NamedTuple):
    """Who leads the row, who contributed as far as we know, and whether there is somebody who is not named."""

    leader: int
    places: tuple[int, ...]
    undisclosed: bool


OURS = Origin(0, (0,), False)


class Origins(NamedTuple):
    """``rows`` (n,): which of ``table`` each track has."""

    rows: NDArray[np.uint8]
    table: tuple[Origin, ...]


def origins(views: Views) -> Origins | None:
    """The origin of each track; None for a node that shares with nobody.

    >>> origins(Views()) is None
    True
    """
    pedigree = views.pedigree
    if not views.partners or pedigree is None or len(pedigree) != len(views.tracks):
        return None
    led = leaders(views.tracks.track_id)
    rows, table = _distinct(led, pedigree)
    if len(table) > MOST:  # then only: its leader, us, and others
        own, lead = pedigree & np.uint64(1), np.uint64(1) << led.astype(np.uint64)
        others = np.where(pedigree & ~(own | lead), np.uint64(UNKNOWN_BIT), np.uint64(0)).astype(np.uint64)
        rows, table = _distinct(led, own | pedigree & lead | others)
    return Origins(rows.astype(np.uint8), table)


def leaders(track_id: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """The place of the partner that leads each row, 0 for our own (the form of ids: picture/stage.py, ``init``).

    >>> leaders(np.array([5, 1 << 63 | 2 << 42 | 7], np.uint64)).tolist()
    [0, 2]
    """
    place = track_id >> _PLACE & np.uint64(63)
    return np.where(track_id >> _LED != 0, place, np.uint64(0)).astype(np.uint8)


def origin(views: Views, row: int) -> Origin:
    """The origin of one row."""
    if views.pedigree is None or len(views.pedigree) != len(views.tracks):
        return OURS
    led = int(leaders(views.tracks.track_id[row : row + 1])[0])
    return _read(led, int(views.pedigree[row]))


def name(views: Views, place: int) -> str:
    """The id of a place; its number where nobody stands there any more."""
    if place == 0:
        return OWN
    return views.partners[place - 1].id if place <= len(views.partners) else f"partner-{place}"


def _distinct(led: NDArray[np.uint8], pedigree: NDArray[np.uint64]) -> tuple[NDArray[np.intp], tuple[Origin, ...]]:
    bits, at = np.unique(pedigree, return_inverse=True)
    keys, rows = np.unique(at.astype(np.int64) * 64 + led, return_inverse=True)
    return rows, tuple(_read(int(key % 64), int(bits[key // 64])) for key in keys)


def _read(leader: int, pedigree: int) -> Origin:
    named = pedigree & int(_NAMED)
    return Origin(leader, tuple(k for k in range(63) if named >> k & 1), bool(pedigree & UNKNOWN_BIT))
