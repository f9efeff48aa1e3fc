"""Promised times out of a node's own folders: the same figures at the releaser and at the recipient.

At the releaser the entries stand in its log, and the recipient's statements, as they came, in its own stream; at the
recipient the entries stand in the store of what partners sent, and its statements in its own stream.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from manara.host.log_store import LogStore
from manara.host.log_times import first_since
from manara.host.received import Received
from manara.ledger import places
from manara.link import heads
from manara.records.agreement import Agreement
from manara.records.reject import Reject
from manara.release import promises, statements
from manara.release.promises import Entry, Measured

EARLIER_NS = 3_600_000_000_000  # a statement is logged so much before what it is heard in, at most
FIRST_NS = 3_600_000_000_000  # of the past that a desk looks at when it is first asked
DAY_NS = 86_400_000_000_000
Each = Callable[[int], None]


def measure(
    log: LogStore,
    received: Received,
    own: str,
    one: Agreement,
    sha256: str,
    from_ns: int = 0,
    until_ns: int | None = None,
    each: Each = lambda _: None,
) -> tuple[Measured, int]:
    """The figures of an agreement (``sha256``: of its document), of which this node is one side, and the newest tick of
    the releaser that it has. ``until_ns`` None: up to that tick. ``each``: told of entries read."""
    stream = f"{one.releaser}>{one.recipient}"
    first = first_since(log, stream, from_ns) if own == one.releaser else received.first(stream, from_ns)
    entries = [found for found in _entries(log, received, own, stream, first, each) if found is not None]
    through_ns = entries[-1].time_ns if entries else 0
    until_ns = through_ns + 1 if until_ns is None else until_ns
    begin = first_since(log, own, max(from_ns - EARLIER_NS, 0))
    said = dict(_said(_entries(log, received, own, own, begin, each), stream))
    return promises.measure(entries, said, stream, sha256, one.promises, from_ns, until_ns), through_ns


@dataclass
class _Read:
    """What was read of a stream, and from where to go on."""

    entries: list[Entry]
    next: int


@dataclass
class Following:
    """The figures of a node that runs, again and again: each entry is read once. It begins an hour back and keeps a
    day. Used from several threads."""

    log: LogStore
    received: Received
    own: str
    _read: dict[str, _Read] = field(default_factory=dict)
    _since_ns: int = -1
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def measured(self, agreements: tuple[tuple[str, Agreement], ...], now_ns: int) -> tuple[Measured, ...]:
        """A result for each agreement, by its hash and what it says."""
        with self._lock:
            if self._since_ns < 0:
                self._since_ns = max(now_ns - FIRST_NS, 0)
            self._since_ns = max(self._since_ns, now_ns - DAY_NS)
            return tuple(self._one(sha256, one) for sha256, one in agreements)

    def _one(self, sha256: str, one: Agreement) -> Measured:
        stream = f"{one.releaser}>{one.recipient}"
        entries, own = self._go_on(stream), self._go_on(self.own)
        until_ns = entries[-1].time_ns + 1 if entries else self._since_ns
        said = dict(_said(iter(own), stream))
        return promises.measure(entries, said, stream, sha256, one.promises, self._since_ns, until_ns)

    def _go_on(self, stream: str) -> list[Entry]:
        known = self._read.get(stream)
        if known is None:
            theirs = heads.releaser(stream) != self.own
            since_ns = max(self._since_ns - EARLIER_NS, 0) if stream == self.own else self._since_ns
            first = self.received.first(stream, since_ns) if theirs else first_since(self.log, stream, since_ns)
            known = self._read[stream] = _Read([], first)
        for one in _entries(self.log, self.received, self.own, stream, known.next, lambda _: None):
            if one is not None:
                known.entries.append(one)
                known.next = one.offset + 1
        kept_ns = self._since_ns - EARLIER_NS if stream == self.own else self._since_ns
        while known.entries and known.entries[0].time_ns < kept_ns:
            known.entries.pop(0)
        return known.entries


def _entries(
    log: LogStore, received: Received, own: str, stream: str, first: int, each: Each
) -> Iterator[Entry | None]:
    """Entries of a stream from a place on, by their heads: out of our own log, or of what a partner sent."""
    if heads.releaser(stream) != own:
        for offset, head in received.heads(stream, first):
            each(1)
            yield _entry(offset, head)
        return
    end = log.heads().get(stream, 0)
    for offset in range(max(first, places.begin_of(end)), end):  # of a log that began anew, from there on
        kept = log.head(stream, offset)
        each(1)
        if kept is not None:
            yield _entry(offset, kept.entry.head)


def _entry(offset: int, data: bytes) -> Entry | None:
    head = heads.parse(data)
    if isinstance(head, Reject):
        return None
    return Entry(offset, int(head.time_ns), head.kind, head.policy, head.subject)


def _said(own: Iterator[Entry | None], stream: str) -> Iterator[tuple[str, bytes]]:
    """Statements of nodes about a stream that stand in this node's own, by hash: its own, or as they came."""
    about = f'"{stream}"'
    for one in own:
        if one is not None and one.kind == "statement" and stream in one.subject:
            text = _text(one.subject)
            if text is not None and about.encode() in text:
                yield statements.statement_sha256(text), text


def _text(subject: str) -> bytes | None:
    """The statement's own text, out of its envelope where it has one."""
    try:
        said: Any = msgspec.json.decode(subject)
    except msgspec.MsgspecError:
        return None
    if isinstance(said, dict) and isinstance(said.get("statement"), str):
        return str(said["statement"]).encode()
    return subject.encode() if isinstance(said, dict) and "type" in said else None
