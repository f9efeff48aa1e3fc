"""Blocks of a frame as NumPy rows, checked: a bad row is counted and dropped, its neighbours stay.

::

    blocks ─▶ widths and counts as the head says ─▶ rows ─▶ each within its bounds ─▶ Sorted
               │ no: the whole frame is refused               │ no: dropped, counted by reason
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from manara.link import heads, rows_of_means
from manara.records.columns import F8
from manara.records.reject import Reject
from manara.records.released import DTYPES, FRAME_BYTES, ROWS_MAX, Block, Head, Rows, RowTable
from manara.records.reports import AltRef, Domain, Kind
from manara.records.tracks import Life

ENTRY_BYTES = FRAME_BYTES
AHEAD_NS = 10_000_000_000  # a row's time before the releaser's tick by more than this is absurd
BEHIND_NS = 400 * 86_400_000_000_000  # and so is one this old, also in a back-fill
ALT_M_MAX = 100_000.0
SPEED_MPS_MAX = 20_000.0
ROWS_WIDTH_MAX = 4_096

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Sorted:
    """Rows of a frame by table. ``dropped``: reason -> rows (of "increment": rows that stay without theirs);
    ``erased``: rows that the head counts and that are gone;
    ``unknown``: rows of tables that this version does not know."""

    tables: Mapping[int, Rows] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)
    erased: int = 0
    unknown: int = 0


def blocks_fault(head: Head, blocks: Sequence[Block]) -> Reject | None:
    """Why the blocks are not those that the head speaks of: blocks, width, count, too_many, too_long. Fewer rows than
    the head says are no fault: erased ones do not come."""
    if len(blocks) != len(head.blocks):
        return Reject("blocks", b"", f"{len(blocks)} blocks; the head says {len(head.blocks)}")
    total = 0
    for block, (table, width, count) in zip(blocks, head.blocks, strict=True):
        known = DTYPES.get(table)
        if (block.table, block.width) != (table, width) or not 0 < width <= ROWS_WIDTH_MAX:
            return Reject("width", b"", f"table {block.table}, width {block.width}; the head says {table}, {width}")
        if known is not None and known.itemsize != width and table != RowTable.PAD:
            return Reject("width", b"", f"table {table} has width {known.itemsize}, not {width}")
        if len(block.rows) % width or len(block.rows) > width * count or block.subjects:
            return Reject("count", b"", f"table {table}: {len(block.rows)} bytes for {count} rows of {width}")
        total += count
    if total > ROWS_MAX:
        return Reject("too_many", b"", f"{total} rows; at most {ROWS_MAX}")
    if sum(len(block.rows) for block in blocks) > ENTRY_BYTES:
        return Reject("too_long", b"", f"more than {ENTRY_BYTES} bytes of rows")
    return None


def read(head: Head, blocks: Sequence[Block]) -> Sorted | Reject:
    """Rows of a frame by table, the bad ones dropped and counted, or why the whole frame is refused."""
    fault = blocks_fault(head, blocks)
    if fault is not None:
        return fault
    tables: dict[int, list[Rows]] = {}
    dropped: dict[str, int] = {}
    unknown = 0
    for block in blocks:
        check = _CHECKS.get(block.table)
        if check is None:
            unknown += 0 if block.table == RowTable.PAD else len(block.rows) // block.width
            continue
        rows = np.frombuffer(block.rows, DTYPES[block.table])
        good = rows[_passed(rows, check(rows, head), dropped)]
        tables.setdefault(block.table, []).append(good)
        if block.table == RowTable.PRECISE:
            _mend_increments(good, dropped)
    told = sum(count for _, _, count in head.blocks)
    there = sum(len(block.rows) // block.width for block in blocks)
    joined = {table: np.concatenate(some) for table, some in tables.items()}
    return Sorted(joined, dropped, told - there, unknown)


def _passed(rows: Rows, faults: Sequence[tuple[str, Mask]], dropped: dict[str, int]) -> Mask:
    """Which rows have no fault; the others are counted under the first."""
    good = np.ones(len(rows), np.bool_)
    for why, bad in faults:
        struck = int(np.count_nonzero(bad & good))
        if struck:
            dropped[why] = dropped.get(why, 0) + struck
            good &= ~bad
    return good


def _precise(rows: Rows, head: Head) -> list[tuple[str, Mask]]:
    velocity = np.stack([rows["ve_mps"], rows["vn_mps"], rows["vu_mps"]]).astype(np.float64)
    return [
        ("position", ~_within(rows["lat_rad"], np.pi / 2) | ~_within(rows["lon_rad"], np.pi + 1e-9)),
        ("time", _absurd(rows["time_ns"], head) | (rows["updated_ns"] > rows["time_ns"] + AHEAD_NS)),
        ("velocity", np.asarray((np.isinf(velocity) | (np.abs(velocity) > SPEED_MPS_MAX)).any(axis=0), np.bool_)),
        ("height", np.isinf(rows["alt_m"]) | (np.abs(rows["alt_m"]) > ALT_M_MAX)),
        ("heading", np.isinf(rows["heading_rad"]) | (np.abs(rows["heading_rad"]) > 2 * np.pi + 1e-3)),
        ("covariance", ~_semidefinite(rows["cov"])),
        ("kind", _beyond(rows, life=True)),
        ("terms", rows["terms"] >= len(head.terms)),
    ]


def _coarse(rows: Rows, head: Head) -> list[tuple[str, Mask]]:
    return [
        ("position", rows["cell"] == 0),
        ("time", _absurd(rows["epoch_ns"], head) | (rows["epoch_s"] == 0) | (rows["epoch_s"] > 86_400 * 31)),
        ("kind", _beyond(rows, life=False)),
        ("terms", rows["terms"] >= len(head.terms)),
    ]


def _warning(rows: Rows, head: Head) -> list[tuple[str, Mask]]:
    return [
        ("time", _absurd(rows["window_ns"] - 3_600_000_000_000, head)),
        ("text", ~_plain(rows["area"]) | (rows["area"] == b"")),
    ]


def _names(rows: Rows, head: Head) -> list[tuple[str, Mask]]:
    plain = _plain(rows["name"]) & _plain(rows["callsign"]) & _plain(rows["detail"])
    return [("text", ~plain), ("terms", rows["terms"] >= len(head.terms))]


def _ended(rows: Rows, head: Head) -> list[tuple[str, Mask]]:
    return [("time", _absurd(rows["time_ns"], head)), ("terms", rows["terms"] >= len(head.terms))]


def _capability(rows: Rows, head: Head) -> list[tuple[str, Mask]]:
    plain = np.logical_and.reduce([_plain(rows[name]) for name in rows_of_means.TEXTS])
    return [*rows_of_means.capability(rows, head), ("text", ~plain)]


_CHECKS: dict[int, Callable[[Rows, Head], list[tuple[str, Mask]]]] = {
    RowTable.PRECISE: _precise,
    RowTable.COARSE: _coarse,
    RowTable.WARNING: _warning,
    RowTable.NAMES: _names,
    RowTable.ENDED: _ended,
    RowTable.CAPABILITY: _capability,
    RowTable.COVERAGE: rows_of_means.cover,
    RowTable.GAP: rows_of_means.cover,
}


def _within(values: F8, bound: float) -> Mask:
    return np.asarray(np.abs(values) <= bound, np.bool_)  # NaN is within nothing


def _absurd(times_ns: NDArray[np.int64], head: Head) -> Mask:
    tick_ns = heads.time_ns(head)
    late = times_ns > min(tick_ns + AHEAD_NS, heads.NUMBER_MAX)
    return np.asarray(late | (times_ns < max(tick_ns - BEHIND_NS, 0)), np.bool_)


def _beyond(rows: Rows, *, life: bool) -> Mask:
    bad = (rows["kind"] > max(Kind)) | (rows["domain"] > max(Domain))
    if life:
        bad |= (rows["life"] > max(Life)) | (rows["alt_ref"] > max(AltRef))
    return np.asarray(bad, np.bool_)


def _plain(texts: NDArray[np.bytes_]) -> Mask:
    """Which texts are UTF-8 without control signs."""
    raw = np.ascontiguousarray(texts).view(np.uint8).reshape(len(texts), texts.dtype.itemsize)
    used: Mask = np.char.str_len(texts)[:, None] > np.arange(raw.shape[1])
    good: Mask = np.ones(len(texts), np.bool_)
    good &= ~(((raw < 0x20) | (raw == 0x7F)) & used).any(axis=1)
    for k in np.flatnonzero((raw >= 0x80).any(axis=1)):
        good[k] &= _is_utf8(bytes(texts[k]))
    return good


def _is_utf8(data: bytes) -> bool:
    try:
        return data.decode("utf-8").isprintable()
    except UnicodeDecodeError:
        return False


def _mend_increments(rows: Rows, counts: dict[str, int]) -> None:
    """An increment that no measurement could give is taken out; the state beside it stands for itself. It is counted
    where more than the rounding of a difference speaks out of it."""
    least = _least_gain(rows["cov"])
    absurd = np.isinf(rows["moved"]).any(axis=1) | (rows["begin_ns"] > rows["time_ns"])
    bad = absurd | ~_semidefinite(rows["gain"], 1e-3, least)
    if bad.any():
        wrong = int(np.count_nonzero(absurd | ~_semidefinite(rows["gain"], 0.1, least)))
        if wrong:
            counts["increment"] = counts.get("increment", 0) + wrong
        rows["gain"][bad], rows["moved"][bad], rows["begin_ns"][bad] = 0.0, 0.0, 0


def _least_gain(cov: NDArray[np.float32]) -> F8:
    """Information of each component so small beside what is known of it that only its rounding is left, (n, 4)."""
    variance = cov[:, [0, 4, 7, 9]].astype(np.float64)
    return 1e-4 / np.where(variance > 0, variance, np.inf)


def _semidefinite(upper: NDArray[np.float32], slack: float = 1e-5, floor: F8 | None = None) -> Mask:
    """Which upper triangles [00, 01, 02, 03, 11, 12, 13, 22, 23, 33] are of a symmetric matrix without a negative
    direction, by Cholesky's steps. All NaN stands for "not told" and passes, as does NaN in all that concerns velocity.

    What is rounded to float32 may be negative by a part in 10^5 of its scale; that is let pass. An increment is a
    difference of two such matrices and often has directions of which nothing was learned: its ``slack`` is larger, and
    below ``floor`` (n, 4) a component counts as nothing. ``upper`` (n, 10).

    >>> _semidefinite(np.array([[1, 2, 0, 0, 1, 0, 0, 1, 0, 1], [1, 0, 0, 0, 1, 0, 0, 1, 0, 1]], np.float32)).tolist()
    [False, True]
    """
    a = upper.astype(np.float64)
    for part in (np.arange(10), np.array(_VELOCITY)):
        untold = np.asarray(np.isnan(a[:, part]).all(axis=1), np.bool_)
        a[:, part] = np.where(untold[:, None], 0.0, a[:, part])
    good = np.asarray(np.isfinite(a).all(axis=1), np.bool_)
    a = np.where(good[:, None], a, 0.0)
    matrix = [[a[:, _AT[min(i, j)][max(i, j)]] for j in range(4)] for i in range(4)]
    least = np.full((len(a), 4), 1e-30) if floor is None else np.maximum(floor, 1e-30)
    scale = [np.maximum(np.abs(matrix[i][i]), least[:, i]) for i in range(4)]
    for k in range(4):
        pivot = matrix[k][k]
        good &= pivot >= -slack * scale[k]
        for i in range(k + 1, 4):
            good &= np.abs(matrix[k][i]) <= np.sqrt(np.maximum(pivot, slack * scale[k]) * scale[i]) * (1 + slack)
        safe = np.where(pivot > slack * scale[k], pivot, np.inf)
        for i in range(k + 1, 4):
            for j in range(i, 4):
                matrix[i][j] = matrix[i][j] - matrix[k][i] * matrix[k][j] / safe
                matrix[j][i] = matrix[i][j]
    return np.asarray(good, np.bool_)


_VELOCITY = (2, 3, 5, 6, 7, 8, 9)
_AT = ((0, 1, 2, 3), (1, 4, 5, 6), (2, 5, 7, 8), (3, 6, 8, 9))
