"""The monthly account, from a node's own log alone: who got what, why, how late.

::

    log ─▶ entries of the month, by partner ─▶ rows by rule, tier and delay; phases; withheld; recalls  ┐
       └─▶ the node's own stream ─▶ receipts, recalls done, what came from partners                      ┴─▶ Account

What the log does not hold is not in it: rows that no rule let go leave no entry. Rows that were erased since are
counted and no longer broken down.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import msgspec
import numpy as np

from manara.host.log_store import LogStore
from manara.host.log_times import first_since
from manara.host.reciprocity import Added
from manara.link import heads
from manara.records.reject import Reject
from manara.records.released import DTYPES, Block, Head, RowTable, Terms
from manara.release import statements

NS = 1_000_000_000
READ_ENTRIES, READ_BYTES = 256, 32 << 20
WARNINGS = "rule 0"
_COUNTED = (RowTable.PRECISE, RowTable.COARSE, RowTable.WARNING, RowTable.NAMES, RowTable.ENDED,
            RowTable.CAPABILITY, RowTable.COVERAGE, RowTable.GAP)  # fmt: skip


@dataclass
class Line:
    """Rows that left under the same rules and obligations. ``tracks``: numbers that the recipient knows."""

    rules: tuple[str, ...]
    table: str
    cell_m: int = 0
    delay_s: int = 0
    retention_s: int = 0
    rows: int = 0
    tracks: set[int] = field(default_factory=set)
    age_s: list[float] = field(default_factory=list)  # of each precise row when it left; a bounded sample


@dataclass
class Moved:
    """A phase that began, or a recall. ``what``: phase, policy, recall, recall.done."""

    time_ns: int
    what: str
    said: str


@dataclass
class Partner:
    """One partner's month. ``receipted_s``: from an entry to the receipt that covers it, by entry; ``open_entries``:
    without a receipt at the month's end; ``withheld``: reason -> entries; ``erased``: rows gone since."""

    id: str
    entries: int = 0
    history: int = 0
    rows: int = 0
    erased: int = 0
    pruned: int = 0
    lines: dict[tuple[object, ...], Line] = field(default_factory=dict)
    moves: list[Moved] = field(default_factory=list)
    withheld: Counter[str] = field(default_factory=Counter)
    receipts: int = 0
    receipted_s: list[float] = field(default_factory=list)
    open_entries: int = 0
    came: int = 0  # entries that it sent us
    added: list[Added] = field(
        default_factory=list
    )  # what it added to our picture, for the stretches that were stepped


@dataclass
class Account:
    """A month of a node."""

    own: str
    month: str
    begin_ns: int
    end_ns: int
    origin: str
    size: int  # leaves of the log when it was read
    root: str
    partners: dict[str, Partner] = field(default_factory=dict)


SAMPLES = 100_000  # ages of one line; further rows are counted and not sampled


def month_of(said: str) -> tuple[int, int]:
    """Begin and end of a month in UTC. Raises ValueError.

    >>> month_of("2026-11")
    (1793491200000000000, 1796083200000000000)
    """
    begin = dt.datetime.strptime(said, "%Y-%m").replace(tzinfo=dt.UTC)
    end = begin.replace(year=begin.year + begin.month // 12, month=begin.month % 12 + 1)
    return int(begin.timestamp()) * NS, int(end.timestamp()) * NS


@dataclass(frozen=True)
class _Entry:
    offset: int
    time_ns: int
    head: Head
    blocks: tuple[Block, ...]
    erased: bytes
    pruned: bool


def make(log: LogStore, own: str, month: str, each: Callable[[int], None] = lambda _: None) -> Account:
    """The account of a month. ``each``: told how many more entries were read. Raises ValueError, DiskError."""
    begin_ns, end_ns = month_of(month)
    out = Account(own, month, begin_ns, end_ns, log.origin, log.size, log.root.hex())
    ticks: dict[str, tuple[int, list[int]]] = {}
    for stream in sorted(log.heads()):
        recipient = heads.recipient(stream)
        if not recipient:
            continue
        one = out.partners.setdefault(recipient, Partner(recipient))
        first, times = -1, []
        for entry in _entries(log, stream, begin_ns, end_ns, each):
            first = entry.offset if first < 0 else first
            times.append(entry.time_ns)
            _count(one, entry, "/" in stream)
        ticks[stream] = max(first, 0), times
    for entry in _entries(log, own, begin_ns, end_ns, each):
        _said(out, entry, ticks)
    for stream, (_, times) in ticks.items():
        if "/" not in stream:
            one = out.partners[heads.recipient(stream)]
            one.open_entries = len(times) - len(one.receipted_s)
    return out


def _entries(log: LogStore, stream: str, begin_ns: int, end_ns: int, each: Callable[[int], None]) -> Iterator[_Entry]:
    """Entries of a stream in that time, in order."""
    many, oldest = log.heads().get(stream, 0), log.oldest(stream)
    at = first_since(log, stream, begin_ns)
    while at < min(oldest, many):  # of these only heads are left
        kept = log.head(stream, at)
        head = heads.parse(kept.entry.head) if kept else Reject("missing", b"", "")
        if not isinstance(head, Reject):
            if int(head.time_ns) >= end_ns:
                return
            yield _Entry(at, int(head.time_ns), head, (), b"", pruned=True)
        each(1)
        at += 1
    while at < many:
        some = log.read(stream, at, READ_ENTRIES, READ_BYTES)
        for one in some:
            head = heads.parse(one.head)
            if not isinstance(head, Reject):
                if int(head.time_ns) >= end_ns:
                    return
                yield _Entry(one.offset, int(head.time_ns), head, one.blocks, one.erased, pruned=False)
        each(len(some))
        if not some:
            return
        at += len(some)


def _count(one: Partner, entry: _Entry, history: bool) -> None:
    head = entry.head
    one.entries += 1
    one.history += history
    if head.kind in ("policy", "phase"):
        word = head.phase if head.kind == "phase" else f"{head.phase}, {head.policy[:16]}"
        one.moves.append(Moved(entry.time_ns, head.kind, word))
    elif head.kind == "recall":
        one.moves.append(Moved(entry.time_ns, "recall", _recalled(head.subject)))
    elif head.kind == "withheld":
        one.withheld[head.subject] += 1
    if entry.pruned:
        count = sum(rows for table, _, rows in head.blocks if table in _COUNTED)
        one.rows, one.pruned = one.rows + count, one.pruned + count
        return
    row = 0
    for block in entry.blocks:
        row = _count_block(one, entry, block, row, history)


def _count_block(one: Partner, entry: _Entry, block: Block, row: int, history: bool) -> int:
    """Rows of a block, by their terms; the number of the first row behind it."""
    many, at, pieces = 0, 0, []
    while at < len(block.rows):
        gone = bool(entry.erased[row + many]) if entry.erased else False
        wide = 32 if gone else block.width
        if not gone:
            pieces.append(block.rows[at : at + wide])
        at, many = at + wide, many + 1
    shape = DTYPES.get(block.table)
    if block.table not in _COUNTED or shape is None or shape.itemsize != block.width:
        return row + many
    one.rows += many
    one.erased += many - len(pieces)
    rows = np.frombuffer(b"".join(pieces), shape)
    for place in np.unique(rows["terms"]).tolist():
        if place < len(entry.head.terms):
            some = rows[rows["terms"] == place]
            line = _line(one, entry.head.terms[place], RowTable(block.table).name.lower(), history)
            line.rows += len(some)
            if "track" in (shape.names or ()):
                line.tracks.update(some["track"].tolist())
            if block.table == RowTable.PRECISE and not history and len(line.age_s) < SAMPLES:
                line.age_s += ((entry.time_ns - some["time_ns"]) / NS).tolist()
    return row + many


def _line(one: Partner, terms: Terms, table: str, history: bool) -> Line:
    table = f"{table} (history)" if history else table
    key = (terms.rules, table, terms.cell_m, terms.delay_s, terms.retention_s)
    found = one.lines.get(key)
    if found is None:
        found = one.lines[key] = Line(terms.rules, table, terms.cell_m, terms.delay_s, terms.retention_s)
    return found


def _recalled(subject: str) -> str:
    try:
        said = msgspec.json.decode(subject, type=dict[str, object])
    except msgspec.MsgspecError:
        return ""
    tracks = said.get("tracks")
    return f"{', '.join(map(str, tracks)) if isinstance(tracks, list) else ''}: {said.get('reason', '')}"[:300]


def _said(out: Account, entry: _Entry, ticks: dict[str, tuple[int, list[int]]]) -> None:
    """What the node's own stream tells: receipts, recalls done, what came."""
    said = _statement(entry.head.subject)
    stream = str(said.get("stream", ""))
    word = said.get("type", "")
    if word == "receipt" and stream in ticks and heads.releaser(stream) == out.own:
        one = out.partners[heads.recipient(stream)]
        one.receipts += 1
        if "/" not in stream:
            first, times = ticks[stream]
            done = min(int(str(said.get("next", "0"))) - first, len(times))
            one.receipted_s += [(entry.time_ns - time_ns) / NS for time_ns in times[len(one.receipted_s) : done]]
    elif word == "received" and heads.recipient(stream) == out.own:
        one = out.partners.setdefault(heads.releaser(stream), Partner(heads.releaser(stream)))
        one.came += int(str(said.get("next", "0"))) - int(str(said.get("first", "0")))
    elif word == "recall.done" and heads.releaser(stream) == out.own and heads.recipient(stream) in out.partners:
        out.partners[heads.recipient(stream)].moves.append(Moved(entry.time_ns, "recall.done", str(said.get("count"))))


def _statement(subject: str) -> dict[str, object]:
    """The statement in a frame: in an envelope, or the node's own word."""
    try:
        found = msgspec.json.decode(subject, type=dict[str, object])
        if isinstance(found.get("statement"), str):
            outer = statements.read(subject.encode())
            return {} if isinstance(outer, statements.Refusal) else msgspec.json.decode(outer[0].statement)
    except (msgspec.MsgspecError, UnicodeError):
        return {}
    return found


def share(values: list[float], part: float) -> float:
    """The value that this part of all does not exceed; 0 where there is none.

    >>> share([3.0, 1.0, 2.0], 0.5)
    2.0
    """
    return sorted(values)[min(len(values) - 1, int(part * len(values)))] if values else 0.0
