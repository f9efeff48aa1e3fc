"""Streams of whole documents (XML events, JSON objects): kept until one is complete, bounded, then read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from manara.feeds.decoder import Plain
from manara.kernels import braces
from manara.records import identity
from manara.records.batch import Batch
from manara.records.identity import Space
from manara.records.particulars import Particulars
from manara.records.reject import KEPT_BYTES, Reject
from manara.records.reports import Reports

REJECTS_KEPT = 100  # of one batch; the rest is counted


class Cutter(Protocol):
    """Finds documents in bytes that grow."""

    def find(self, data: bytes, start: int) -> tuple[int, int] | None:
        """Where the next whole document at or behind ``start`` begins and ends; None when none is complete."""
        ...

    def drop(self, n: int) -> None:
        """The first n bytes are gone from what it will be shown next."""
        ...


@dataclass
class Gathered:
    """What the documents of one call gave, before it becomes a batch."""

    rows: list[dict[str, Any]] = field(default_factory=list)  # Reports columns by name
    particulars: list[Particulars] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    reject_counts: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def refuse(self, why: str, data: bytes, detail: str = "") -> None:
        """Keep (to a bound) and count what did not decode."""
        self.reject_counts[why] = self.reject_counts.get(why, 0) + 1
        if len(self.rejects) < REJECTS_KEPT:
            self.rejects.append(Reject(why, data[:KEPT_BYTES], detail))

    def count(self, kind: str, n: int = 1) -> None:
        """One more record of a kind."""
        self.counts[kind] = self.counts.get(kind, 0) + n

    def batch(self) -> Batch:
        """The columns."""
        return Batch(
            reports=reports(self.rows),
            particulars=tuple(self.particulars),
            rejects=tuple(self.rejects),
            reject_counts=self.reject_counts,
            counts=self.counts,
        )


def reports(rows: Sequence[Mapping[str, Any]]) -> Reports:
    """Rows of words to columns; a word that a row does not say stays "not known".

    >>> float(reports([{"speed_mps": 5.0}, {}]).speed_mps[0])
    5.0
    """
    table = Reports.blank(len(rows))
    for name in set[str]().union(*rows):
        column = getattr(table, name)
        said = [row[name] for row in rows if name in row]
        if len(said) == len(rows):
            column[:] = said
            continue
        for place, row in enumerate(rows):
            if name in row:
                column[place] = row[name]
    return table


def uid_identity(uid: str) -> int:
    """The identity that a uid or id claims: an MMSI or ICAO address where it is written as one, else a hash.

    >>> identity.text(uid_identity("MMSI-291000001")), identity.text(uid_identity("ICAO-d00001"))
    ('291000001', 'D00001')
    >>> identity.text(uid_identity("boat 7")).startswith("uid:")
    True
    """
    prefix, _, rest = uid.partition("-")
    if prefix.upper() == "MMSI" and rest.isascii() and rest.isdigit() and len(rest) <= 9:
        return identity.pack(Space.MMSI, int(rest))
    if prefix.upper() in ("ICAO", "ICAO24") and len(rest) == 6:
        try:
            return identity.pack(Space.ICAO24, int(rest, 16))
        except ValueError:
            pass
    digest = hashlib.blake2b(uid.encode("utf-8", "replace"), digest_size=7).digest()
    return identity.pack(Space.UID, int.from_bytes(digest, "big"))


class DocumentDecoder:
    """Gathers bytes, cuts documents off, reads each. The state is only what waits for its end."""

    def __init__(self, new: Callable[[], Cutter], read: Callable[[bytes, int, Gathered], None], bound: int) -> None:
        self._new, self._read, self._bound = new, read, bound
        self._cutter, self._rest = new(), b""

    def advance(self, data: bytes, received_ns: int, whole: bool = False) -> Batch:
        """Read every document that is complete; a datagram that holds none is a reject."""
        got = Gathered()
        if whole:
            self._documents(data, self._new(), received_ns, got, last=True)
            return got.batch()
        self._rest = self._documents(self._rest + data, self._cutter, received_ns, got, last=False)
        return got.batch()

    def _documents(self, data: bytes, cutter: Cutter, received_ns: int, got: Gathered, last: bool) -> bytes:
        at = 0
        for begin, end in spans(data, cutter):
            if data[at:begin].strip():
                got.refuse("between_documents", data[at:begin])
            self._read(data[begin:end], received_ns, got)
            at = end
        rest = data[at:]
        cutter.drop(at)
        if last and rest.strip():
            got.refuse("truncated", rest)
        elif len(rest) > self._bound:
            got.refuse("too_long", rest, f"no end within {self._bound} bytes")
            self._cutter = self._new()
            return b""
        return rest

    def finish(self, received_ns: int) -> Batch:
        """What still waits is cut short."""
        got = Gathered()
        self._documents(self._rest, self._new(), received_ns, got, last=True)
        self._cutter, self._rest = self._new(), b""
        return got.batch()

    def dump(self) -> Plain:
        """What waits."""
        return {"rest": self._rest}

    def load(self, state: Plain) -> None:
        """Take it back."""
        self._cutter, self._rest = self._new(), bytes(state["rest"])


class JsonCutter:
    """Finds whole JSON objects. It goes on where it stopped, so that a long document that comes in small pieces is
    looked at once; what it remembers can be found again from the bytes, and is no state.

    >>> JsonCutter().find(b' {"a": "}"} {', 0)
    (1, 11)
    """

    def __init__(self) -> None:
        self._at, self._begin = 0, -1  # no object is open
        self._braces = np.zeros(braces.STATE, np.int64)

    def find(self, data: bytes, start: int) -> tuple[int, int] | None:
        """The next object at or behind ``start``."""
        at = max(self._at, start)
        if self._begin < 0:
            self._begin = at = data.find(b"{", at)
        end = braces.close(np.frombuffer(data, np.uint8), at, self._braces) if self._begin >= 0 else -1
        if end < 0:
            self._at = len(data)
            return None
        found = self._begin, end
        self._at, self._begin = end, -1
        self._braces[:] = 0
        return found

    def drop(self, n: int) -> None:
        """The first n bytes are gone from what it will be shown next."""
        self._at = max(self._at - n, 0)
        self._begin = max(self._begin - n, -1)


class SpanCutter:
    """Finds documents with a function that needs no memory; for documents that are short."""

    def __init__(self, span: Callable[[bytes, int], tuple[int, int] | None]) -> None:
        self._span = span

    def find(self, data: bytes, start: int) -> tuple[int, int] | None:
        """The next document at or behind ``start``."""
        return self._span(data, start)

    def drop(self, n: int) -> None:
        """Nothing is remembered."""


def spans(data: bytes, cutter: Cutter) -> Iterator[tuple[int, int]]:
    """All whole documents of some bytes."""
    at = 0
    while span := cutter.find(data, at):
        yield span
        at = span[1]
