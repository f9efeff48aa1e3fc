"""Rows that wait inside release until their delay is over, and rows that leave.

A row that waits is decided upon again: what may not go when its time comes is dropped, not delivered later. The queue
is bounded; what does not fit is counted and not sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from manara.records.columns import I8, U4, U8
from manara.records.released import Rows

WAITING_MAX = 262_144  # rows of one table of one recipient


@dataclass(frozen=True, eq=False)
class Leaving:
    """Rows that leave now, (n,). ``subjects``: the node's own tracks, under whose keys the rows are kept; ``tag``: what
    the caller gave with them when they were last decided upon (which of its terms they go under)."""

    rows: Rows
    subjects: U8
    tag: U4

    def __len__(self) -> int:
        return len(self.rows)


@dataclass
class Waiting:
    """Rows of one table that wait. ``refused``: how many found the queue full."""

    rows: Rows
    subjects: U8
    tag: U4
    due_ns: I8
    refused: int = 0


def init(dtype: np.dtype[np.void]) -> Waiting:
    """Nothing waits.

    >>> from manara.records.released import ENDED
    >>> len(pop(init(ENDED), 0))
    0
    """
    return Waiting(np.zeros(0, dtype), np.zeros(0, np.uint64), np.zeros(0, np.uint32), np.zeros(0, np.int64))


def push(waiting: Waiting, rows: Rows, subjects: U8, tag: U4, due_ns: I8) -> None:
    """Let rows wait until their time; those beyond the bound are refused, the newest first."""
    room = max(WAITING_MAX - len(waiting.rows), 0)
    waiting.refused += max(len(rows) - room, 0)
    if len(waiting.rows) == 0:
        waiting.rows, waiting.subjects = rows[:room], subjects[:room]
        waiting.tag, waiting.due_ns = tag[:room], due_ns[:room]
        return
    waiting.rows = np.concatenate([waiting.rows, rows[:room]])
    waiting.subjects = np.concatenate([waiting.subjects, subjects[:room]])
    waiting.tag = np.concatenate([waiting.tag, tag[:room]])
    waiting.due_ns = np.concatenate([waiting.due_ns, due_ns[:room]])


def decide_again(waiting: Waiting, track_id: U8, chosen: Any, tag: U4) -> int:
    """The decision on tracks that live, (n,), strikes those of their rows that may not go any more; how many rows.

    Rows of tracks that are not among them (they have ended) stand by the last decision.
    """
    if len(waiting.rows) == 0 or len(track_id) == 0:
        return 0
    order = np.argsort(track_id, kind="stable")
    ids = track_id[order]
    at = np.minimum(np.searchsorted(ids, waiting.subjects), len(ids) - 1)
    there = ids[at] == waiting.subjects
    which = order[at]
    waiting.tag = np.where(there, tag[which], waiting.tag)
    kept = ~there | chosen[which]
    _keep(waiting, kept)
    return int(len(kept) - kept.sum())


def pop(waiting: Waiting, now_ns: int) -> Leaving:
    """What leaves at this tick, in the order in which it came."""
    due = waiting.due_ns <= now_ns
    if due.all():  # as it mostly is: nothing is copied
        out = Leaving(waiting.rows, waiting.subjects, waiting.tag)
        _keep(waiting, slice(0, 0))
        return out
    out = Leaving(waiting.rows[due], waiting.subjects[due], waiting.tag[due])
    if due.any():
        _keep(waiting, ~due)
    return out


def hold_back(waiting: Waiting, by_ns: int) -> None:
    """All that waits, waits so much longer: the clock leapt ahead, or nobody knows how long the node was off."""
    waiting.due_ns = waiting.due_ns + by_ns


def drop(waiting: Waiting) -> int:
    """Forget all that waits; how many rows that were."""
    dropped = len(waiting.rows)
    _keep(waiting, np.zeros(dropped, np.bool_))
    return dropped


def dump(waiting: Waiting) -> dict[str, Any]:
    """The whole queue as arrays and a number."""
    return {
        "rows": np.frombuffer(waiting.rows.tobytes(), np.uint8).copy(),
        "subjects": waiting.subjects.copy(),
        "tag": waiting.tag.copy(),
        "due_ns": waiting.due_ns.copy(),
        "refused": waiting.refused,
    }


def load(plain: dict[str, Any], dtype: np.dtype[np.void]) -> Waiting:
    """Take what ``dump`` gave, of the same table."""
    rows = np.frombuffer(np.asarray(plain["rows"], np.uint8).tobytes(), dtype).copy()
    subjects, tag, due_ns = (np.array(plain[name]) for name in ("subjects", "tag", "due_ns"))
    return Waiting(rows, subjects, tag, due_ns, int(plain["refused"]))


def _keep(waiting: Waiting, kept: Any) -> None:
    waiting.rows, waiting.subjects = waiting.rows[kept], waiting.subjects[kept]
    waiting.tag, waiting.due_ns = waiting.tag[kept], waiting.due_ns[kept]
