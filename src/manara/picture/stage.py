"""What the node holds: tracks, what is said of them, where they were, and which need a look.

::

    tracks ────────▶ attention ─▶ Outbox
    particulars ──▶ the latest of each word
    every 10 s ───▶ trails
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from manara.records.columns import U1, U8
from manara.records.inputs import Trails
from manara.records.particulars import Particulars, SafetyText, SensorStatus
from manara.records.reports import Flag, Kind
from manara.records.tracks import Tracks

SECOND_NS = 1_000_000_000
TRAIL_LENGTH = 90  # positions of each track
TRAIL_PERIOD_NS = 10 * SECOND_NS
PARTICULARS_KEPT = 200_000  # identities; the longest unheard go first
TEXTS_KEPT = 200
STATUS_KEPT = 4_096

_DANGER = Flag.EMERGENCY | Flag.RADIO_FAILURE | Flag.UNLAWFUL_INTERFERENCE
_LOOK = Flag.IDENTITY_CONFLICT | Flag.POSITION_JUMP


@dataclass(frozen=True, eq=False)
class Inbox:
    """What a step brings to the picture."""

    tracks: Tracks
    particulars: tuple[Particulars, ...] = ()
    texts: tuple[SafetyText, ...] = ()
    status: tuple[SensorStatus, ...] = ()


@dataclass(frozen=True, eq=False)
class Outbox:
    """The picture as it now stands. Nothing in it is written to again."""

    tracks: Tracks
    attention: U1
    particulars: Mapping[int, Particulars]
    texts: tuple[SafetyText, ...]
    status: Mapping[int, SensorStatus]
    trails: Trails


def _no_trails() -> Trails:
    blank = np.full((0, TRAIL_LENGTH), np.nan)
    return Trails(np.empty(0, np.uint64), 0, np.zeros((0, TRAIL_LENGTH), np.int64), blank, blank.copy())


@dataclass
class State:
    """The memory of the picture."""

    particulars: dict[int, Particulars] = field(default_factory=dict)
    texts: tuple[SafetyText, ...] = ()
    status: dict[int, SensorStatus] = field(default_factory=dict)
    trails: Trails = field(default_factory=_no_trails)
    sampled_ns: int = -TRAIL_PERIOD_NS


def init() -> State:
    """An empty picture."""
    return State()


def advance(state: State, inbox: Inbox, now_ns: int) -> Outbox:
    """Take in what was said, sample the trails when it is time, and say what needs a look."""
    if inbox.particulars:
        state.particulars = _merge(state.particulars, inbox.particulars)
    if inbox.texts:
        state.texts = (state.texts + inbox.texts)[-TEXTS_KEPT:]
    if inbox.status:
        news = {one.source: one for one in inbox.status}
        state.status = dict(list({**state.status, **news}.items())[-STATUS_KEPT:])
    if now_ns - state.sampled_ns >= TRAIL_PERIOD_NS:
        state.trails = _sample(state.trails, inbox.tracks)
        state.sampled_ns = now_ns
    return Outbox(
        tracks=inbox.tracks,
        attention=attention(inbox.tracks),
        particulars=state.particulars,
        texts=state.texts,
        status=state.status,
        trails=state.trails,
    )


def attention(tracks: Tracks) -> U1:
    """2: emergency or distress, 1: something contradicts itself, 0: ordinary. Test signals stay at 0. Shape (n,).

    A distress *device* is distress. An ordinary vessel that sends the devices' navigational status (14) is seen daily
    and is nearly always a wrong setting: worth a look, not an alarm.
    """
    flags = tracks.flags
    level = np.zeros(len(tracks), np.uint8)
    device = tracks.kind == Kind.DISTRESS_DEVICE
    level[(flags & np.uint32(_LOOK)) != 0] = 1
    level[(flags & np.uint32(Flag.DISTRESS)) != 0] = 1
    level[(flags & np.uint32(_DANGER)) != 0] = 2
    level[device & ((flags & np.uint32(Flag.DISTRESS)) != 0)] = 2
    level[(flags & np.uint32(Flag.TEST)) != 0] = 0
    return level


def _merge(held: dict[int, Particulars], news: tuple[Particulars, ...]) -> dict[int, Particulars]:
    """A new table (the old one is published): the latest of each word, the longest unheard dropped at the bound."""
    merged = dict(held)
    for one in news:
        old = merged.pop(one.identity, None)  # popped and put back: the order is that of hearing
        merged[one.identity] = one if old is None else _over(old, one)
    over = len(merged) - PARTICULARS_KEPT
    for identity in list(merged)[: max(over, 0)]:
        del merged[identity]
    return merged


_WORDS = tuple(name for name in Particulars.__struct_fields__ if name not in ("identity", "time_ns", "source"))


def _over(old: Particulars, new: Particulars) -> Particulars:
    """What the new one does not say stands as the old one said it."""
    kept = {name: getattr(old, name) for name in _WORDS if getattr(new, name) in ("", None)}
    return msgspec.structs.replace(new, **kept) if kept else new


def _sample(trails: Trails, tracks: Tracks) -> Trails:
    """A new ring with the present positions in the column at head; tracks that ended are left out."""
    ids: U8 = np.sort(tracks.track_id)
    order = np.argsort(tracks.track_id, kind="stable")
    time_ns = np.zeros((len(ids), TRAIL_LENGTH), np.int64)
    lat_rad = np.full((len(ids), TRAIL_LENGTH), np.nan)
    lon_rad = np.full((len(ids), TRAIL_LENGTH), np.nan)
    _, old_row, new_row = np.intersect1d(trails.track_id, ids, assume_unique=True, return_indices=True)
    time_ns[new_row] = trails.time_ns[old_row]
    lat_rad[new_row] = trails.lat_rad[old_row]
    lon_rad[new_row] = trails.lon_rad[old_row]
    time_ns[:, trails.head] = tracks.time_ns[order]
    lat_rad[:, trails.head] = tracks.lat_rad[order]
    lon_rad[:, trails.head] = tracks.lon_rad[order]
    return Trails(ids, (trails.head + 1) % TRAIL_LENGTH, time_ns, lat_rad, lon_rad)


def dump(state: State) -> dict[str, Any]:
    """The whole state as plain values and arrays."""
    return {
        "particulars": [msgspec.to_builtins(p) for p in state.particulars.values()],
        "texts": [msgspec.to_builtins(t) for t in state.texts],
        "status": [msgspec.to_builtins(s) for s in state.status.values()],
        "sampled_ns": state.sampled_ns,
        "head": state.trails.head,
        "track_id": state.trails.track_id,
        "time_ns": state.trails.time_ns,
        "lat_rad": state.trails.lat_rad,
        "lon_rad": state.trails.lon_rad,
    }


def load(plain: dict[str, Any]) -> State:
    """Take what ``dump`` gave."""
    particulars = [msgspec.convert(p, Particulars) for p in plain["particulars"]]
    status = [msgspec.convert(s, SensorStatus) for s in plain["status"]]
    return State(
        particulars={p.identity: p for p in particulars},
        texts=tuple(msgspec.convert(t, SafetyText) for t in plain["texts"]),
        status={s.source: s for s in status},
        trails=Trails(plain["track_id"], plain["head"], plain["time_ns"], plain["lat_rad"], plain["lon_rad"]),
        sampled_ns=plain["sampled_ns"],
    )
