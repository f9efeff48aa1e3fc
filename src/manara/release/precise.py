"""The precise tier: states of tracks for one recipient, without what is stripped, and what was learned since the last.

::

    tracks that may go ─▶ changed, or a key-frame? ─▶ row, stripped ─▶ increment over its chain ─▶ delay ─▶ leaves
    tracks that went and may not any more, or ended ─▶ a row that says so ──────────────────────────┘

``begin_ns`` of a row: the increment speaks of the time since the row with that ``time_ns``; 0: the row's own state
replaces whatever was known under its number. docs/spec/grid.md tells the other tier.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from manara.kernels import increment
from manara.records.columns import F8, I8, U4, U8
from manara.records.marking import Obligations, Strip
from manara.records.released import ENDED, PRECISE, ROWS_MAX, Rows
from manara.records.reports import Flag
from manara.records.tracks import Tracks
from manara.release import delay
from manara.release.delay import Leaving, Waiting

NS = 1_000_000_000
KEY_S = 30  # each track is told again at least so often
EARLY_S = 10  # or earlier by up to that, so that what was told in one tick is not told again in one
NO_CODE = 0xFFFFFFFF
_SOURCE_FLAGS = Flag.FROM_GROUND | Flag.DEAD_RECKONED | Flag.TIME_ASSUMED | Flag.MANUAL
_IDENTITY_FLAGS = Flag.IDENTITY_CONFLICT | Flag.IDENT
_NO_INCREMENT = int(Strip.ACCURACY | Strip.KINEMATICS)
_COLUMNS = (
    ("track", "u8"), ("number", "u8"), ("strip", "u4"), ("tag", "u4"), ("flags", "u4"), ("life", "u1"),
    ("first_ns", "i8"), ("sent_ns", "i8"), ("updated_ns", "i8"), ("delay_ns", "i8"), ("chain_ns", "i8"),
)  # fmt: skip
_KNOWN = np.dtype([(name, kind) for name, kind in _COLUMNS] + [("mean", "f8", (5,)), ("cov", "f8", (10,))])


@dataclass
class PreciseState:
    """Of one recipient: what each track's last row said (sorted by track), and what waits."""

    known: Rows = field(default_factory=lambda: np.zeros(0, _KNOWN))
    waiting: Waiting = field(default_factory=lambda: delay.init(PRECISE))
    ending: Waiting = field(default_factory=lambda: delay.init(ENDED))


@dataclass(frozen=True, eq=False)
class Told:
    """What leaves at a tick: rows of PRECISE, rows of ENDED."""

    precise: Leaving
    ended: Leaving


def init() -> PreciseState:
    """Nothing was told yet."""
    return PreciseState()


def advance(
    state: PreciseState,
    tracks: Tracks,
    chosen: NDArray[np.bool_],
    obligations: Obligations,
    pseudonym: U8,
    now_ns: int,
    sources: U4 | None = None,
    tag: U4 | None = None,
    room: int = ROWS_MAX,
) -> Told:
    """Rows of the tracks that have something new to tell, and of those of which nothing more is told.

    ``chosen`` (n,): the rule lets it go, now, and to the precise tier (cell_m 0). ``pseudonym``: the recipient's
    numbers. ``sources`` (n,): bits of the sources named in the agreement. ``tag``: any number for each track, given
    back with its rows. ``room``: no more rows than that; the longest untold go first, the others at the next tick.
    """
    tags = np.zeros(len(tracks), np.uint32) if tag is None else tag
    chosen = chosen & (obligations.cell_m == 0) & np.isfinite(tracks.lat_rad) & np.isfinite(tracks.lon_rad)
    delay.decide_again(state.waiting, tracks.track_id, chosen, tags)
    order = np.flatnonzero(chosen)
    order = order[np.argsort(tracks.track_id[order], kind="stable")]
    _end(state, tracks, order, pseudonym, now_ns)
    known = _align(state, tracks, order)
    due = _due(known, tracks, order, obligations, now_ns)
    if len(due) > room:
        due = np.sort(due[np.argsort(known["sent_ns"][due], kind="stable")[:room]])
    pick = order[due]
    rows = _rows(tracks, pick, obligations, pseudonym, sources)
    _tell(known, due, rows, tracks, pick, obligations, tags, now_ns)
    state.known = known[known["sent_ns"] > 0]
    delay.push(state.waiting, rows, tracks.track_id[pick], tags[pick], _leave_ns(rows, known["delay_ns"][due], now_ns))
    return Told(delay.pop(state.waiting, now_ns), delay.pop(state.ending, now_ns))


def hold_back(state: PreciseState, by_ns: int, now_ns: int) -> None:
    """What waits, waits so much longer; ``now_ns``: of the last tick. A track whose first row waits counts as untold
    for so much longer too."""
    delay.hold_back(state.waiting, by_ns)
    delay.hold_back(state.ending, by_ns)
    known = state.known.copy()
    known["first_ns"] += np.where(known["first_ns"] + known["delay_ns"] > now_ns, by_ns, 0)
    state.known = known


def drop(state: PreciseState) -> int:
    """Forget all that was told and all that waits (a suspension, an end); how many rows waited. What was withheld is
    not sent later, and what comes after begins anew."""
    state.known = np.zeros(0, _KNOWN)
    return delay.drop(state.waiting) + delay.drop(state.ending)


def dump(state: PreciseState) -> dict[str, Any]:
    """The whole state as arrays."""
    known = np.frombuffer(state.known.tobytes(), np.uint8).copy()
    return {"known": known, "waiting": delay.dump(state.waiting), "ending": delay.dump(state.ending)}


def load(plain: dict[str, Any]) -> PreciseState:
    """Take what ``dump`` gave."""
    known = np.frombuffer(np.asarray(plain["known"], np.uint8).tobytes(), _KNOWN).copy()
    return PreciseState(known, delay.load(plain["waiting"], PRECISE), delay.load(plain["ending"], ENDED))


def of_rows(rows: Rows) -> tuple[F8, F8, F8, F8, F8]:
    """What ``kernels.increment`` takes of rows of PRECISE, on either side: q (n,), places (n, 6), covariances (n, 10),
    gains (n, 10) and what they moved (n, 4)."""
    lat, lon = rows["lat_rad"], rows["lon_rad"]
    flat = np.cos(lat)
    height = np.nan_to_num(rows["alt_m"].astype(np.float64))
    velocity = np.nan_to_num(np.stack([rows["ve_mps"], rows["vn_mps"]], axis=1).astype(np.float64))
    place = np.column_stack([flat * np.cos(lon), flat * np.sin(lon), np.sin(lat), height, velocity])
    q = increment.q_of(rows["kind"].astype(np.int64), rows["domain"].astype(np.int64))
    wide = [np.ascontiguousarray(rows[name], np.float64) for name in ("cov", "gain", "moved")]
    return q, np.ascontiguousarray(place), wide[0], wide[1], wide[2]


def _end(state: PreciseState, tracks: Tracks, order: I8, pseudonym: U8, now_ns: int) -> None:
    """Tracks that are told no more, or under another number from now on: one row says so. Of a track whose every row
    was struck while it waited nothing was told, so nothing says that it ended."""
    known = state.known
    ids = tracks.track_id[order]
    at = np.minimum(np.searchsorted(ids, known["track"]), max(len(ids) - 1, 0))
    lives = np.zeros(len(known), np.bool_) if len(ids) == 0 else ids[at] == known["track"]
    same = lives.copy()
    same[lives] = pseudonym[order[at[lives]]] == known["number"][lives]
    gone = known[~same]
    denied = np.isin(gone["track"], tracks.track_id) & ~lives[~same]
    gone = gone[~(denied & (gone["first_ns"] + gone["delay_ns"] > now_ns))]
    rows = np.zeros(len(gone), ENDED)
    rows["track"], rows["time_ns"] = gone["number"], now_ns
    delay.push(state.ending, rows, gone["track"], gone["tag"], now_ns + gone["delay_ns"])
    state.known = known[same]


def _align(state: PreciseState, tracks: Tracks, order: I8) -> Rows:
    """What is known of each track that may go, in their order; blank where nothing was told yet."""
    ids = tracks.track_id[order]
    out = np.zeros(len(order), _KNOWN)
    if len(state.known) and len(ids):
        at = np.searchsorted(ids, state.known["track"])
        out[at] = state.known
    out["track"] = ids
    return out


def _due(known: Rows, tracks: Tracks, order: I8, obligations: Obligations, now_ns: int) -> I8:
    """Places in ``order`` of the tracks that have a row now."""
    strip = obligations.strip[order]
    never = known["sent_ns"] == 0
    changed = tracks.updated_ns[order] > known["updated_ns"]
    changed |= tracks.life[order] != known["life"]
    changed |= tracks.flags[order] != known["flags"]
    other = strip != known["strip"]
    key = now_ns - known["sent_ns"] >= KEY_S * NS - _early_ns(known, tracks, order)
    rate_ns = np.maximum(obligations.rate_s, obligations.epoch_s)[order].astype(np.int64) * NS
    rested = now_ns - known["sent_ns"] >= rate_ns
    return np.flatnonzero(never | (rested & (changed | other | key)))


def _leave_ns(rows: Rows, delay_ns: I8, now_ns: int) -> I8:
    """When rows leave, (n,): a delay counts from now, or from the row's own time where a sensor's clock is ahead."""
    return np.where(delay_ns > 0, np.maximum(rows["time_ns"], now_ns) + delay_ns, now_ns)


def _early_ns(known: Rows, tracks: Tracks, order: I8) -> I8:
    """How much earlier a key-frame comes: drawn from the state that it tells, so that recipients who were told the same
    get the next one in the same tick (their rows lie on disk once), and its moment says no more than its row. Any two
    tracks that were told in one tick part company within a few rounds."""
    with np.errstate(over="ignore"):
        drawn = known["sent_ns"].astype(np.uint64) ^ tracks.updated_ns[order].astype(np.uint64)
        drawn = (drawn ^ np.ascontiguousarray(tracks.lat_rad[order]).view(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        drawn = (drawn ^ drawn >> np.uint64(32)) * np.uint64(0xD6E8FEB86659FD93)
    return (drawn >> np.uint64(40)).astype(np.int64) % (EARLY_S + 1) * NS


def _rows(tracks: Tracks, pick: I8, obligations: Obligations, pseudonym: U8, sources: U4 | None) -> Rows:
    """Rows as they are told, without increments: what is stripped is not there in any form."""
    rows = np.zeros(len(pick), PRECISE)
    rows["track"] = pseudonym[pick]
    for name in ("time_ns", "updated_ns", "identity", "lat_rad", "lon_rad", "alt_m", "alt_ref", "ve_mps", "vn_mps",
                 "vu_mps", "heading_rad", "cov", "mode_3a", "flags", "kind", "domain", "life"):  # fmt: skip
        rows[name] = getattr(tracks, name)[pick]
    rows["sources"] = 0 if sources is None else sources[pick]
    strip = obligations.strip[pick]
    _blank(rows, strip, Strip.IDENTITY, {"identity": 0, "mode_3a": NO_CODE}, _IDENTITY_FLAGS)
    _blank(rows, strip, Strip.HEIGHT, {"alt_m": np.nan, "vu_mps": np.nan, "alt_ref": 0})
    kinematics = ("ve_mps", "vn_mps", "vu_mps", "heading_rad")
    _blank(rows, strip, Strip.KINEMATICS, dict.fromkeys(kinematics, np.nan))
    _blank(rows, strip, Strip.ACCURACY, {"cov": 0.0})
    _blank(rows, strip, Strip.SOURCE, {"sources": 0}, _SOURCE_FLAGS)
    _blank(rows, strip, Strip.KIND, {"kind": 0})
    still = strip & np.uint32(Strip.KINEMATICS) != 0
    rows["cov"][np.ix_(still, [2, 3, 5, 6, 7, 8, 9])] = 0.0
    return rows


def _blank(rows: Rows, strip: U4, bit: Strip, columns: dict[str, float], flags: Flag = Flag.NONE) -> None:
    where = strip & np.uint32(bit) != 0
    for name, value in columns.items():
        rows[name][where] = value
    rows["flags"][where] &= ~np.uint32(int(flags))


def _tell(
    known: Rows, due: I8, rows: Rows, tracks: Tracks, pick: I8, obligations: Obligations, tags: U4, now_ns: int
) -> None:
    """Put increments into the rows, and what was told into ``known``."""
    one = known[due]
    strip = obligations.strip[pick]
    anew = (strip != one["strip"]) | (one["number"] != rows["track"]) | (strip & np.uint32(_NO_INCREMENT) != 0)
    q, place, told, gain, moved = of_rows(rows)
    mean, cov, chain_ns = (np.ascontiguousarray(one[name]) for name in ("mean", "cov", "chain_ns"))
    begin_ns = np.zeros(len(rows), np.int64)
    time_ns = np.ascontiguousarray(rows["time_ns"])
    exact = np.ascontiguousarray(tracks.cov[pick])
    increment.increments(
        mean, cov, chain_ns, anew.astype(np.int64), q, place, told, exact, time_ns, gain, moved, begin_ns
    )
    rows["begin_ns"], rows["gain"], rows["moved"] = begin_ns, gain, moved
    one["mean"], one["cov"], one["chain_ns"] = mean, cov, chain_ns
    one["number"], one["strip"], one["tag"] = rows["track"], strip, tags[pick]
    one["first_ns"] = np.where(one["sent_ns"] == 0, now_ns, one["first_ns"])
    one["sent_ns"], one["updated_ns"] = now_ns, tracks.updated_ns[pick]
    one["life"], one["flags"] = tracks.life[pick], tracks.flags[pick]
    one["delay_ns"] = obligations.delay_s[pick].astype(np.int64) * NS
    known[due] = one
