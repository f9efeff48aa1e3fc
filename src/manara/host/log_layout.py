"""How the rows of one tick lie on disk: once per track, then only what differs between recipients; sealed.

::

    rows of all entries ─▶ what is not known from the track's first row of this tick ─▶ ⊕ key stream ─▶ blob
    key stream of a row = its salt (16) │ pad for its bytes

The same track goes to several recipients, and their rows differ in a few columns of bytes (pseudonym, terms, what was
stripped). The first row of a subject and table stands whole; of a later one only the columns of bytes in which its
block differs from the first rows. The salts cost nothing: they are the beginning of each row's key stream, so that they
are erased with the key. A block says in the clear only in which columns it equals the first rows, and, where it has at
least 64 rows, which of its columns are zero in all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from manara.records.columns import I8, U1, U8

B1 = NDArray[np.bool_]

SALT = 16
ZERO_ROWS = 64  # fewer rows would say too much of one row in the clear
WIDTH_MAX = 4_096

Streams = Callable[[U8, int], tuple[U1, U1]]
"""Key streams for these subjects, in order, so many bytes each; and 1 where the key is there."""


@dataclass(frozen=True)
class Part:
    """Rows of one block as they come and go: ``rows`` (n, width) uint8, ``subjects`` (n,)."""

    table: int
    rows: U1
    subjects: U8


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """What a block says in the clear. ``like``: its subjects are those of the block before, in order. ``whole``,
    ``rest``: columns of bytes (bits) that are stored, of first rows and of the others; ``same``: columns of the others
    that equal the first row's; a column in neither is zero."""

    table: int
    width: int
    rows: int
    like: bool
    whole: bytes
    rest: bytes
    same: bytes


class Packed(msgspec.Struct, frozen=True, array_like=True):
    """A tick's rows: blocks in order, the subjects that occur (ascending), and the sealed bytes."""

    blocks: tuple[Kept, ...]
    subjects: bytes
    blob: bytes


@dataclass(frozen=True)
class Opened:
    """``rows`` and ``salts`` for each block, and 1 for each row whose key is gone (then its bytes mean nothing)."""

    rows: list[U1]
    salts: list[U1]
    gone: list[U1]


def pack(parts: Sequence[Part], streams: Streams) -> tuple[Packed, list[U1]]:
    """Seal the blocks of a tick; also the salt of each row, (n, 16) for each block.

    Lossless for any bytes: ``unpack`` gives the same rows and salts as long as the keys live.
    """
    subjects, places = _places(parts)
    stride = SALT + max((part.rows.shape[1] for part in parts), default=0)
    stream, _ = streams(_joined(parts), stride) if parts else (np.zeros((0, stride), np.uint8), None)
    first = _firsts([(part.table, part.rows.shape[1]) for part in parts], places)
    rows_of = _Rows([part.rows for part in parts])
    blocks: list[Kept] = []
    index: list[bytes] = []
    body: list[bytes] = []
    salts: list[U1] = []
    at = 0
    for number, part in enumerate(parts):
        n, width = part.rows.shape
        pad, salt = stream[at : at + n, SALT : SALT + width], stream[at : at + n, :SALT]
        fresh = first[number] == np.arange(at, at + n)
        others = part.rows[~fresh]
        same = (
            ~(others ^ rows_of.take(first[number][~fresh], width)).any(axis=0) if len(others) else np.ones(width, bool)
        )
        whole, rest = _stored(part.rows[fresh]), _stored(others) & ~same
        like = number > 0 and np.array_equal(places[number], places[number - 1])
        blocks.append(Kept(part.table, width, n, like, _bits(whole), _bits(rest), _bits(same)))
        if not like:
            index.append(places[number].astype(_index_type(len(subjects))).tobytes())
        body.append((part.rows[fresh][:, whole] ^ pad[fresh][:, whole]).tobytes())
        body.append((others[:, rest] ^ pad[~fresh][:, rest]).tobytes())
        salts.append(salt)
        at += n
    return Packed(tuple(blocks), subjects.astype("<u8").tobytes(), b"".join(index + body)), salts


def unpack(packed: Packed, streams: Streams) -> Opened:
    """What ``pack`` took. Raises ValueError when the bytes are not such: they were kept by us, so that is damage."""
    subjects = np.frombuffer(packed.subjects, "<u8").astype(np.uint64)
    places, at = _read_places(packed, len(subjects))
    stride = SALT + max((one.width for one in packed.blocks), default=0)
    asked = np.concatenate([subjects[one] for one in places]) if places else np.zeros(0, np.uint64)
    stream, known = streams(asked, stride)
    first = _firsts([(one.table, one.width) for one in packed.blocks], places)
    blob = np.frombuffer(packed.blob, np.uint8)
    rows_of = _Rows([np.zeros((one.rows, one.width), np.uint8) for one in packed.blocks])
    opened = Opened(rows_of.parts, [], [])
    begin = 0
    for number, one in enumerate(packed.blocks):
        end = begin + one.rows
        pad = stream[begin:end, SALT : SALT + one.width]
        fresh = first[number] == np.arange(begin, end)
        whole, rest, same = (_columns(bits, one.width) for bits in (one.whole, one.rest, one.same))
        rows = rows_of.parts[number]
        mine = np.zeros((int(fresh.sum()), one.width), np.uint8)
        mine[:, whole], at = _cut(blob, at, pad[fresh][:, whole])
        rows[fresh] = mine
        others = rows_of.take(first[number][~fresh], one.width)  # of earlier blocks, or of this one: set just above
        others[:, ~same] = 0
        others[:, rest], at = _cut(blob, at, pad[~fresh][:, rest])
        rows[~fresh] = others
        opened.salts.append(stream[begin:end, :SALT])
        opened.gone.append(1 - known[begin:end])
        begin = end
    if at != len(blob):
        raise ValueError(f"{len(blob) - at} bytes too many")
    return opened


class _Rows:
    """Rows of all blocks by their number in the tick."""

    def __init__(self, parts: list[U1]) -> None:
        self.parts = parts
        self.begins = np.cumsum([0, *(len(one) for one in parts)])

    def take(self, numbers: I8, width: int) -> U1:
        """Copies of these rows, which all have this width."""
        found = np.zeros((len(numbers), width), np.uint8)
        if not len(numbers):
            return found
        block = np.searchsorted(self.begins, numbers, side="right") - 1
        for one in np.unique(block).tolist():
            chosen = block == one
            found[chosen] = self.parts[one][numbers[chosen] - self.begins[one]]
        return found


def _places(parts: Sequence[Part]) -> tuple[U8, list[I8]]:
    """The subjects that occur, ascending, and where each row's stands among them, for each block."""
    if not parts:
        return np.zeros(0, np.uint64), []
    subjects, inverse = np.unique(_joined(parts), return_inverse=True)
    ends = np.cumsum([len(part.subjects) for part in parts])[:-1]
    return subjects, [one.astype(np.int64) for one in np.split(inverse, ends)]


def _joined(parts: Sequence[Part]) -> U8:
    return np.concatenate([part.subjects for part in parts])


def _firsts(kinds: Sequence[tuple[int, int]], places: Sequence[I8]) -> list[I8]:
    """For each row the number (in the tick) of the first row of the same subject, table and width."""
    begins = np.cumsum([0, *(len(one) for one in places)])
    found: list[I8] = [np.zeros(0, np.int64)] * len(places)
    for kind in set(kinds):
        blocks = [number for number, one in enumerate(kinds) if one == kind]
        joined = np.concatenate([places[number] for number in blocks])
        numbers = np.concatenate([np.arange(begins[number], begins[number + 1]) for number in blocks])
        earliest = np.zeros(joined.max(initial=-1) + 1, np.int64)
        earliest[joined[::-1]] = numbers[::-1]  # of several rows the one that is written last, which is the first
        ends = np.cumsum([len(places[number]) for number in blocks])[:-1]
        for number, one in zip(blocks, np.split(earliest[joined], ends), strict=True):
            found[number] = one
    return found


def _stored(rows: U1) -> B1:
    if len(rows) < ZERO_ROWS:
        return np.full(rows.shape[1], len(rows) > 0)
    return np.asarray(rows.any(axis=0), bool)


def _bits(columns: B1) -> bytes:
    return np.packbits(columns).tobytes()


def _columns(bits: bytes, width: int) -> B1:
    if len(bits) != (width + 7) // 8:
        raise ValueError("columns do not fit the width")
    return np.unpackbits(np.frombuffer(bits, np.uint8), count=width).astype(bool)


def _cut(blob: U1, at: int, pad: U1) -> tuple[U1, int]:
    end = at + pad.size
    if end > len(blob):
        raise ValueError("cut short")
    return blob[at:end].reshape(pad.shape) ^ pad, end


def _index_type(subjects: int) -> str:
    return "<u2" if subjects <= 1 << 16 else "<u4"


def _read_places(packed: Packed, subjects: int) -> tuple[list[I8], int]:
    kind = np.dtype(_index_type(subjects))
    places: list[I8] = []
    at = 0
    for one in packed.blocks:
        if not one.like:
            end = at + one.rows * kind.itemsize
            places.append(np.frombuffer(packed.blob[at:end], kind).astype(np.int64))
            at = end
        elif places:
            places.append(places[-1])
        if not places or len(places[-1]) != one.rows or (one.rows and places[-1].max() >= subjects):
            raise ValueError("rows do not fit their subjects")
    return places, at
