"""Constant cadence: frames of one size, whatever there is to say, so that an onlooker learns nothing from sizes.

The size stands on a ladder of steps of √2 and is the first with room to spare: a tenth to a third, drawn by a key for
each day, so that traffic near a step does not tell on which side of it. It rises at once when it must, and falls only
at ten-minute marks of absolute time, and only to what the last ten minutes would have fitted. What is missing to the
size is filled with rows that say nothing. An onlooker (network, broker, witness, whoever counts bytes of the log)
sees steps of the size, rarely; the recipient itself sees which rows are filling.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from manara.records.released import FRAME_BYTES, Block, RowTable

NS = 1_000_000_000
HOLD_NS = 600 * NS
SPARE, SPARE_MAX = 1.1, 1.35
DAY = 144  # marks
SALT = 16  # travels with each row
WIDE = 800  # bytes of a filling row; the last one has 100 to 999
SIZES = tuple(int(2_048 * 2 ** (k / 2)) // 64 * 64 for k in range(25) if 2_048 * 2 ** (k / 2) <= FRAME_BYTES)

Pads = tuple[tuple[int, int, int], ...]  # table, width, rows: as in a frame's head


@dataclass
class CadenceState:
    """Of one stream: the size of its frames, and the most that was needed in this and the last ten minutes."""

    size: int = 0
    mark: int = 0  # number of the ten minutes
    peak: int = 0
    last_peak: int = 0


def init() -> CadenceState:
    """No size yet; the first frame sets it."""
    return CadenceState()


def fill(
    state: CadenceState, rows_bytes: int, head_bytes: Callable[[Pads], int], now_ns: int, key: bytes = b""
) -> Pads:
    """The filling that a frame needs to be exactly as long as all others of its stream.

    ``rows_bytes``: bytes of its rows, with the salt of each (``cost``). ``head_bytes``: length of the head with these
    blocks added. Sum of both with the filling is ``state.size``. A frame that is longer than the longest size goes
    unfilled: (). ``key``: a secret of the node, its own for each stream. Filling rows have table PAD and the widths
    said here, not 40.

    >>> state = init(); pads = fill(state, 500, lambda p: 300 + len(str(p)), 0)
    >>> 500 + 300 + len(str(pads)) + cost(pads) == state.size
    True
    """
    least = rows_bytes + head_bytes(_pads(1, 100)) + cost(_pads(1, 100)) + WIDE + SALT
    size = _size(state, least, now_ns, key)
    if size == 0:
        return ()
    for n in range((size - least) // (WIDE + SALT) + 2, 0, -1):
        rest = size - rows_bytes - head_bytes(_pads(n, 100)) - cost(_pads(n, 0))
        if 100 <= rest <= 999:
            return _pads(n, rest)
    return ()


def cost(pads: Pads) -> int:
    """Bytes of rows of these blocks, with a salt for each row.

    >>> cost(((1, 200, 3),))
    648
    """
    return sum((width + SALT) * rows for _, width, rows in pads)


def blocks(pads: Pads, noise: bytes) -> tuple[Block, ...]:
    """The filling as blocks. ``noise``: random bytes, at least ``noise_bytes(pads)`` of them.

    >>> [len(one.rows) for one in blocks(((0, 800, 2), (0, 100, 1)), bytes(1700))]
    [1600, 100]
    """
    out, begin = [], 0
    for table, width, rows in pads:
        out.append(Block(table, width, noise[begin : begin + width * rows], bytes(8 * rows)))
        begin += width * rows
    return tuple(out)


def noise_bytes(pads: Pads) -> int:
    """How many random bytes the filling takes."""
    return sum(width * rows for _, width, rows in pads)


def dump(state: CadenceState) -> dict[str, Any]:
    """The whole state as plain values."""
    return {"size": state.size, "mark": state.mark, "peak": state.peak, "last_peak": state.last_peak}


def load(plain: dict[str, Any]) -> CadenceState:
    """Take what ``dump`` gave."""
    return CadenceState(**{name: int(plain[name]) for name in ("size", "mark", "peak", "last_peak")})


def _pads(rows: int, rest: int) -> Pads:
    return ((int(RowTable.PAD), WIDE, rows), (int(RowTable.PAD), rest, 1))


def _size(state: CadenceState, least: int, now_ns: int, key: bytes) -> int:
    mark = now_ns // HOLD_NS
    spare = _spare(key, mark // DAY)
    if mark != state.mark:
        state.last_peak = state.peak if mark == state.mark + 1 else 0
        state.peak, state.mark = 0, mark
        wanted = _step(max(state.last_peak, least), spare)
        if 0 < wanted < state.size and state.last_peak:
            state.size = wanted
    state.peak = max(state.peak, least)
    if least > state.size:
        state.size = _step(least, spare)
    return state.size


def _spare(key: bytes, day: int) -> float:
    """How much room to leave on one day."""
    drawn = hashlib.blake2b(day.to_bytes(8, "little"), key=key[:64], digest_size=4, person=b"manara/cadence").digest()
    return SPARE + (SPARE_MAX - SPARE) * int.from_bytes(drawn, "little") / 2**32


def _step(least: int, spare: float) -> int:
    """The first size with room to spare; the longest where it just fits; 0 where nothing does."""
    for size in SIZES:
        if size >= least * spare:
            return size
    return SIZES[-1] if least <= SIZES[-1] else 0
