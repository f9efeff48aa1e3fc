"""What a partner has of this node: its own stream, read as the partner reads it.

::

    log ─▶ the last entries ─▶ head, rows (the link's own readers) ─▶ newest row of each track ─▶ Given

The desk shows this, and never a picture filtered a second time: what a mistake in a rule lets out is seen here too.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Annotated, Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from manara.link import heads, rows, wire
from manara.records.columns import I8, U8
from manara.records.partners import Given, Warned
from manara.records.reject import Reject
from manara.records.released import COARSE, PRECISE, Block, Delivery, Head, Rows, RowTable, Terms

BACK = 120  # entries that the first look reads; a stream has about one a second
ENTRIES, BYTES = 16, 8 << 20  # of one read
KEPT_NS = 90_000_000_000  # each track is told again within 30 s (release/precise.py), at sea within 35 s
TERMS_MAX = 4_096
WARNED_MAX = 20


class Log(Protocol):
    """What is read of the node's log."""

    def heads(self) -> dict[str, int]:
        """Entries of each stream."""
        ...

    def oldest(self, stream: str) -> int:
        """The first entry that is still there."""
        ...

    def read(self, stream: str, first: int, max_entries: int, max_bytes: int) -> list[Delivery]:
        """Entries from a place on."""
        ...


class Stream:
    """One partner's stream, followed as far as anybody looks. Calls may come from several threads."""

    def __init__(self, log: Log, own: str, partner: str) -> None:
        self._log, self._partner, self._stream = log, partner, f"{own}>{partner}"
        self._lock = threading.Lock()
        self._next = -1
        self._forget()

    def given(self) -> Given:
        """All that the newest entries say; of what was read before only the news is read."""
        with self._lock:
            head = self._log.heads().get(self._stream, 0)
            if self._next < 0 or head - self._next > BACK:
                self._forget()
                self._next = max(head - BACK, self._log.oldest(self._stream), 0)
            while self._next < head:
                some = self._log.read(self._stream, self._next, ENTRIES, BYTES)
                if not some:
                    break
                for one in some:
                    self._take(one)
                self._next = some[-1].offset + 1
            return self._shown()

    def _forget(self) -> None:
        self._time_ns, self._phase, self._withheld = 0, "", ""
        self._terms: dict[Terms, int] = {}
        self._names: dict[int, tuple[str, str]] = {}
        self._warned: deque[Warned] = deque(maxlen=WARNED_MAX)
        self._precise, self._coarse = _Newest(np.zeros(0, PRECISE)), _Newest(np.zeros(0, COARSE))

    def _take(self, one: Delivery) -> None:
        head, blocks = heads.parse(one.head), wire.living(one)
        if isinstance(head, Reject) or isinstance(blocks, Reject):
            return  # the partner takes nothing from it either
        self._time_ns = max(self._time_ns, int(head.time_ns))
        self._phase = head.phase or self._phase
        if head.kind in ("batch", "withheld"):
            self._withheld = head.subject if head.kind == "withheld" else ""
        if head.kind == "recall":
            self._recalled(head.subject)
        found = rows.read(head, [_bare(block) for block in blocks])
        if isinstance(found, Reject):
            return
        self._sort(head, found.tables.get(RowTable.PRECISE), self._precise)
        self._sort(head, found.tables.get(RowTable.COARSE), self._coarse)
        for row in found.tables.get(RowTable.NAMES, ()):
            self._names[int(row["track"])] = (_text(row["name"]), _text(row["callsign"]))
        for row in found.tables.get(RowTable.WARNING, ()):
            self._warn(self._warning(row, int(head.time_ns)))
        if RowTable.ENDED in found.tables:
            self._precise.end(found.tables[RowTable.ENDED]["track"])

    def _warn(self, one: Warned) -> None:
        """What is said again, each minute, stands once."""
        again = [told for told in self._warned if msgspec.structs.replace(told, received_ns=one.received_ns) == one]
        for told in again:
            self._warned.remove(told)
        self._warned.append(one)

    def _warning(self, row: Any, told_ns: int) -> Warned:
        return Warned(
            partner=self._partner,
            area=_text(row["area"]),
            window_ns=int(row["window_ns"]),
            hazard=int(row["hazard"]),
            severity=int(row["severity"]),
            received_ns=told_ns,
        )

    def _recalled(self, subject: str) -> None:
        """What a person took back; its rows were erased over there, and newer ones may come again."""
        try:
            tracks = msgspec.json.decode(subject, type=_Recall).tracks
        except msgspec.MsgspecError:
            return
        for newest in (self._precise, self._coarse):
            newest.end(None if "all" in tracks else np.array([int(one) for one in tracks], np.uint64))

    def _sort(self, head: Head, told: Rows | None, newest: _Newest) -> None:
        if told is None or not len(told):
            return
        if len(self._terms) > TERMS_MAX:
            self._terms.clear()
            newest.end(None)
        places = [self._terms.setdefault(one, len(self._terms)) for one in head.terms] or [0]
        terms = np.asarray(places, np.int64)[np.minimum(told["terms"], len(places) - 1)]
        newest.take(told, terms, int(head.time_ns))

    def _shown(self) -> Given:
        self._precise.drop(self._time_ns - KEPT_NS)
        epoch_ns = self._coarse.rows["epoch_s"].astype(np.int64) * 1_000_000_000
        self._coarse.keep(self._coarse.told_ns + np.maximum(2 * epoch_ns, KEPT_NS) > self._time_ns)
        return Given(
            partner=self._partner,
            stream=self._stream,
            reached=self._next,
            time_ns=self._time_ns,
            phase=self._phase,
            withheld=self._withheld,
            precise=self._precise.rows,
            precise_terms=self._precise.terms,
            coarse=self._coarse.rows,
            coarse_terms=self._coarse.terms,
            terms=tuple(self._terms),
            names=dict(self._names),
            warned=tuple(self._warned),
        )


class _Recall(msgspec.Struct):
    tracks: tuple[Annotated[str, msgspec.Meta(pattern=r"\A(all|[0-9]{1,19})\Z")], ...]


class _Newest:
    """The newest row of each track, sorted by track."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.terms: I8 = np.zeros(len(rows), np.int64)
        self.told_ns: I8 = np.zeros(len(rows), np.int64)

    def take(self, told: Rows, terms: I8, told_ns: int) -> None:
        """Rows of one entry: each stands in the place of the one before it."""
        every = np.concatenate([told[::-1], self.rows])
        _, first = np.unique(every["track"], return_index=True)
        self.terms = np.concatenate([terms[::-1], self.terms])[first]
        self.told_ns = np.concatenate([np.full(len(told), told_ns, np.int64), self.told_ns])[first]
        self.rows = every[first]

    def end(self, tracks: U8 | None) -> None:
        """These tracks have ended; None: all."""
        self.keep(np.zeros(len(self.rows), np.bool_) if tracks is None else ~np.isin(self.rows["track"], tracks))

    def drop(self, before_ns: int) -> None:
        """What was told last before a time."""
        self.keep(self.told_ns >= before_ns)

    def keep(self, which: NDArray[np.bool_]) -> None:
        """Those rows and no other."""
        self.rows, self.terms, self.told_ns = self.rows[which], self.terms[which], self.told_ns[which]


def _bare(block: Block) -> Block:
    """As it goes to the partner: whose track a row is of never leaves."""
    return Block(block.table, block.width, block.rows)


def _text(said: bytes) -> str:
    return bytes(said).decode("utf-8", "replace")
