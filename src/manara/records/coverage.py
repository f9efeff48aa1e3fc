"""Coverage: in which cells of the federation's grid somebody sees craft of which size, how high, and how surely.

Every figure is a lower bound: a level holds anywhere in its cell. A cell of which nothing is said is not covered.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from manara.records.columns import I8, U1, U4, U8, Table, column

TIER = 3  # of the grid, at which coverage is counted: cells of 8 km
TIERS_TOLD = (4, 7)  # at which it is told to others: 16 km to 128 km
EPOCH_S = 600  # what is gained is told no sooner than at the next full ten minutes
CELLS_MAX = 32_768  # of one source view, and of one partner
LEAST = (0.0, 0.3, 0.6, 0.9)  # probability of detection in one look that each level says at least


class Size(IntEnum):
    """What sort of craft is meant."""

    BROADCASTING = 0  # any craft that broadcasts or answers: AIS, ADS-B, a transponder
    LARGE = 1  # by its echo alone: an airliner, a merchant ship
    SMALL = 2  # by its echo alone: a small unmanned aircraft, an open boat


class Band(IntEnum):
    """How high, metres above the sea; at sea there is the surface alone."""

    LOW = 0  # from 150 up
    MIDDLE = 1  # from 1,000 up
    HIGH = 2  # from 6,000 up


FLOOR_M = (150.0, 1_000.0, 6_000.0)  # the lowest height of each band, where it is hardest to see
LAYERS = {1: 9, 2: 3}  # domain -> layers; layer = band * 3 + size


@dataclass(frozen=True, eq=False)
class Cover(Table):
    """What one observer covers, shape (n,); one row for a cell and a domain. Layer k stands in bits 2k and 2k + 1."""

    cell: U8 = column("u8")  # kernels/grid.py
    domain: U1 = column("u1")  # reports.Domain: AIR, SEA
    levels: U4 = column("u4")  # 0 to 3 for each layer
    counts: U4 = column("u4")  # sensors for each layer, 3: three or more, 0 beside a level: not told
    sources: U8 = column("u8")  # sources of the codebook that contributed (of our own only)


@dataclass(frozen=True, eq=False)
class Joined(Table):
    """The union over all who let us know, shape (n,); and cells of our own areas of interest that nobody covers."""

    cell: U8 = column("u8")
    domain: U1 = column("u1")
    levels: U4 = column("u4")  # the best of anybody's
    counts: U4 = column("u4")  # sensors of all, 3: three or more
    who: U8 = column("u8", 0, width=9)  # (n, 9) for each layer: places of partners, bit 0: ourselves
    interest: U1 = column("u1")  # 1: it lies in one of our own areas of interest
    until_ns: I8 = column("i8")  # when what partners told of it ceases to count; 0: nobody told anything
