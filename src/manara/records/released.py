"""What leaves a node: rows of fixed width, frames of them, and the entries of a stream.

::

    rows (one dtype for each table) ─▶ Block ─▶ Frame ─▶ Entry (a place in a stream) ─▶ Delivery (with its proof)

A block's rows are bytes, little-endian, ``width`` each: what is hashed, sealed, sent and kept is one and the same.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec
import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.void]
FRAME_BYTES = 8 << 20
ROWS_MAX = 32_768  # of a frame

PRECISE = np.dtype(
    [
        ("track", "<u8"),  # the recipient's own number for it, for one period of its pseudonym
        ("time_ns", "<i8"),
        ("updated_ns", "<i8"),
        ("identity", "<u8"),  # 0: stripped or not known
        ("lat_rad", "<f8"),
        ("lon_rad", "<f8"),
        ("alt_m", "<f4"),
        ("ve_mps", "<f4"),
        ("vn_mps", "<f4"),
        ("vu_mps", "<f4"),
        ("heading_rad", "<f4"),
        ("cov", "<f4", (10,)),  # upper triangle of [e, n, ve, vn]
        ("begin_ns", "<i8"),  # the increment speaks of (begin_ns, time_ns]
        ("gain", "<f4", (10,)),  # information over that span, upper triangle
        ("moved", "<f4", (4,)),  # equivalent measurement, relative to this row's own position and velocity
        ("mode_3a", "<u4"),
        ("flags", "<u4"),
        ("sources", "<u4"),  # bits of the sources named in the agreement
        ("kind", "u1"),
        ("domain", "u1"),
        ("life", "u1"),
        ("alt_ref", "u1"),
        ("terms", "u1"),  # place in the frame's terms
        ("spare", "u1", (7,)),
    ]
)
COARSE = np.dtype(
    [
        ("track", "<u8"),
        ("cell", "<u8"),  # kernels/grid.py
        ("epoch_ns", "<i8"),  # begin of the epoch in which it lay in the cell
        ("epoch_s", "<u4"),
        ("kind", "u1"),
        ("domain", "u1"),
        ("terms", "u1"),
        ("spare", "u1"),
    ]
)
WARNING = np.dtype(
    [
        ("area", "S32"),  # id of one of the recipient's own published areas
        ("window_ns", "<i8"),  # begin of a five-minute window
        ("hazard", "u1"),
        ("severity", "u1"),
        ("terms", "u1"),
        ("spare", "u1", (5,)),
    ]
)
NAMES = np.dtype([("track", "<u8"), ("name", "S40"), ("callsign", "S12"), ("detail", "S64"), ("terms", "u1")])
ENDED = np.dtype([("track", "<u8"), ("time_ns", "<i8"), ("terms", "u1"), ("spare", "u1", (7,))])
CAPABILITY = np.dtype(
    [
        ("number", "<u8"),  # the recipient's own number for it
        ("since_ns", "<i8"),  # 0: not said
        ("until_ns", "<i8"),
        ("expires_ns", "<i8"),  # not shown after it, unless it is told again
        ("lat_rad", "<f8"),  # NaN: it has no place, or that is not told
        ("lon_rad", "<f8"),
        ("cell", "<u8"),  # the place is the centre of this cell; 0: it is exact
        ("speed_mps", "<f4"),
        ("reach_m", "<f4"),
        ("endurance_s", "<u4"),
        ("persons", "<u2"),
        ("kind", "u1"),  # places in records/capability.py
        ("form", "u1"),
        ("availability", "u1"),  # 0: withdrawn, and nothing else is said
        ("domain", "u1"),
        ("terms", "u1"),
        ("spare", "u1", (5,)),
        ("id", "S32"),
        ("area", "S32"),
        ("name", "S64"),
        ("name_ar", "S96"),
        ("owner", "S64"),
        ("caveat", "S240"),
        ("caveat_ar", "S480"),
    ]
)
COVER = np.dtype(
    [
        ("cell", "<u8"),  # kernels/grid.py
        ("epoch_ns", "<i8"),  # begin of the epoch for which it stands
        ("levels", "<u4"),  # records/coverage.py; 0: no longer covered
        ("counts", "<u4"),
        ("epoch_s", "<u4"),
        ("domain", "u1"),
        ("terms", "u1"),
        ("spare", "u1", (2,)),
    ]
)
PAD = np.dtype([("noise", "V40")])  # rows that say nothing, as wide as COARSE


class RowTable(IntEnum):
    """Which dtype a block's rows have."""

    PAD = 0
    PRECISE = 1
    COARSE = 2
    WARNING = 3
    NAMES = 4
    ENDED = 5
    CAPABILITY = 16
    COVERAGE = 17
    GAP = 18


DTYPES: dict[int, np.dtype[np.void]] = {
    RowTable.PAD: PAD,
    RowTable.PRECISE: PRECISE,
    RowTable.COARSE: COARSE,
    RowTable.WARNING: WARNING,
    RowTable.NAMES: NAMES,
    RowTable.ENDED: ENDED,
    RowTable.CAPABILITY: CAPABILITY,
    RowTable.COVERAGE: COVER,
    RowTable.GAP: COVER,
}

FRAME_KINDS = ("batch", "withheld", "phase", "policy", "recall", "heartbeat", "statement", "warning")


class Terms(msgspec.Struct, frozen=True, omit_defaults=True):
    """Under which rules and obligations a row left."""

    rules: tuple[str, ...]
    purpose: int
    retention_s: int
    onward: tuple[str, ...] = ()
    cell_m: int = 0
    delay_s: int = 0
    pedigree: tuple[str, ...] = ()  # who contributed, as far as the recipient may know; empty: not told
    label: str = ""  # the marking in the recipient's own words (release/labels.py); "": not told
    tlp: str = ""  # clear, green, amber, amber+strict, red; "": none


class Head(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The head of a frame. On the wire it is RFC 8785 JSON, integers and strings only; numbers that may exceed
    2^53 are strings. ``subject``: what the frame says where it holds no rows (a statement, a reason, a phase)."""

    v: int = 1
    kind: str
    stream: str  # releaser>recipient, or releaser>recipient/backfill, or releaser (its own statements)
    offset: str
    time_ns: str  # the tick
    policy: str = ""  # hash of the agreement under which it was decided
    phase: str = ""
    terms: tuple[Terms, ...] = ()
    blocks: tuple[tuple[int, int, int], ...] = ()  # table, width, rows
    subject: str = ""


class Block(msgspec.Struct, frozen=True, array_like=True):
    """Rows of one table. ``subjects``: uint64 each, little-endian: the releaser's own track, under whose key the row
    is kept; it never leaves the node."""

    table: int
    width: int
    rows: bytes
    subjects: bytes = b""


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One place of one stream. ``head``: bytes as they are signed and hashed."""

    stream: str
    offset: int
    head: bytes
    blocks: tuple[Block, ...] = ()


class Delivery(msgspec.Struct, frozen=True, array_like=True):
    """An entry as a partner receives it: with salts and its path to the log. ``salts``: 16 bytes for the head, then
    16 for each row in order. ``tick``: the bytes of the log's leaf; ``path``: hashes from the entry to the tick's
    root, ``place`` and ``width`` where it stands there; ``leaf``: number of the leaf in the log.
    ``erased``: for each row 0, or 1 where its key is gone: then its bytes are its 32-byte leaf hash."""

    offset: int
    head: bytes
    blocks: tuple[Block, ...]
    salts: bytes
    place: int
    width: int
    path: bytes
    tick: bytes
    leaf: int
    erased: bytes = b""
