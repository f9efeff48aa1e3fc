"""One decoder per feed, and what the node knows of each feed's health.

::

    chunks ─▶ [format known?] ─▶ decoder ─▶ Batch
                   │ no: wait for 4 KiB or a second, then guess
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

import msgspec
import numpy as np

from manara.feeds import formats
from manara.feeds.decoder import Decoder, Options, Plain
from manara.records.batch import Batch
from manara.records.inputs import Chunk, FeedState, Input, Overflow, Skip
from manara.records.reject import Reject
from manara.records.reports import Flag
from manara.records.sensors import FeedConfig, FeedHealth

Said = TypeVar("Said", bound=msgspec.Struct)

SECOND_NS = 1_000_000_000
GUESS_BYTES = 4096  # enough of a head to guess from
GUESS_WAIT_NS = 2 * SECOND_NS
RATE_WINDOW_S = 10
OFFSETS_KEPT = 64  # receipts that the clock offset is the median of
REJECTS_KEPT = 20  # the latest, for the operator to look at
DOUBT_RECORDS, DOUBT_SHARE = 50, 0.1  # so many records, and so many of them refused
REASONS_KEPT = 64  # distinct reasons or kinds that are counted by name


@dataclass
class FeedRoom:
    """The state of one feed."""

    config: FeedConfig
    index: int
    format: str = "auto"
    decoder: Decoder | None = None
    waiting: bytes = b""  # before the format is known
    waiting_since_ns: int = 0
    state: str = "waiting"
    detail: str = ""
    last_seen_ns: int = 0
    bytes_total: int = 0
    records_total: int = 0
    rejects_total: int = 0
    rejects: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    per_second: dict[int, int] = field(default_factory=dict)  # second -> records
    offsets_s: list[float] = field(default_factory=list)
    kept: list[Reject] = field(default_factory=list)


@dataclass
class State:
    """All feeds of a node."""

    rooms: list[FeedRoom]
    stale_ns: int


@dataclass(frozen=True)
class Outbox:
    """What the feeds made of this step's chunks."""

    batches: tuple[Batch, ...]
    health: tuple[FeedHealth, ...]


def init(feeds: tuple[FeedConfig, ...], stale_s: float = 15.0) -> State:
    """A room for each feed; formats that are named get their decoder at once, a family (adsb) is guessed within."""
    state = State([FeedRoom(config, i) for i, config in enumerate(feeds)], int(stale_s * SECOND_NS))
    for room in state.rooms:
        if room.config.format in formats.table():
            _settle(room, room.config.format, "")
    return state


def _settle(room: FeedRoom, name: str, detail: str) -> None:
    form = formats.table()[name]
    room.format, room.detail = name, detail
    room.decoder = form.new(_options(room))


def _options(room: FeedRoom) -> Options:
    config = room.config
    return Options(
        feed=room.index,
        editions=dict(config.editions),
        receiver_lat_deg=config.receiver_lat_deg,
        receiver_lon_deg=config.receiver_lon_deg,
        range_max_m=config.range_max_m,
    )


def advance(state: State, inbox: tuple[Input, ...], now_ns: int) -> Outbox:
    """Decode this step's chunks in their order. A chunk of a feed that is not configured is passed over."""
    batches: list[Batch] = []
    for one in inbox:
        if isinstance(one, Chunk) and one.feed < len(state.rooms):
            batches.extend(_take(state.rooms[one.feed], one))
        elif isinstance(one, FeedState) and one.feed < len(state.rooms):
            batches.extend(_change(state.rooms[one.feed], one))
        elif isinstance(one, Overflow) and one.feed < len(state.rooms):
            _count(state.rooms[one.feed].rejects, {"overflow": 1})
            state.rooms[one.feed].rejects_total += 1
            state.rooms[one.feed].detail = f"queue full: {one.dropped} bytes dropped"
        elif isinstance(one, Skip) and one.feed < len(state.rooms):
            _count(state.rooms[one.feed].rejects, {one.why: 1})
            state.rooms[one.feed].rejects_total += 1
    for room in state.rooms:
        batches.extend(_tire_of_waiting(room, now_ns))
    return Outbox(tuple(batches), tuple(_health(room, now_ns, state.stale_ns) for room in state.rooms))


def _take(room: FeedRoom, chunk: Chunk) -> list[Batch]:
    room.bytes_total += len(chunk.data)
    room.last_seen_ns = max(room.last_seen_ns, chunk.received_ns)
    room.state = "live"
    if room.decoder is None:
        return _wait(room, chunk)
    return [_note(room, room.decoder.advance(chunk.data, chunk.received_ns, chunk.whole), chunk.received_ns)]


def _wait(room: FeedRoom, chunk: Chunk) -> list[Batch]:
    if not room.waiting:
        room.waiting_since_ns = chunk.received_ns
    if chunk.whole:  # a datagram is a unit: guess from it alone
        guessed = formats.guess(chunk.data, formats.names(room.config.format))
        if guessed is None:
            return [_note(room, _refuse(chunk.data, "unknown_format"), chunk.received_ns)]
        _settle(room, guessed.name, guessed.said)
        return _take_decoded(room, chunk.data, chunk.received_ns, whole=True)
    room.waiting += chunk.data
    if len(room.waiting) >= GUESS_BYTES:
        return _guess_now(room, chunk.received_ns)
    return []


def _tire_of_waiting(room: FeedRoom, now_ns: int) -> list[Batch]:
    if room.decoder is None and room.waiting and now_ns - room.waiting_since_ns >= GUESS_WAIT_NS:
        return _guess_now(room, now_ns)
    return []


def _guess_now(room: FeedRoom, received_ns: int) -> list[Batch]:
    guessed = formats.guess(room.waiting, formats.names(room.config.format))
    data, room.waiting = room.waiting, b""
    if guessed is None:
        room.detail = "format not recognised: say which it is"
        return [_note(room, _refuse(data, "unknown_format"), received_ns)]
    _settle(room, guessed.name, guessed.said)
    return _take_decoded(room, data, received_ns, whole=False)


def _take_decoded(room: FeedRoom, data: bytes, received_ns: int, whole: bool) -> list[Batch]:
    assert room.decoder is not None  # noqa: S101 - _settle has just put it there
    return [_note(room, room.decoder.advance(data, received_ns, whole), received_ns)]


def _refuse(data: bytes, why: str) -> Batch:
    return Batch(rejects=(Reject(why, data[:256]),), reject_counts={why: 1})


def _change(room: FeedRoom, change: FeedState) -> list[Batch]:
    room.state = change.state
    room.detail = change.detail or room.detail
    batches = []
    if change.state in ("ended", "lost"):
        if room.decoder is None and room.waiting:
            batches.extend(_guess_now(room, change.received_ns))
        if room.decoder is not None:
            batches.append(_note(room, room.decoder.finish(change.received_ns), change.received_ns))
    room.state = change.state
    return batches


_JOINERS = "\u200c\u200d"  # invisible, and yet part of how some languages are written


def _plain_words(got: Batch) -> Batch:
    """Names and texts without control characters and without signs that turn the direction of what follows: a craft
    must not rewrite the row that it stands in, nor a terminal."""
    if all(_printable(one) for one in (*got.particulars, *got.texts)):
        return got
    return replace(
        got, particulars=tuple(_cleaned(p) for p in got.particulars), texts=tuple(_cleaned(t) for t in got.texts)
    )


def _printable(one: msgspec.Struct) -> bool:
    return all(not isinstance(said, str) or said.isprintable() for said in msgspec.structs.astuple(one))


def _cleaned(one: Said) -> Said:
    words = {name: said for name, said in msgspec.structs.asdict(one).items() if isinstance(said, str)}
    plain = {name: "".join(x for x in said if x.isprintable() or x in _JOINERS) for name, said in words.items()}
    return msgspec.structs.replace(one, **plain)


def _note(room: FeedRoom, got: Batch, received_ns: int) -> Batch:
    got = _plain_words(got)
    records = sum(got.counts.values())
    room.records_total += records
    second = received_ns // SECOND_NS
    room.per_second[second] = room.per_second.get(second, 0) + records
    _count(room.counts, got.counts)
    _count(room.rejects, got.reject_counts)
    room.rejects_total += sum(got.reject_counts.values())
    room.kept = [*room.kept, *got.rejects][-REJECTS_KEPT:]
    room.offsets_s = [*room.offsets_s, *_offsets_s(got)][-OFFSETS_KEPT:]
    return got


def _offsets_s(got: Batch) -> list[float]:
    """Receipt minus applicability of rows whose source gave a time; a few of each batch are enough."""
    taken: list[float] = []
    for rows in (got.reports, got.plots):
        if len(rows):
            timed = (rows.flags & np.uint32(Flag.TIME_ASSUMED)) == 0
            late = (rows.received_ns - rows.time_ns)[timed][:8]
            taken.extend(float(x) / SECOND_NS for x in late)
    return taken


def _count(total: dict[str, int], more: Mapping[str, int]) -> None:
    for key, n in more.items():
        name = key if key in total or len(total) < REASONS_KEPT else "other"
        total[name] = total.get(name, 0) + n


def _health(room: FeedRoom, now_ns: int, stale_ns: int) -> FeedHealth:
    second = now_ns // SECOND_NS
    room.per_second = {s: n for s, n in room.per_second.items() if second - RATE_WINDOW_S < s <= second + RATE_WINDOW_S}
    state = room.state
    if state == "live" and now_ns - room.last_seen_ns > stale_ns:
        state = "stale"
    return FeedHealth(
        name=room.config.name,
        format=room.format,
        url=room.config.url,
        state=state,
        last_seen_ns=room.last_seen_ns,
        bytes_total=room.bytes_total,
        records_total=room.records_total,
        records_per_s=sum(room.per_second.values()) / RATE_WINDOW_S,
        rejects_total=room.rejects_total,
        rejects=dict(room.rejects),
        counts=dict(room.counts),
        clock_offset_s=float(np.median(room.offsets_s)) if room.offsets_s else None,
        detail=_doubt(room) or room.detail,
    )


def _doubt(room: FeedRoom) -> str:
    """ASTERIX does not say its edition: a wrong one shows in what is refused, and the rest may be wrong as well."""
    asked = room.records_total + room.rejects_total
    if room.format not in ("asterix", "pcap", "final") or asked < DOUBT_RECORDS:
        return ""
    share = room.rejects_total / asked
    return f"{share:.0%} refused: is the edition right?" if share > DOUBT_SHARE else ""


_PLAIN = (
    "format",
    "waiting",
    "waiting_since_ns",
    "state",
    "detail",
    "last_seen_ns",
    "bytes_total",
    "records_total",
    "rejects_total",
    "rejects",
    "counts",
    "offsets_s",
)


def dump(state: State) -> Plain:
    """The whole state as plain values."""
    return {"rooms": [_dump_room(room) for room in state.rooms]}


def _dump_room(room: FeedRoom) -> Plain:
    plain: Plain = {name: copy.copy(getattr(room, name)) for name in _PLAIN}
    plain["per_second"] = [[s, n] for s, n in room.per_second.items()]
    plain["kept"] = [msgspec.to_builtins(r, builtin_types=(bytes,)) for r in room.kept]
    plain["decoder"] = room.decoder.dump() if room.decoder else None
    return plain


def load(plain: Plain, feeds: tuple[FeedConfig, ...], stale_s: float = 15.0) -> State:
    """Take what ``dump`` gave; feeds are those of the same configuration."""
    state = init(feeds, stale_s)
    for room, said in zip(state.rooms, plain["rooms"], strict=True):
        for name in _PLAIN:
            setattr(room, name, said[name])
        room.per_second = {s: n for s, n in said["per_second"]}
        room.kept = [msgspec.convert(r, Reject, builtin_types=(bytes,)) for r in said["kept"]]
        if said["decoder"] is not None:
            _settle(room, room.format, room.detail)
            assert room.decoder is not None  # noqa: S101 - _settle has just put it there
            room.decoder.load(said["decoder"])
    return state
