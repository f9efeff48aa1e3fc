"""Records of one buffer as columns: the door between bytes and the modules that know what the numbers mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from manara.feeds.asterix.program import Program
from manara.kernels import asterix_walk as kernel

RECORDS_MAX = 8192  # of one run of the kernel; more are walked in the next
WHY = ("", "a field runs past the end of the block", "an extension beyond the last that is defined",
       "an explicit field of length zero", "the fspec is too long", "the fspec announces a field that is not defined",
       "random field sequencing names a field that is not defined")  # fmt: skip

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
U1 = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Found:
    """Some records of one category: ``at`` their first byte, ``received_ns``, ``names`` and ``table`` their columns."""

    at: I8
    received_ns: I8
    names: dict[str, int]
    table: F8  # (columns, n)

    def __len__(self) -> int:
        return len(self.at)

    def __getitem__(self, name: str) -> F8:
        column: F8 = self.table[self.names[name]]
        return column

    def whole(self, name: str, missing: int = 0) -> I8:
        """A column of integers; ``missing`` stands where the field is absent."""
        column = self[name]
        return np.where(np.isnan(column), missing, column).astype(np.int64)

    def flag(self, name: str) -> NDArray[np.bool_]:
        """A one-bit column; False where it is absent."""
        mask: NDArray[np.bool_] = self[name] == 1.0
        return mask

    def only(self, mask: NDArray[np.bool_]) -> Found:
        """The records that the mask names."""
        if mask.all():
            return self
        return Found(self.at[mask], self.received_ns[mask], self.names, np.ascontiguousarray(self.table[:, mask]))


def find_blocks(buf: U1) -> tuple[I8, I8, int, int]:
    """(starts, ends, position reached, state) of the blocks; see ``kernel.find_blocks``."""
    starts = np.empty(len(buf) // 3 + 1, np.int64)
    ends = np.empty_like(starts)
    count, pos, state = kernel.find_blocks(buf, 0, starts, ends)
    return starts[:count], ends[:count], pos, state


def walk(buf: U1, starts: I8, ends: I8, received_ns: I8, program: Program, bad: I8) -> Iterator[Found]:
    """The records of the blocks, at most RECORDS_MAX at a time; ``bad`` (blocks, 2) takes the bad ones."""
    at = np.zeros(2, np.int64)
    most = min(RECORDS_MAX, int((ends - starts).sum()))
    records, owner = np.empty(most, np.int64), np.empty(most, np.int64)
    off = np.empty((most, program.slots), np.int32)
    while at[0] < len(starts):
        count, _ = kernel.walk(buf, starts, ends, program.code, program.profiles, at, records, owner, off, bad)
        if count == 0:
            continue
        table = np.empty((len(program.spec), count))
        kernel.columns(buf, off[:count], program.spec, program.lsb, table)
        yield Found(records[:count].copy(), received_ns[owner[:count]], program.names, table)
