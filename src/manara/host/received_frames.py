"""How what partners sent lies on disk: entries sealed block by block, hashes of what was erased, and where each is."""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_right

import msgspec
import numpy as np
from numpy.typing import NDArray

from manara.ledger import entry as ledger_entry
from manara.records.columns import U1, U8
from manara.records.released import Delivery

SALT = 16
HASH = 32
NS_MAX = (1 << 63) - 1


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """One entry as it lies on disk. ``subjects``: of each block, whose its rows are, uint64 each; ``sealed``: salt and
    row of each. ``proof``: place, width, path, tick, leaf. ``gone``: (row, hash) of those that came erased."""

    offset: int
    head: bytes
    shape: tuple[tuple[int, int], ...]  # table, width
    subjects: tuple[bytes, ...]
    sealed: tuple[bytes, ...]
    salt: bytes
    proof: tuple[int, int, bytes, bytes, int]
    gone: tuple[tuple[int, bytes], ...] = ()


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """What one pull brought. ``nonce``: of the seals; ``signed``: the checkpoint; ``paths``: leaf, path."""

    partner: str
    stream: str
    received_ns: int
    nonce: bytes
    signed: bytes
    paths: tuple[tuple[int, bytes], ...]
    entries: tuple[Kept, ...]


class Gone(msgspec.Struct, frozen=True, array_like=True):
    """Rows of an entry that were erased here, and their hashes, which stay. ``recall``: hash of the statement that
    asked for it, under which they are counted."""

    stream: str
    offset: int
    rows: tuple[tuple[int, bytes], ...]
    recall: str = ""


class Places:
    """Where the entries of a stream lie, in order: segment and frame of each, when it came and when its releaser told
    it, each by its own clock. ``parts``: first place and row of each run without a gap; a new one begins where the
    releaser's log began anew."""

    def __init__(self, first: int) -> None:
        self.parts = [(first, 0)]
        self.segments, self.frames = array("l"), array("q")
        self.came_ns, self.told_ns = array("q"), array("q")

    @property
    def first(self) -> int:
        """The first place."""
        return self.parts[0][0]

    def goes_on(self, offset: int) -> None:
        """The next entry is at this place."""
        if offset != self.offset(len(self.frames)):
            self.parts.append((offset, len(self.frames)))

    def offset(self, row: int) -> int:
        """The place of a row.

        >>> one = Places(5)
        >>> one.frames.extend([0, 0]); one.goes_on(100); one.frames.append(0)
        >>> [one.offset(row) for row in range(3)], [one.row(place) for place in (5, 6, 7, 100, 101)]
        ([5, 6, 100], [0, 1, -1, 2, -1])
        """
        first, at = self.parts[bisect_right(self.parts, row, key=lambda one: one[1]) - 1]
        return first + row - at

    def row(self, offset: int) -> int:
        """The row of a place; -1: it is not there."""
        part = bisect_right(self.parts, offset, key=lambda one: one[0]) - 1
        if part < 0:
            return -1
        first, at = self.parts[part]
        end = self.parts[part + 1][1] if part + 1 < len(self.parts) else len(self.frames)
        return at + offset - first if at + offset - first < end else -1

    def of(self, offset: int) -> tuple[int, int] | None:
        """Segment and frame of an entry."""
        row = self.row(offset)
        return None if row < 0 else (self.segments[row], self.frames[row])


def flat(one: Delivery) -> tuple[list[U1], dict[int, bytes]]:
    """Rows of each block, (n, width), zeros where a row came erased; and the hashes of those."""
    if not any(one.erased):
        return [np.frombuffer(b.rows, np.uint8).reshape(-1, b.width) for b in one.blocks], {}
    out, gone, row = [], {}, 0
    for block in one.blocks:
        rows, at = [], 0
        while at < len(block.rows):
            if one.erased[row]:
                gone[row] = block.rows[at : at + HASH]
                rows.append(bytes(block.width))
            else:
                rows.append(block.rows[at : at + block.width])
            at, row = at + (HASH if one.erased[row] else block.width), row + 1
        out.append(np.frombuffer(b"".join(rows), np.uint8).reshape(-1, block.width))
    return out, gone


def chosen_rows(whose: bytes, wanted: U8) -> NDArray[np.bool_]:
    """Which rows are of these tracks, shape (n,); no tracks: all."""
    subjects = np.frombuffer(whose, "<u8").astype(np.uint64)
    return np.isin(subjects, wanted) if len(wanted) else np.ones(len(subjects), bool)


def told_ns_of(tick: bytes) -> int:
    """The time in the bytes of a leaf; they have been checked before they came here."""
    parsed = ledger_entry.parse_tick(tick)
    return 0 if isinstance(parsed, str) else min(parsed[0], NS_MAX)


def nonce_of(nonce: bytes, k: int, number: int) -> bytes:
    """12 bytes: of the answer, then the place of the entry and of the block. Blocks: at most 64; entries: 4,096."""
    return nonce + (k << 8 | number).to_bytes(3, "big")


def leaf_of(salt: bytes, row: bytes) -> bytes:
    """The hash that stands for a row once it is gone."""
    return hashlib.sha256(b"\0" + salt + row).digest()
