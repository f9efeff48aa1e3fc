"""Numbers under which a recipient knows tracks: its own, the same for one period, unlinked with those of the next.

A number is a keyed hash (BLAKE2b, RFC 7693) of recipient, track, length and index of the period under a secret of the
node: whoever lacks the secret can neither compute nor reverse it. At home a bounded table leads back, for recalls. A
recipient may still link two periods by where a craft is; the grid's page says so.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from manara.records.agreement import FOREVER_S
from manara.records.columns import I8, U4, U8

NS = 1_000_000_000
KEPT_MAX = 262_144  # numbers of one recipient that lead back to their tracks
_BACK = np.dtype([("number", "<u8"), ("track", "<u8"), ("since_ns", "<i8")])


@dataclass
class Pseudonyms:
    """Of one recipient. Sorted by track: the number that each has now; ``back``: all that were given, in order."""

    track: U8 = field(default_factory=lambda: np.zeros(0, np.uint64))
    period_s: U4 = field(default_factory=lambda: np.zeros(0, np.uint32))
    index: I8 = field(default_factory=lambda: np.zeros(0, np.int64))
    number: U8 = field(default_factory=lambda: np.zeros(0, np.uint64))
    back: Any = field(default_factory=lambda: np.zeros(0, _BACK))


def init() -> Pseudonyms:
    """No number was given yet."""
    return Pseudonyms()


def pseudonym(secret: bytes, recipient: str, track: int, period_s: int, index: int) -> int:
    """The number of one track for one recipient and period; never 0.

    >>> one = pseudonym(b"k" * 32, "belora", 7, 3600, 480_000)
    >>> one == pseudonym(b"k" * 32, "belora", 7, 3600, 480_000), one == pseudonym(b"k" * 32, "corvia", 7, 3600, 480_000)
    (True, False)
    """
    keyed = hashlib.blake2b(key=secret[:64], digest_size=8, person=b"manara/pseudo/v1")
    keyed.update(recipient.encode() + b"\x00")
    return _number(keyed, track, period_s, index)


def periods(period_s: U4, now_ns: int) -> I8:
    """Index of the period in which a time lies, (n,): counted from 1970 in absolute time; 0 where it never ends.

    >>> periods(np.array([3600, FOREVER_S], np.uint32), 7_200 * NS).tolist()
    [2, 0]
    """
    seconds = np.maximum(period_s.astype(np.int64), 1)
    return np.where(period_s == FOREVER_S, 0, now_ns // NS // seconds)


def advance(state: Pseudonyms, secret: bytes, recipient: str, track_id: U8, period_s: U4, now_ns: int) -> U8:
    """The numbers of tracks at a time, (n,) uint64. Each track at most once.

    ``period_s``: obligations.pseudonym_s. ``recipient``: whatever scope must not share numbers (a stream's name). What
    a track has is kept for as long as it is asked for; only new tracks and new periods cost a hash (about 1.5 µs).
    """
    order = np.argsort(track_id, kind="stable")
    ids, period = track_id[order], period_s[order]
    index = periods(period, now_ns)
    numbers = np.zeros(len(ids), np.uint64)
    if len(state.track) and len(ids):
        at = np.minimum(np.searchsorted(state.track, ids), len(state.track) - 1)
        same = (state.track[at] == ids) & (state.period_s[at] == period) & (state.index[at] == index)
        numbers[same] = state.number[at[same]]
    fresh = np.flatnonzero(numbers == 0)
    if len(fresh):
        numbers[fresh] = _numbers(secret, recipient, ids[fresh], period[fresh], index[fresh])
        given = np.zeros(len(fresh), _BACK)
        given["number"], given["track"], given["since_ns"] = numbers[fresh], ids[fresh], now_ns
        state.back = np.concatenate([state.back, given])[-KEPT_MAX:]
    state.track, state.period_s, state.index, state.number = ids, period, index, numbers
    out = np.zeros(len(ids), np.uint64)
    out[order] = numbers
    return out


def tracks_of(state: Pseudonyms, numbers: U8) -> U8:
    """The tracks behind numbers that this recipient was given, (n,); 0 where the number is not known (any more)."""
    if len(state.back) == 0:
        return np.zeros(len(numbers), np.uint64)
    order = np.argsort(state.back["number"], kind="stable")
    known = state.back["number"][order]
    at = np.minimum(np.searchsorted(known, numbers), len(known) - 1)
    return np.where(known[at] == numbers, state.back["track"][order[at]], 0).astype(np.uint64)


def numbers_of(state: Pseudonyms, track: int, since_ns: int = 0) -> U8:
    """All numbers that a track was given since a time, for a recall; older ones than are kept are not among them."""
    which = (state.back["track"] == track) & (state.back["since_ns"] >= since_ns)
    return np.unique(state.back["number"][which])


def dump(state: Pseudonyms) -> dict[str, Any]:
    """The whole state as arrays; the secret is not in it."""
    plain = {name: getattr(state, name).copy() for name in ("track", "period_s", "index", "number")}
    return {**plain, "back": np.frombuffer(state.back.tobytes(), np.uint8).copy()}


def load(plain: dict[str, Any]) -> Pseudonyms:
    """Take what ``dump`` gave."""
    track, period_s, index, number = (np.array(plain[name]) for name in ("track", "period_s", "index", "number"))
    back = np.frombuffer(np.asarray(plain["back"], np.uint8).tobytes(), _BACK).copy()
    return Pseudonyms(track, period_s, index, number, back)


def _numbers(secret: bytes, recipient: str, track: U8, period_s: U4, index: I8) -> U8:
    keyed = hashlib.blake2b(key=secret[:64], digest_size=8, person=b"manara/pseudo/v1")
    keyed.update(recipient.encode() + b"\x00")
    rows = zip(track.tolist(), period_s.tolist(), index.tolist(), strict=True)
    return np.array([_number(keyed, *row) for row in rows], np.uint64)


def _number(keyed: Any, track: int, period_s: int, index: int) -> int:
    one = keyed.copy()
    one.update(track.to_bytes(8, "little") + period_s.to_bytes(4, "little") + index.to_bytes(8, "little"))
    return int.from_bytes(one.digest(), "little") or 1
