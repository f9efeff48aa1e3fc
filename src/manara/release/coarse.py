"""The coarse tier: of each track one cell for each epoch, sent after the epoch's end, and nothing else.

::

    tracks ─▶ begin of an epoch: the cell in which it is then ─▶ waits ─▶ end of the epoch + delay: a row leaves

Nothing that happens inside an epoch shows in it or in when it leaves. A row is decided upon again when it leaves: what
may not go then is dropped, not delivered later. docs/spec/grid.md tells cells and epochs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from manara.kernels import grid
from manara.records.columns import I8, U4, U8
from manara.records.identity import Space
from manara.records.marking import Obligations, Strip
from manara.records.released import COARSE, Rows
from manara.records.reports import Domain
from manara.records.tracks import Tracks
from manara.release import adversary
from manara.release.adversary import EPOCH_S, Shadow

WAITING_MAX = 262_144  # rows of one recipient between their epoch's begin and their leaving
EPOCH_MAX_S = 1 << 20
LATE_S = 10  # a track first seen so long after an epoch's begin waits for the next
NS = 1_000_000_000
_EPOCH = np.array([EPOCH_S[d] for d in Domain], np.int64)
_SLOT = np.dtype([("row", COARSE), ("subject", "<u8"), ("due_ns", "<i8"), ("tag", "<u4"), ("told", "u1")])


@dataclass
class CoarseState:
    """Of one recipient: what waits, and the last epoch that each track was asked about."""

    waiting: Rows = field(default_factory=lambda: np.zeros(0, _SLOT))
    seen: U8 = field(default_factory=lambda: np.zeros(0, np.uint64))  # tracks, sorted
    seen_ns: I8 = field(default_factory=lambda: np.zeros(0, np.int64))  # begin of the last epoch of each
    own: Shadow = field(default_factory=adversary.init)  # of this recipient alone


@dataclass(frozen=True, eq=False)
class Leaving:
    """Rows that leave now. ``subjects``: whose they are; ``tag``: what the caller gave with them when they were last
    decided upon."""

    rows: Rows
    subjects: U8
    tag: U4


def init() -> CoarseState:
    """Nothing waits."""
    return CoarseState()


def epochs_s(domain: NDArray[np.uint8], tier: I8, wish_s: I8) -> I8:
    """The epoch of each row: the shortest of domain and tier, doubled until it is as long as wished, (n,) seconds.

    >>> epochs_s(np.array([1, 2], np.uint8), np.array([4, 4]), np.array([0, 3_000])).tolist()
    [128, 4096]
    """
    known = np.minimum(domain, len(_EPOCH) - 1)
    epoch = np.minimum(np.left_shift(_EPOCH[known], np.clip(tier, 0, grid.TIERS - 1)), EPOCH_MAX_S)
    wish = np.minimum(wish_s, EPOCH_MAX_S)
    for _ in range(20):
        epoch = np.where(epoch < wish, epoch * 2, epoch)
    return np.asarray(epoch)


def tiers(cell_m: U4) -> I8:
    """The tier of each obligation: that of its side, or of the next larger side there is; TIERS where none is.

    >>> tiers(np.array([1000, 10_000, 2_000_000], np.uint32)).tolist()
    [0, 4, 11]
    """
    return np.searchsorted(np.array(grid.CELLS_M), cell_m.astype(np.int64)).astype(np.int64)


def advance(
    state: CoarseState,
    tracks: Tracks,
    chosen: NDArray[np.bool_],
    obligations: Obligations,
    pseudonym: U8,
    now_ns: int,
    shadow: Shadow | None = None,
    tag: U4 | None = None,
) -> Leaving:
    """Take what has to be taken at an epoch's begin, and give what leaves now.

    ``chosen`` (n,): the rule lets it go, now, and to the coarse tier (cell_m > 0). ``pseudonym``: the recipient's
    numbers for the tracks. ``shadow``: of the group of recipients that may collude; None: this one keeps to itself.
    ``tag``: any number for each track, given back with its rows. Call it at each tick; a tick that comes later than
    ten seconds (or half an epoch) after an epoch's begin leaves that epoch out.
    """
    tags = np.zeros(len(tracks), np.uint32) if tag is None else tag
    chosen = chosen & (obligations.cell_m > 0) & np.isfinite(tracks.lat_rad) & np.isfinite(tracks.lon_rad)
    _decide_again(state, tracks, chosen, tags)
    _sample(state, tracks, chosen, obligations, pseudonym, now_ns, shadow, tags)
    due = state.waiting["due_ns"] <= now_ns
    gone = state.waiting[due & (state.waiting["told"] == 1)]
    state.waiting = state.waiting[~due]
    return Leaving(gone["row"].copy(), gone["subject"].copy(), gone["tag"].copy())


def hold_back(state: CoarseState, by_ns: int) -> None:
    """What waits, waits so much longer."""
    state.waiting = state.waiting.copy()
    state.waiting["due_ns"] += by_ns


def drop(state: CoarseState) -> int:
    """Forget all that waits (a suspension, an end); how many rows that were. What was withheld is not sent later."""
    dropped = len(state.waiting)
    state.waiting = np.zeros(0, _SLOT)
    return dropped


def void(tracks: Tracks) -> NDArray[np.bool_]:
    """Which tracks tell everyone where they are, (n,): they carry an identity that is broadcast in the open (AIS,
    ADS-B), so that a coarse cell hides nothing from whoever listens. The operator is to be warned."""
    space = tracks.identity >> np.uint64(56)
    return np.asarray((space == Space.MMSI) | (space == Space.ICAO24))


def dump(state: CoarseState) -> dict[str, Any]:
    """The whole state as arrays."""
    flat = np.frombuffer(state.waiting.tobytes(), np.uint8)
    own = adversary.dump(state.own)
    return {"waiting": flat.copy(), "seen": state.seen.copy(), "seen_ns": state.seen_ns.copy(), "own": own}


def load(plain: dict[str, Any]) -> CoarseState:
    """Take what ``dump`` gave."""
    waiting = np.frombuffer(np.asarray(plain["waiting"], np.uint8).tobytes(), _SLOT).copy()
    return CoarseState(waiting, np.array(plain["seen"]), np.array(plain["seen_ns"]), adversary.load(plain["own"]))


def _decide_again(state: CoarseState, tracks: Tracks, chosen: NDArray[np.bool_], tags: U4) -> None:
    """What waits follows the newest decision on its track; that a track has ended is told at the epoch's end only."""
    if len(state.waiting) == 0 or len(tracks) == 0:
        return
    order = np.argsort(tracks.track_id, kind="stable")
    ids = tracks.track_id[order]
    at = np.minimum(np.searchsorted(ids, state.waiting["subject"]), len(ids) - 1)
    there = ids[at] == state.waiting["subject"]
    rows = order[at[there]]
    state.waiting["told"][there] = chosen[rows]
    state.waiting["tag"][there] = tags[rows]


def _sample(
    state: CoarseState,
    tracks: Tracks,
    chosen: NDArray[np.bool_],
    obligations: Obligations,
    pseudonym: U8,
    now_ns: int,
    shadow: Shadow | None,
    tags: U4,
) -> None:
    """The cells of tracks whose epoch has just begun join what waits."""
    tier = tiers(obligations.cell_m)
    wish = np.maximum(obligations.epoch_s, obligations.rate_s).astype(np.int64)
    epoch_s = epochs_s(tracks.domain, tier, wish)
    begin_ns = now_ns // (epoch_s * NS) * (epoch_s * NS)
    fresh = chosen & (tier < grid.TIERS) & (begin_ns > _last(state, tracks.track_id))
    fresh &= now_ns - begin_ns <= np.minimum(LATE_S, epoch_s // 2) * NS
    _remember(state, tracks.track_id, np.where(fresh, begin_ns, 0))
    pick = np.flatnonzero(fresh)[: max(WAITING_MAX - len(state.waiting), 0)]
    if len(pick) == 0:
        return
    ids, begin_ns, tier = tracks.track_id[pick], begin_ns[pick], tier[pick]
    shadows = [state.own] if shadow is None else [state.own, shadow]
    tier = adversary.agree(shadows, ids, tier, tracks.domain[pick], begin_ns)
    cells = grid.cell_of(*_at(tracks, pick, begin_ns), tier)
    told = cells != 0
    for one in shadows:
        adversary.note(one, ids[told], cells[told], begin_ns[told])
    slots = np.zeros(len(pick), _SLOT)
    row = slots["row"]
    row["track"], row["cell"] = pseudonym[pick], cells
    row["epoch_ns"], row["epoch_s"] = begin_ns, epoch_s[pick]
    kind_told = obligations.strip[pick] & np.uint32(Strip.KIND) == 0
    row["kind"] = np.where(kind_told, tracks.kind[pick], 0)
    row["domain"] = tracks.domain[pick]
    slots["subject"], slots["tag"], slots["told"] = ids, tags[pick], 1
    slots["due_ns"] = begin_ns + (epoch_s[pick] + obligations.delay_s[pick].astype(np.int64)) * NS
    state.waiting = np.concatenate([state.waiting, slots[told]])


def _last(state: CoarseState, track_id: U8) -> I8:
    if len(state.seen) == 0:
        return np.full(len(track_id), -1, np.int64)
    at = np.minimum(np.searchsorted(state.seen, track_id), len(state.seen) - 1)
    return np.where(state.seen[at] == track_id, state.seen_ns[at], -1)


def _remember(state: CoarseState, track_id: U8, begin_ns: I8) -> None:
    """Tracks that live keep the later of what is remembered and what begins now; the others are forgotten."""
    order = np.argsort(track_id, kind="stable")
    ids = track_id[order]
    last = np.maximum(_last(state, ids), begin_ns[order])
    state.seen, state.seen_ns = ids, last


def _at(tracks: Tracks, pick: I8, time_ns: I8) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where tracks were at a time at most ten seconds before their state."""
    lat, lon = tracks.lat_rad[pick], tracks.lon_rad[pick]
    dt = np.clip((time_ns - tracks.time_ns[pick]) / 1e9, -LATE_S, LATE_S)
    east = np.nan_to_num(tracks.ve_mps[pick]) * dt
    north = np.nan_to_num(tracks.vn_mps[pick]) * dt
    there = np.clip(lat + north / grid.AUTHALIC_M, -np.pi / 2, np.pi / 2)
    return there, lon + east / (grid.AUTHALIC_M * np.maximum(np.cos(lat), 1e-3))
