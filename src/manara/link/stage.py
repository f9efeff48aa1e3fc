"""What partners sent, in order and once: the memory of how far each of their streams was read, and receipts for it.

::

    Arrived ──▶ the next place? ─▶ head ─▶ rows ─▶ Frame
                │ earlier: a repeat    │ not that place: refused      └─▶ tree of what was taken ─▶ receipt
                │ later: a gap, refused; the host pulls again from ``next``
    Answered ─▶ how far a partner has signed for ours ─▶ paused()
    LinkState ─▶ is it there, does its clock agree
    Epoch ─▶ its log began anew: its streams go on from another place

The host has checked that each entry stands in its releaser's log. A frame whose rows are malformed is passed as a
stub, since its place in the stream is taken; what does not belong there is refused and the stream stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import msgspec
import rfc8785

from manara.link import heads, rows
from manara.records.inputs import Answered, Arrived, Epoch, Input, LinkState, Refused
from manara.records.partners import LogEpoch
from manara.records.reject import Reject
from manara.records.released import FRAME_KINDS, Head

ACK_ENTRIES = 100
ACK_NS = 10_000_000_000
OFFSET_MAX_NS = 30_000_000_000  # of a partner's clock; beyond it its rows are shown and not fused
STREAMS_MAX = 256
PARTNERS_MAX = 63
REASONS_MAX = 64  # of one partner; further ones count as "other"
STATEMENT = b"manara/statement/v1\n"


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """What the link knows of one partner: fields of records.partners.PartnerStatus."""

    link: str = "waiting"
    detail: str = ""
    phase_in: str = "suspended"
    heard_ns: int = 0
    clock_offset_s: float = 0.0
    receipted: int = 0
    received_entries: int = 0
    rows_in: int = 0
    refused: dict[str, int] = {}
    epoch: LogEpoch = LogEpoch()


@dataclass(frozen=True, eq=False)
class Frame:
    """One entry of a partner's stream, read. ``fuse``: False where its clock is too far off: shown, not fused."""

    partner: str
    stream: str
    offset: int
    head: Head
    rows: rows.Sorted
    received_ns: int
    fuse: bool


@dataclass(frozen=True, eq=False)
class Outbox:
    """What a step of the link gives on. ``receipts``: (partner, statement to sign). ``again``: streams that have a gap,
    and the offset to pull from."""

    frames: tuple[Frame, ...] = ()
    receipts: tuple[tuple[str, bytes], ...] = ()
    again: Mapping[str, int] = field(default_factory=dict)


@dataclass
class Stream:
    """How far a partner's stream was read. ``edge``: right edge of the tree (RFC 6962) over the roots of the entries
    from ``first`` on, whose root the receipts carry; ``last``: hash of the last receipt."""

    partner: str
    next: int = 0
    receipted: int = 0
    waits_ns: int = 0  # since when an entry has been without a receipt
    edge: list[bytes] = field(default_factory=list)
    last: str = ""
    pressing: bool = False  # within a step: what came is measured by its receipt, which does not wait
    first: int = 0  # where the stream begins in this epoch of its log


@dataclass
class State:
    """``reading``: their streams; ``answered``: our streams and the offset up to which each recipient has signed;
    ``first``: the place at which our own streams begin, in the epoch of our log."""

    own: str
    reading: dict[str, Stream] = field(default_factory=dict)
    answered: dict[str, int] = field(default_factory=dict)
    partners: dict[str, Piece] = field(default_factory=dict)
    first: int = 0


def init(own: str) -> State:
    """A node that has heard from nobody. ``own``: its id in the directory."""
    return State(own)


def advance(
    state: State,
    inbox: Iterable[Input],
    now_ns: int,
    sent: Mapping[str, int] | None = None,
    stamped: frozenset[str] = frozenset(),
) -> Outbox:
    """Take what came; inputs of other rooms are passed over. ``sent``: our streams and how many entries each has:
    nobody can have signed for more (None: not asked). ``stamped``: partners' streams whose receipts bear the time."""
    frames: list[Frame] = []
    receipts: list[tuple[str, bytes]] = []
    again: dict[str, int] = {}
    for one in inbox:
        if isinstance(one, Arrived):
            frame = _arrived(state, one, again)
            frames += [frame] if frame is not None else []
        elif isinstance(one, Answered):
            _answered(state, one, one.next if sent is None else sent.get(one.stream, 0))
        elif isinstance(one, LinkState):
            _linked(state, one)
        elif isinstance(one, Epoch):
            receipts += _began(state, one)
        elif isinstance(one, Refused):
            _count(state, one.partner, one.why)
            _change(state, one.partner, detail=f"{one.why}: {one.detail}"[:300])
    for frame in frames:
        state.reading[frame.stream].pressing |= _presses(frame.head)
    return Outbox(tuple(frames), (*receipts, *_receipts(state, now_ns, stamped)), again)


def _presses(head: Head) -> bool:
    """Is promised when this is signed for? Warnings, questions, and first rows of tracks."""
    return head.kind in ("warning", "statement") or (head.kind == "batch" and '"first":' in head.subject)


def next_offset(state: State, stream: str) -> int:
    """From where the host is to pull a partner's stream.

    >>> next_offset(init("belora"), "arvena>belora")
    0
    """
    found = state.reading.get(stream)
    return found.next if found else 0


def signed_for(state: State, stream: str) -> int:
    """How many entries of a stream of ours its recipient has signed for."""
    return max(state.answered.get(stream, 0), state.first)


def paused(state: State, stream: str, sent: int, window: int) -> bool:
    """Do so many entries of ours stand without a receipt that nothing new is to be sent? ``sent``: entries so far.

    >>> here = init("arvena")
    >>> paused(here, "arvena>belora", 599, 600), paused(here, "arvena>belora", 600, 600)
    (False, True)
    """
    return sent - signed_for(state, stream) >= window


def piece(state: State, partner: str) -> Piece:
    """What is known of a partner."""
    return state.partners.get(partner, Piece())


def _arrived(state: State, one: Arrived, again: dict[str, int]) -> Frame | None:
    stream = _stream(state, one)
    if isinstance(stream, str):
        _count(state, one.partner, stream)
        return None
    if one.offset != stream.next:
        _count(state, one.partner, "repeated" if one.offset < stream.next else "gap")
        if one.offset > stream.next:
            again[one.stream] = stream.next
        return None
    head = heads.parse(one.head)
    if isinstance(head, Reject) or (head.stream, heads.offset(head)) != (one.stream, one.offset):
        _count(state, one.partner, head.why if isinstance(head, Reject) else "misplaced")
        return None
    _take(state, stream, one)
    return _frame(state, one, head)


def _stream(state: State, one: Arrived) -> Stream | str:
    """The stream of this name, or why it cannot be one of this partner's to us."""
    found = state.reading.get(one.stream)
    if found is None:
        known = heads.is_stream(one.stream) and heads.recipient(one.stream) in ("", state.own)
        if not known or heads.releaser(one.stream) != one.partner:
            return "misplaced"
        if len(state.reading) >= STREAMS_MAX:
            return "too_many_streams"
        first = piece(state, one.partner).epoch.first
        found = state.reading[one.stream] = Stream(one.partner, first, first, first=first)
    return found if found.partner == one.partner else "misplaced"


def _take(state: State, stream: Stream, one: Arrived) -> None:
    """The place is taken: the entry goes into the tree that the next receipt signs."""
    leaf, size = sha256(b"\0" + one.root).digest(), stream.next - stream.first
    while size & 1:
        leaf = sha256(b"\1" + stream.edge.pop() + leaf).digest()
        size >>= 1
    stream.edge.append(leaf)
    if stream.next == stream.receipted:
        stream.waits_ns = one.received_ns
    stream.next += 1
    here = piece(state, one.partner)
    _change(state, one.partner, heard_ns=one.received_ns, received_entries=here.received_entries + 1)


def _frame(state: State, one: Arrived, head: Head) -> Frame | None:
    """What the entry says; None for a stub: a kind that this version does not know, or malformed rows."""
    if head.kind not in FRAME_KINDS:
        _count(state, one.partner, "unknown_kind")
        return None
    read = rows.read(head, one.blocks)
    if isinstance(read, Reject):
        _count(state, one.partner, read.why)
        return None
    for why, count in read.dropped.items():
        _count(state, one.partner, f"row_{why}", count)
    here = piece(state, one.partner)
    many = sum(len(table) for table in read.tables.values())
    phase = head.phase if head.kind in ("phase", "policy") and head.phase else here.phase_in
    _change(state, one.partner, phase_in=phase, rows_in=here.rows_in + many)
    fuse = abs(here.clock_offset_s) * 1e9 <= OFFSET_MAX_NS
    return Frame(one.partner, one.stream, one.offset, head, read, one.received_ns, fuse)


def _answered(state: State, one: Answered, sent: int) -> None:
    """A receipt for a stream of ours; an older one changes nothing."""
    if one.next > sent:
        _count(state, one.partner, "receipt_beyond")
        return
    if heads.releaser(one.stream) != state.own or heads.recipient(one.stream) not in ("", one.partner):
        _count(state, one.partner, "misplaced")
        return
    if one.stream in state.answered or len(state.answered) < STREAMS_MAX:
        state.answered[one.stream] = max(state.answered.get(one.stream, 0), one.next)
    here = piece(state, one.partner)
    if one.stream == f"{state.own}>{one.partner}":  # a receipt for history says nothing of how far the live one came
        _change(state, one.partner, receipted=max(here.receipted, one.next), heard_ns=one.received_ns)


def _linked(state: State, one: LinkState) -> None:
    heard = {"heard_ns": one.received_ns} if one.state == "live" else {}
    _change(state, one.partner, link=one.state, detail=one.detail[:300], clock_offset_s=one.offset_ns / 1e9, **heard)


def _change(state: State, partner: str, **news: Any) -> None:
    if partner in state.partners or len(state.partners) < PARTNERS_MAX:
        state.partners[partner] = msgspec.structs.replace(piece(state, partner), **news)


def _count(state: State, partner: str, why: str, by: int = 1) -> None:
    so_far = dict(piece(state, partner).refused)
    key = why if why in so_far or len(so_far) < REASONS_MAX else "other"
    so_far[key] = so_far.get(key, 0) + by
    _change(state, partner, refused=so_far)


def _began(state: State, one: Epoch) -> Iterable[tuple[str, bytes]]:
    """A log begins anew. Of ours: nobody has signed for anything of it. Of a partner's: what came of the old one is
    signed for, as far as it came, and its streams go on elsewhere. An epoch that is known changes nothing."""
    if one.partner == state.own:
        state.first = max(state.first, one.first)
        return
    known = piece(state, one.partner)
    if one.epoch <= known.epoch.epoch:
        return
    made = LogEpoch(epoch=one.epoch, first=one.first, old_size=one.old_size, held=one.held, by=one.by)
    _change(state, one.partner, epoch=made)
    for name, stream in state.reading.items():
        if stream.partner == one.partner and stream.next < one.first:
            if stream.next > stream.receipted:
                yield _signed_for(name, stream)
            stream.next = stream.receipted = stream.first = one.first
            stream.edge = []


def _receipts(state: State, now_ns: int, stamped: frozenset[str]) -> Iterable[tuple[str, bytes]]:
    """A receipt for each stream that has enough without one, or has waited long enough."""
    for name, stream in state.reading.items():
        waiting, pressing = stream.next - stream.receipted, stream.pressing and name in stamped
        stream.pressing = False
        if waiting >= ACK_ENTRIES or (waiting and (pressing or now_ns - stream.waits_ns >= ACK_NS)):
            yield _signed_for(name, stream, now_ns if name in stamped else None)


def _signed_for(name: str, stream: Stream, now_ns: int | None = None) -> tuple[str, bytes]:
    statement = receipt(name, stream, now_ns)
    stream.receipted = stream.next
    stream.last = sha256(STATEMENT + statement).hexdigest()
    return stream.partner, statement


def receipt(name: str, stream: Stream, now_ns: int | None = None) -> bytes:
    """The statement that a node signs for what it has of a stream: everything before ``next``; ``root`` and ``size``
    are of the tree (RFC 6962) whose leaves are the roots of the entries from place ``next - size`` on, which is 0
    before the log began anew. ``now_ns``: when, if asked.

    >>> receipt("arvena>belora", Stream("arvena"))[:40]
    b'{"after":"","next":"0","nonce":"","root"'
    """
    root = b""
    for left in reversed(stream.edge):
        root = sha256(b"\1" + left + root).digest() if root else left
    said = {
        "type": "receipt",
        "nonce": "",
        "after": stream.last,
        "stream": name,
        "next": str(stream.next),
        "root": (root or sha256(b"").digest()).hex(),
        "size": str(stream.next - stream.first),
        **({} if now_ns is None else {"time_ns": str(now_ns)}),
    }
    return rfc8785.dumps(said)


def dump(state: State) -> dict[str, Any]:
    """Plain values."""
    return {
        "own": state.own,
        "reading": {
            name: [one.partner, one.next, one.receipted, one.waits_ns, list(one.edge), one.last, one.first]
            for name, one in state.reading.items()
        },
        "answered": dict(state.answered),
        "partners": {name: msgspec.to_builtins(one) for name, one in state.partners.items()},
        "first": state.first,
    }


def load(plain: Mapping[str, Any]) -> State:
    """Take what ``dump`` gave."""
    return State(
        own=plain["own"],
        reading={name: _loaded(*one) for name, one in plain["reading"].items()},
        answered=dict(plain["answered"]),
        partners={name: msgspec.convert(one, Piece) for name, one in plain["partners"].items()},
        first=plain.get("first", 0),
    )


def _loaded(
    partner: str, following: int, receipted: int, waits_ns: int, edge: Iterable[bytes], last: str, first: int = 0
) -> Stream:
    return Stream(partner, following, receipted, waits_ns, list(edge), last, first=first)
