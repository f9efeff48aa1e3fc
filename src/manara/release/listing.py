"""What stands at a recipient: a list of records by key, told when it is new, renewed, and taken back.

::

    keys, contents now ─▶ changed? gone? old? ─▶ after its delay, in the room of a tick ─▶ what to tell

A delay is counted from when the content came to be what it is: what changes more often than its delay is not told, and
what was told of it before expires at the recipient. Nothing that waits is kept as a row, so that nothing is told later
than it is true.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from manara.records.columns import I8, U4, U8
from manara.records.released import Rows

_KNOWN = np.dtype(
    [("key", "<u8"), ("now", "<u8"), ("since_ns", "<i8"), ("told", "<u8"), ("told_ns", "<i8"), ("delay_ns", "<i8"),
     ("tag", "<u4")]
)  # fmt: skip


@dataclass
class Listing:
    """Of one table and one recipient, sorted by key. ``now``: content, 0: gone; ``told``: what the recipient has,
    0: nothing."""

    known: Rows = field(default_factory=lambda: np.zeros(0, _KNOWN))


@dataclass(frozen=True, eq=False)
class Telling:
    """What to tell now, (n,): key, content (0: it is gone), and the tag given with it last."""

    key: U8
    content: U8
    tag: U4


def init() -> Listing:
    """Nothing was told.

    >>> held = init(); one = np.ones(1, np.uint64); later = np.full(1, 5, np.int64)
    >>> [len(advance(held, one, one, later, one.astype(np.uint32), t, 10, 10**9).key) for t in (0, 4, 5, 6)]
    [0, 0, 1, 0]
    >>> none = one[:0]; advance(held, none, none, later[:0], none.astype(np.uint32), 20, 10, 10**9).content.tolist()
    []
    >>> advance(held, none, none, later[:0], none.astype(np.uint32), 25, 10, 10**9).content.tolist()
    [0]
    """
    return Listing()


def advance(
    held: Listing, key: U8, content: U8, delay_ns: I8, tag: U4, now_ns: int, room: int, renew_ns: int
) -> Telling:
    """Take what stands now, (n,), keys unique and contents not 0; give what to tell, at most ``room``: what is gone
    first, then what changed, then what was told longest ago."""
    order = np.argsort(key, kind="stable")
    known = _taken(held.known, key[order], content[order], delay_ns[order], tag[order], now_ns)
    known = known[(known["now"] != 0) | (known["told"] != 0)]
    news = (known["now"] != known["told"]) & (now_ns - known["since_ns"] >= known["delay_ns"])
    old = (known["now"] == known["told"]) & (now_ns - known["told_ns"] >= renew_ns)
    due = np.flatnonzero(news | old)
    rank = np.lexsort((np.where(news, known["since_ns"], known["told_ns"])[due], old[due], known["now"][due] != 0))
    pick = np.sort(due[rank[:room]])
    known["told"][pick], known["told_ns"][pick] = known["now"][pick], now_ns
    out = Telling(known["key"][pick].copy(), known["now"][pick].copy(), known["tag"][pick].copy())
    held.known = known
    return out


def _taken(known: Rows, key: U8, content: U8, delay_ns: I8, tag: U4, now_ns: int) -> Rows:
    """What is known, with what stands now in it, sorted by key."""
    known = known.copy()
    there, at = _found(known["key"], key)
    gone = np.ones(len(known), np.bool_)
    gone[at[there]] = False
    fresh = np.zeros(len(known), np.uint64)
    fresh[at[there]] = content[there]
    moved = fresh != known["now"]
    known["now"], known["since_ns"] = fresh, np.where(moved, now_ns, known["since_ns"])
    known["delay_ns"][at[there]], known["tag"][at[there]] = delay_ns[there], tag[there]
    born = np.zeros(int(np.count_nonzero(~there)), _KNOWN)
    born["key"], born["now"], born["since_ns"] = key[~there], content[~there], now_ns
    born["delay_ns"], born["tag"] = delay_ns[~there], tag[~there]
    whole = np.concatenate([known, born])
    return whole[np.argsort(whole["key"], kind="stable")]


def _found(known: U8, key: U8) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    if not len(known):
        return np.zeros(len(key), np.bool_), np.zeros(len(key), np.intp)
    at = np.minimum(np.searchsorted(known, key), len(known) - 1)
    return known[at] == key, at


def hold_back(held: Listing, by_ns: int) -> None:
    """What waits, waits so much longer."""
    waits = held.known["now"] != held.known["told"]
    held.known = held.known.copy()
    held.known["since_ns"] += np.where(waits, by_ns, 0)


def keys(held: Listing) -> U8:
    """Under which keys something stands at the recipient."""
    told: U8 = held.known["key"][held.known["told"] != 0]
    return told


def dump(held: Listing) -> NDArray[np.uint8]:
    """The whole of it as bytes."""
    return np.frombuffer(held.known.tobytes(), np.uint8).copy()


def load(plain: Any) -> Listing:
    """Take what ``dump`` gave."""
    return Listing(np.frombuffer(np.asarray(plain, np.uint8).tobytes(), _KNOWN).copy())
