"""The node's door: what goes into a step and what comes out. Changes are inputs; reads are views."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import msgspec

from manara.records.columns import F8, I8, U1, U8
from manara.records.particulars import Particulars, SafetyText, SensorStatus
from manara.records.sensors import FeedHealth
from manara.records.tracks import Tracks


class Chunk(msgspec.Struct, frozen=True, tag="chunk", array_like=True):
    """Bytes of one feed. ``whole``: a datagram, nothing continues into the next chunk."""

    feed: int
    data: bytes
    received_ns: int
    whole: bool = False


class FeedState(msgspec.Struct, frozen=True, tag="feed", array_like=True):
    """A feed opened, was lost, or ended. ``state``: live, lost, ended, waiting."""

    feed: int
    state: str
    detail: str
    received_ns: int


class ClockJump(msgspec.Struct, frozen=True, tag="jump", array_like=True):
    """The machine's clock moved by more than it should have; the node's clock never goes back."""

    by_ns: int
    received_ns: int


class Overflow(msgspec.Struct, frozen=True, tag="overflow", array_like=True):
    """The host's queue for a feed was full; so many bytes were dropped, and are counted."""

    feed: int
    dropped: int
    received_ns: int


class Skip(msgspec.Struct, frozen=True, tag="skip", array_like=True):
    """An input that was in flight at two crashes and is passed over from now on (poison)."""

    sequence: int
    feed: int
    received_ns: int
    why: str = "poison"


S = TypeVar("S")

Input = Chunk | FeedState | ClockJump | Overflow | Skip


class Send(msgspec.Struct, frozen=True, tag="send", array_like=True):
    """Put bytes out of a named exit (host/exits.py). ``effect_id`` repeats when the step is repeated."""

    effect_id: int
    exit: str
    data: bytes


Effect = Send


@dataclass(frozen=True, eq=False)
class Trails:
    """Where tracks were: rings of recent positions. ``track_id`` (n,) uint64; the others (n, length), newest at
    column ``head`` - 1; time 0 where nothing stands."""

    track_id: U8
    head: int
    time_ns: I8
    lat_rad: F8
    lon_rad: F8


@dataclass(frozen=True, eq=False)
class Views:
    """What the last step published for reading. Immutable: readers keep a reference, never write."""

    now_ns: int = 0
    sequence: int = 0
    tracks: Tracks = field(default_factory=lambda: Tracks.blank(0))
    sources: tuple[int, ...] = ()  # slot -> source id, as in Tracks.sources
    source_names: Mapping[int, str] = field(default_factory=dict)
    particulars: Mapping[int, Particulars] = field(default_factory=dict)  # identity -> the latest of each word
    texts: tuple[SafetyText, ...] = ()  # the latest, bounded
    status: Mapping[int, SensorStatus] = field(default_factory=dict)  # source -> latest
    health: tuple[FeedHealth, ...] = ()
    trails: Trails | None = None
    attention: U1 | None = None  # (n,) per track: 0 ordinary, 1 worth a look, 2 emergency or distress
    trouble: str = ""  # why the picture does not go on (a full disk, a damaged journal); "": it does
    refused: Mapping[str, int] = field(default_factory=dict)  # rows that tracking did not use, by reason, this step


@dataclass(frozen=True, eq=False)
class Stepped(Generic[S]):
    """What one step gives back. ``state`` is the node's; nobody else looks into it."""

    state: S
    effects: tuple[Effect, ...]
    views: Views
