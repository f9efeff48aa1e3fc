"""The union of what we and our partners cover, with whom; and what of our own areas of interest nobody covers.

A partner's cell counts until two of its epochs have passed since it was told, or it is taken back. Nothing that is not
said counts: silence is not coverage.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from manara.kernels import coverage
from manara.records.columns import I8, U4, U8
from manara.records.coverage import CELLS_MAX, EPOCH_S, LAYERS, TIER, Cover, Joined
from manara.records.released import Rows, Terms

NS = 1_000_000_000
EPOCHS = 3  # a row counts so many of its epochs after its receipt
EPOCH_MAX_S = 86_400
TOLD = np.dtype(
    [("key", "<u8"), ("cell", "<u8"), ("levels", "<u4"), ("counts", "<u4"), ("until_ns", "<i8"), ("domain", "u1")]
)


def take(held: Rows, rows: Rows, terms: tuple[Terms, ...], received_ns: int) -> Rows:
    """What a partner has told so far, sorted by key, with what came now: later words on a cell replace earlier ones, a
    row without levels takes the cell back. At most CELLS_MAX rows; further new ones are not taken."""
    retention_s = np.array([one.retention_s for one in terms], np.int64)[rows["terms"]]
    new = np.zeros(len(rows), TOLD)
    for name in ("cell", "levels", "counts", "domain"):
        new[name] = rows[name]
    new["key"] = keys(rows["cell"].astype(np.uint64), rows["domain"].astype(np.uint64))
    stands_s = EPOCHS * np.clip(rows["epoch_s"].astype(np.int64), EPOCH_S, EPOCH_MAX_S)
    new["until_ns"] = received_ns + np.minimum(stands_s, retention_s) * NS
    whole = np.concatenate([held, new])
    whole = whole[np.argsort(whole["key"], kind="stable")]
    last = np.append(whole["key"][1:] != whole["key"][:-1], True) if len(whole) else np.zeros(0, np.bool_)
    whole = whole[last]
    kept: Rows = whole[whole["levels"] != 0][:CELLS_MAX]
    return kept


def keys(cell: U8, domain: U8) -> U8:
    """One number for a cell and a domain: the domain stands in the four highest bits, which no cell uses."""
    return cell | domain << np.uint64(60)


def until_ns(held: Mapping[int, Rows]) -> int:
    """When the first of what is held ceases to count."""
    return min((int(one["until_ns"].min()) for one in held.values() if len(one)), default=(1 << 63) - 1)


def join(own: Cover, held: Mapping[int, Rows], interest: U8, now_ns: int) -> Joined:
    """The union for each domain; rows sorted by domain and cell. ``held``: place of a partner -> what it told;
    ``interest``: cells in which gaps are looked for, sorted. The order of partners does not matter."""
    return Joined.join([_of(domain, layers, own, held, interest, now_ns) for domain, layers in LAYERS.items()])


def _of(domain: int, layers: int, own: Cover, held: Mapping[int, Rows], interest: U8, now_ns: int) -> Joined:
    mine = own.take(own.domain == domain)
    cells, levels, counts = [mine.cell], [mine.levels], [mine.counts]
    who: list[U8] = [np.ones(len(mine), np.uint64)]
    until: list[I8] = [np.zeros(len(mine), np.int64)]
    for place, rows in sorted(held.items()):
        some = rows[(rows["domain"] == domain) & (rows["until_ns"] > now_ns)]
        small, of = coverage.children(some["cell"].astype(np.uint64), TIER)
        cells.append(small)
        levels.append(some["levels"][of])
        counts.append(some["counts"][of])
        until.append(some["until_ns"][of])
        who.append(np.full(len(small), 1 << place, np.uint64))
    every = np.concatenate(cells)
    seen, many = (coverage.unpack(np.concatenate(one), layers) for one in (levels, counts))
    found = coverage.union(every, seen, many, np.concatenate(who))
    return _table(domain, layers, found, _first_until(every, np.concatenate(until)), interest)


def _first_until(cells: U8, until: I8) -> I8:
    """For each cell, ascending, when the first that a partner told of it ceases to count; 0: nobody told."""
    if not len(cells):
        return np.zeros(0, np.int64)
    order = np.argsort(cells, kind="stable")
    first = np.flatnonzero(np.append(True, cells[order][1:] != cells[order][:-1]))
    never = np.iinfo(np.int64).max
    least = np.minimum.reduceat(np.where(until[order] == 0, never, until[order]), first)
    return np.where(least == never, 0, least)


def _table(domain: int, layers: int, found: tuple[U8, np.ndarray, np.ndarray, U8], until: I8, interest: U8) -> Joined:
    cell, levels, counts, who = found
    bare = np.setdiff1d(interest, cell)
    every = np.concatenate([cell, bare])
    order = np.argsort(every, kind="stable")
    more = len(bare)
    wide = np.zeros((len(every), 9), np.uint64)
    wide[: len(cell), :layers] = who
    return Joined(
        cell=every[order],
        domain=np.full(len(every), domain, np.uint8),
        levels=np.append(coverage.pack(levels), np.zeros(more, np.uint32))[order],
        counts=np.append(coverage.pack(counts), np.zeros(more, np.uint32))[order],
        who=wide[order],
        interest=np.isin(every[order], interest).astype(np.uint8),
        until_ns=np.append(until, np.zeros(more, np.int64))[order],
    )


def gaps(joined: Joined) -> Cover:
    """For each cell of interest and layer: 1 nobody covers it, 2 one sensor only, 3 more; as a table of levels."""
    some = joined.take(joined.interest == 1)
    out = []
    for domain, layers in LAYERS.items():
        mine = some.take(some.domain == domain)
        counts = np.minimum(coverage.unpack(mine.counts, layers), 2) + 1
        state = np.where(coverage.unpack(mine.levels, layers) == 0, 1, counts).astype(np.uint8)
        out.append(Cover(mine.cell, mine.domain, coverage.pack(state), *_nothing(len(mine))))
    return Cover.join(out)


def _nothing(n: int) -> tuple[U4, U8]:
    return np.zeros(n, np.uint32), np.zeros(n, np.uint64)


def contributors(joined: Joined) -> int:
    """Bits of all who contributed to the union in a cell of interest, bit 0: ourselves."""
    some = joined.who[joined.interest == 1]
    return int(np.bitwise_or.reduce(some.ravel())) if some.size else 0
