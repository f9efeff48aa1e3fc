"""Coverage and gaps for one recipient: larger cells, slowly, and what is lost at once.

::

    cells, marking ─▶ decide ─▶ the least of each larger cell's parts ─▶ of the last full epoch ─▶ listing ─▶ frame
                                                             what is lost since: at once ──┘

A larger cell is told only where every part of it may be told and is covered. What is gained is told at the next full
epoch and no sooner, so that nothing shows when a craft was where.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from manara.kernels import coverage, grid
from manara.records.columns import I8, U4, U8
from manara.records.coverage import EPOCH_S, LAYERS, TIER, TIERS_TOLD, Cover
from manara.records.marking import Marking, Strip
from manara.records.released import COVER, Rows, RowTable
from manara.release import listing
from manara.release.coarse import tiers
from manara.release.rules import Decisions, Program, decide

NS = 1_000_000_000
ROOM = 192  # cells told in one tick: nine kilobytes with their salts
EVERY_S = 5  # what has not changed is looked at so often, for rules that ask for an age and for renewal
Leaving = tuple[RowTable, Rows, U8, U4]  # table, rows, whose they are, the number of their terms
Tags = Callable[[Decisions, NDArray[np.bool_], Marking], U4]
_CELL = np.uint64((1 << 60) - 1)


class Cells(NamedTuple):
    """Larger cells as they stand: key (cell and domain), content (levels, counts above them), delay, terms."""

    key: U8
    content: U8
    delay_ns: I8
    tag: U4


@dataclass
class State:
    """Of one table and one recipient. ``begin_ns``: of the epoch that was sampled last."""

    told: listing.Listing = field(default_factory=listing.init)
    begin_ns: int = -1
    key: U8 = field(default_factory=lambda: np.zeros(0, np.uint64))
    content: U8 = field(default_factory=lambda: np.zeros(0, np.uint64))
    seen: Cover | None = None  # looked at last, when nothing was left over


def init() -> State:
    """Nothing was told."""
    return State()


def fill(
    state: State, program: Program, cover: Cover, marking: Marking, tags: Tags, now_ns: int, table: RowTable
) -> list[Leaving]:
    """What leaves at this tick, of coverage or of gaps."""
    if state.seen is cover and now_ns // NS % EVERY_S:
        return []
    decided = decide(program, marking, now_ns)
    pick = np.flatnonzero(decided.allowed & (marking.originator != program.recipient))
    duties = decided.obligations.take(pick)
    tag = tags(decided, decided.allowed, marking)[pick]
    epoch_s = max(EPOCH_S, int(duties.epoch_s.max(initial=0)), int(duties.rate_s.max(initial=0)))
    gap = table is RowTable.GAP
    cells = enlarged(cover.take(pick), duties.cell_m, duties.delay_s, duties.strip, tag, gap)
    _sample(state, cells, now_ns // (epoch_s * NS) * epoch_s * NS)
    cells = _standing(state, cells, gap)
    told = listing.advance(state.told, *cells, now_ns, ROOM, epoch_s * NS)
    state.seen = cover if len(told.key) < ROOM else None
    if not len(told.key):
        return []
    rows = np.zeros(len(told.key), COVER)
    rows["cell"], rows["domain"] = told.key & _CELL, told.key >> np.uint64(60)
    rows["levels"], rows["counts"] = told.content & np.uint64(0xFFFFFFFF), told.content >> np.uint64(32)
    rows["epoch_ns"], rows["epoch_s"] = max(state.begin_ns, 0), epoch_s
    return [(table, rows, told.key, told.tag)]


def enlarged(cover: Cover, cell_m: U4, delay_s: U4, strip: U4, tag: U4, gap: bool) -> Cells:
    """Cells of the size that each row's obligations ask for, at least the smallest that is told; larger ones than
    the largest are told to nobody. ``gap``: a cell counts with the worst of the parts there are."""
    tier = np.maximum(tiers(cell_m), TIERS_TOLD[0])
    fits = (tier <= TIERS_TOLD[1]) & (cover.cell != 0)
    parts = []
    for domain, layers in LAYERS.items():
        for one in np.unique(tag[fits]).tolist():
            for t in np.unique(tier[fits]).tolist():
                some = fits & (cover.domain == domain) & (tag == one) & (tier == t)
                parts.append(_group(cover.take(some), delay_s[some], strip[some], t, domain, layers, one, gap))
    if not parts:
        none = np.zeros(0, np.uint64)
        return Cells(none, none, np.zeros(0, np.int64), np.zeros(0, np.uint32))
    found = Cells(*(np.concatenate(some) for some in zip(*parts, strict=True)))
    key, first = np.unique(found.key, return_index=True)  # a cell under two sets of terms goes under the first
    return Cells(key, found.content[first], found.delay_ns[first], found.tag[first])


def _group(
    cover: Cover, delay_s: U4, strip: U4, tier: int, domain: int, layers: int, tag: int, gap: bool
) -> tuple[U8, U8, I8, U4]:
    above = grid.parent(cover.cell, tier - TIER).view(np.int64)
    parts = np.full(len(above), 4 ** (tier - TIER), np.int64)
    both = np.hstack([coverage.unpack(cover.levels, layers), coverage.unpack(cover.counts, layers)])
    cells, least = coverage.least_of_parts(above, both, parts, not gap)
    levels = least[:, :layers]
    counts = np.where(levels > 0, least[:, layers:], 0).astype(np.uint8)
    if gap:
        levels, counts = np.where(levels > 2, 0, levels).astype(np.uint8), counts * 0
    if strip.any() and int(np.bitwise_or.reduce(strip)) & Strip.SOURCE:
        counts = counts * 0
    content = coverage.pack(levels).astype(np.uint64) | coverage.pack(counts).astype(np.uint64) << np.uint64(32)
    some = levels.any(axis=1)
    key = cells.view(np.uint64)[some] | np.uint64(domain << 60)
    delay_ns = np.full(len(key), int(delay_s.max(initial=0)) * NS, np.int64)
    return key, content[some], delay_ns, np.full(len(key), tag, np.uint32)


def _sample(state: State, cells: Cells, begin_ns: int) -> None:
    """At the begin of an epoch, and when nothing was sampled yet: this is what stands until the next."""
    if state.begin_ns != begin_ns or not len(state.key):
        state.begin_ns, state.key, state.content = begin_ns, cells.key.copy(), cells.content.copy()


def _standing(state: State, cells: Cells, gap: bool) -> Cells:
    """Of what stands now no more than was sampled; a gap stays as it was sampled while it may be told."""
    there = np.isin(cells.key, state.key)
    key, now = cells.key[there], cells.content[there]
    then = state.content[np.searchsorted(state.key, key)]
    both = then if gap else _lower(now, then)
    some = (both & np.uint64(0xFFFFFFFF)) != 0
    return Cells(key[some], both[some], cells.delay_ns[there][some], cells.tag[there][some])


def _lower(one: U8, other: U8) -> U8:
    """The lower of two contents, level by level, each with the count of the lower."""
    a, b = (coverage.unpack(x.astype(np.uint32), 16) for x in (one & np.uint64(0xFFFFFFFF), other))
    p, q = (coverage.unpack((x >> np.uint64(32)).astype(np.uint32), 16) for x in (one, other))
    levels, counts = np.minimum(a, b), np.where(np.minimum(a, b) > 0, np.minimum(p, q), 0).astype(np.uint8)
    return coverage.pack(levels).astype(np.uint64) | coverage.pack(counts).astype(np.uint64) << np.uint64(32)


def dump(state: State) -> dict[str, Any]:
    """Plain values and arrays."""
    return {"told": listing.dump(state.told), "begin_ns": state.begin_ns, "key": state.key, "content": state.content}


def load(plain: dict[str, Any]) -> State:
    """Take what ``dump`` gave."""
    return State(listing.load(plain["told"]), plain["begin_ns"], np.array(plain["key"]), np.array(plain["content"]))
