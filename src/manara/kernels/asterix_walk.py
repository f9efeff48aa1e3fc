"""Walking ASTERIX records: where each field of each record begins, and columns of numbers from there.

The definition of a category comes as one array of int32, the *program* (feeds/asterix/program.py writes it):

    profile   rows, longest fspec, then per row: node, slot, bytes where fixed, else 0
              node -1: spare, -2: random field sequencing
    fixed     0, bytes
    extended  1, parts, then per part: bytes, slot, has FX         FX is the low bit of the part's last byte
    repeated  2, bytes of the counter (0: an FX bit behind each), bytes of one
    explicit  3                                                    a length byte that counts itself
    compound  4, longest fspec, subfields, then per subfield: node, slot, bytes where fixed, else 0

A slot is a column of the table of offsets; -1: nobody asked.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

FIXED, EXTENDED, REPEATED, EXPLICIT, COMPOUND = 0, 1, 2, 3, 4
SPARE, RANDOM = -1, -2
# Why a record is bad; the negative of these comes back instead of a position.
PAST_END, BEYOND_LAST, ZERO_LENGTH, LONG_FSPEC, SPARE_BIT, BAD_FRN = 1, 2, 3, 4, 5, 6

U1 = NDArray[np.uint8]
I4 = NDArray[np.int32]
I8 = NDArray[np.int64]
F8 = NDArray[np.float64]


@njit(cache=True, nogil=True)
def find_blocks(buf: U1, pos: int, starts: I8, ends: I8) -> tuple[int, int, int]:
    """Cut a buffer into data blocks: category (1 byte), length L (2 bytes, itself included), L - 3 bytes of records.

    ``buf`` (n,) uint8; ``starts``, ``ends`` int64, one length: filled with the first byte of each block and the byte
    after it. Returns (number of blocks, position reached, state): state 0 the buffer ends with a block, 1 an
    incomplete block stands at the position, 2 a length below 3 stands there, 3 the arrays are full.
    Never reads outside the buffer. O(blocks). Source: EUROCONTROL-SPEC-0149 part 1, 4.3.

    >>> import numpy as np
    >>> s, e = np.zeros(4, np.int64), np.zeros(4, np.int64)
    >>> find_blocks(np.frombuffer(bytes.fromhex("30000400220005"), np.uint8), 0, s, e), int(e[0])
    ((1, 4, 1), 4)
    """
    size = buf.shape[0]
    count = 0
    while pos < size:
        if pos + 3 > size:
            return count, pos, 1
        length = int(buf[pos + 1]) * 256 + int(buf[pos + 2])
        if length < 3:
            return count, pos, 2
        if pos + length > size:
            return count, pos, 1
        if count == starts.shape[0]:
            return count, pos, 3
        starts[count] = pos
        ends[count] = pos + length
        count += 1
        pos += length
    return count, pos, 0


@njit(cache=True, nogil=True)
def _simple(buf: U1, pos: int, end: int, prog: I4, node: int, off: I4) -> int:
    """The position behind a field that is no compound, or a negative reason."""
    kind = prog[node]
    if kind == 0:
        pos += prog[node + 1]
    elif kind == 1:
        parts = prog[node + 1]
        for k in range(parts):
            at = node + 2 + 3 * k
            if prog[at + 1] >= 0:
                off[prog[at + 1]] = pos
            pos += prog[at]
            if pos > end:
                return -1
            if prog[at + 2] == 0 or (int(buf[pos - 1]) & 1) == 0:
                return pos
        return -2
    elif kind == 2:
        pos = _repeated(buf, pos, end, prog[node + 1], prog[node + 2])
    else:
        if pos >= end:
            return -1
        if buf[pos] == 0:
            return -3
        pos += int(buf[pos])
    return -1 if pos > end else pos


@njit(cache=True, nogil=True)
def _repeated(buf: U1, pos: int, end: int, counter: int, size: int) -> int:
    if counter == 0:
        while pos + size <= end:
            pos += size
            if (int(buf[pos - 1]) & 1) == 0:
                return pos
        return end + 1
    if pos + counter > end:
        return end + 1
    count = 0
    for k in range(counter):
        count = count * 256 + int(buf[pos + k])
    return pos + counter + count * size


@njit(cache=True, nogil=True)
def _fspec_end(buf: U1, pos: int, end: int, bytes_max: int) -> int:
    """The position behind an fspec, or a negative reason."""
    for k in range(bytes_max):
        if pos + k >= end:
            return -1
        if (int(buf[pos + k]) & 1) == 0:
            return pos + k + 1
    return -4


@njit(cache=True, nogil=True)
def _field(buf: U1, pos: int, end: int, prog: I4, node: int, off: I4) -> int:
    """The position behind any field, or a negative reason; fills the slots of its subfields."""
    if prog[node] != 4:
        return _simple(buf, pos, end, prog, node, off)
    at = _fspec_end(buf, pos, end, prog[node + 1])
    if at < 0:
        return at
    subfields = prog[node + 2]
    here = at
    for k in range(pos, at):
        byte = int(buf[k])
        for bit in range(7):
            if (byte >> (7 - bit)) & 1 == 0:
                continue
            sub = 7 * (k - pos) + bit
            row = node + 3 + 3 * sub
            if sub >= subfields or prog[row] < 0:
                return -5
            if prog[row + 1] >= 0:
                off[prog[row + 1]] = here
            if prog[row + 2] > 0:
                here += prog[row + 2]
                continue
            here = _simple(buf, here, end, prog, prog[row], off)
            if here < 0:
                return here
    return -1 if here > end else here


@njit(cache=True, nogil=True)
def _random(buf: U1, pos: int, end: int, prog: I4, profile: int, off: I4) -> int:
    """Random field sequencing: a count, then pairs of field reference number and field."""
    if pos >= end:
        return -1
    count = int(buf[pos])
    pos += 1
    for _ in range(count):
        if pos >= end:
            return -1
        row = int(buf[pos]) - 1
        if row < 0 or row >= prog[profile] or prog[profile + 2 + 3 * row] < 0:
            return -6
        slot = prog[profile + 3 + 3 * row]
        if slot >= 0:
            off[slot] = pos + 1
        pos = _field(buf, pos + 1, end, prog, prog[profile + 2 + 3 * row], off)
        if pos < 0:
            return pos
    return pos


@njit(cache=True, nogil=True)
def _record(  # noqa: C901  one loop: a call for each field would cost more than the field
    buf: U1, pos: int, end: int, prog: I4, profile: int, other: int, row_of: int, mask: int, off: I4
) -> int:
    """The position behind a record, or a negative reason. ``other``: the profile once field ``row_of`` has ``mask``."""
    here = _fspec_end(buf, pos, end, prog[profile + 1])
    if here < 0:
        return here
    last = here
    for k in range(pos, last):
        byte = int(buf[k])
        if byte < 2:
            continue
        for bit in range(7):
            if (byte >> (7 - bit)) & 1 == 0:
                continue
            row = 7 * (k - pos) + bit
            if row >= prog[profile]:
                return -5
            node = prog[profile + 2 + 3 * row]
            if node == -1:
                return -5
            if node == -2:
                here = _random(buf, here, end, prog, profile, off)
            else:
                slot = prog[profile + 3 + 3 * row]
                if slot >= 0:
                    off[slot] = here
                begin = here
                size = prog[profile + 4 + 3 * row]
                if size > 0:
                    here = here + size if here + size <= end else -1
                else:
                    here = _field(buf, here, end, prog, node, off)
                if row == row_of and here >= 0 and (int(buf[begin]) & mask) != 0:
                    profile = other
            if here < 0:
                return here
    return here


@njit(cache=True, nogil=True)
def walk(
    buf: U1,
    starts: I8,
    ends: I8,
    prog: I4,
    profiles: I8,
    at: I8,
    records: I8,
    owner: I8,
    off: I4,
    bad: I8,
) -> tuple[int, int]:
    """Walk the records of the blocks of one category: where each record begins, and each field that has a slot.

    ``buf`` (n,) uint8. ``starts``, ``ends`` (b,) int64: the first byte of each block (its category) and the byte
    after it; not checked to lie inside ``buf``. ``prog``: see the head of this file. ``profiles`` (4,) int64:
    profile, other profile, the row that selects it (-1: none), the bit that must be set in that field's first byte.
    ``at`` (2,) int64: the block and the byte to go on from, (0, 0) at first; updated.

    Out: ``records`` (m,) int64 the first byte of each record, ``owner`` (m,) its block, ``off`` (m, slots) int32 the
    offset of each field, -1 where absent, ``bad`` (b, 2) int64 the byte of a block's bad record and the reason (0:
    none); what follows a bad record in its block is passed over. Returns (records, bad ones); all blocks were walked
    when ``at[0] == b``, else ``records`` was full and the call is repeated. Reads only between starts and ends.
    About 100 ns per CAT048 record. Source: EUROCONTROL-SPEC-0149 part 1, 4.3 and 5.

    >>> import numpy as np
    >>> buf = np.frombuffer(bytes.fromhex("300006800102"), np.uint8)
    >>> prog = np.array([1, 1, 5, 0, 2, 0, 2], np.int32)  # one row: node 5, slot 0; node 5: two bytes
    >>> zero, found, at = np.zeros(1, np.int64), np.zeros(9, np.int64), np.zeros(2, np.int64)
    >>> off, bad = np.full((9, 1), -1, np.int32), np.zeros((1, 2), np.int64)
    >>> walk(buf, zero, zero + 6, prog, np.array([0, 0, -1, 0]), at, found, found.copy(), off, bad), int(off[0, 0])
    ((1, 0), 4)
    """
    count = 0
    faults = 0
    block = int(at[0])
    pos = int(at[1])
    while block < starts.shape[0]:
        end = int(ends[block])
        if pos == 0:
            pos = int(starts[block]) + 3
        while pos < end:
            if count == records.shape[0]:
                at[0] = block
                at[1] = pos
                return count, faults
            row = off[count]
            row[:] = -1
            after = _record(buf, pos, end, prog, profiles[0], profiles[1], profiles[2], profiles[3], row)
            if after < 0:
                bad[block, 0] = pos
                bad[block, 1] = -after
                faults += 1
                break
            records[count] = pos
            owner[count] = block
            count += 1
            pos = after
        block += 1
        pos = 0
    at[0] = block
    at[1] = 0
    return count, faults


@njit(cache=True, nogil=True)
def columns(buf: U1, off: I4, spec: I8, lsb: F8, out: F8) -> None:
    """Numbers from bits: ``out[c, i]`` = lsb[c] times the field of column c in record i, NaN where it is absent.

    ``buf`` (n,) uint8; ``off`` (m, slots) int32 of ``walk``; ``spec`` (c, 4) int64: slot (-1: the edition has no such
    field), first bit from the offset, bits (1 to 56), 1 for two's complement; ``lsb`` (c,) float64; ``out`` (c, m).
    Exact: 56 bits would lose the last three, none of the fields asked for has more than 48. About 3 ns a number.

    >>> import numpy as np
    >>> buf, off, out = np.array([0xFF, 0xFE], np.uint8), np.array([[0], [-1]], np.int32), np.zeros((1, 2))
    >>> columns(buf, off, np.array([[0, 0, 16, 1]]), np.array([0.5]), out)
    >>> out.tolist()
    [[-1.0, nan]]
    """
    rows = off.shape[0]
    for c in range(spec.shape[0]):
        slot = spec[c, 0]
        if slot < 0:
            out[c, :] = np.nan
            continue
        first = spec[c, 1] >> 3
        stop = (spec[c, 1] + spec[c, 2] + 7) >> 3
        shift = (stop << 3) - spec[c, 1] - spec[c, 2]
        span = 1 << spec[c, 2]
        half = span >> 1 if spec[c, 3] == 1 else span
        scale = lsb[c]
        for i in range(rows):
            base = off[i, slot]
            if base < 0:
                out[c, i] = np.nan
                continue
            word = 0
            for k in range(base + first, base + stop):
                word = (word << 8) | int(buf[k])
            word = (word >> shift) & (span - 1)
            if word >= half:
                word -= span
            out[c, i] = word * scale


@njit(cache=True, nogil=True)
def changed(keys: I8, labels: I8, table: I8, fresh: NDArray[np.bool_]) -> None:
    """Which labels are new for their key: ``fresh[i]`` = the label of key i differs from the one last seen.

    ``keys``, ``labels`` (n,) int64, key 0: none, never fresh. ``table`` (2**p, 2) int64: key and label, zeros at
    first; updated. Linear probing over eight places; when they are full the first gives way, so that a label may be
    told again, never withheld. O(n). A hash table as in Knuth, TAOCP 3, 6.4.

    >>> import numpy as np
    >>> fresh, table = np.zeros(3, np.bool_), np.zeros((8, 2), np.int64)
    >>> changed(np.array([5, 5, 5]), np.array([1, 1, 2]), table, fresh); fresh.tolist()
    [True, False, True]
    """
    mask = table.shape[0] - 1
    for i in range(keys.shape[0]):
        fresh[i] = False
        key = keys[i]
        if key == 0:
            continue
        home = int((((key ^ (key >> 32)) & 0xFFFFFFFF) * 40503) >> 8) & mask
        place = home
        for k in range(8):
            probe = (home + k) & mask
            if table[probe, 0] == key or table[probe, 0] == 0:
                place = probe
                break
        if table[place, 0] != key or table[place, 1] != labels[i]:
            table[place, 0] = key
            table[place, 1] = labels[i]
            fresh[i] = True
