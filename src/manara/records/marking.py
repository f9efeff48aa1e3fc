"""The marking: the columns by which the one rule table decides about any releasable record, whatever its sort."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag

from manara.records.columns import I8, U1, U2, U4, U8, Table, column

UNKNOWN = 255  # in a column of bytes: not known; a permit that asks for it does not fire, a forbid does
UNKNOWN_BIT = 1 << 63  # in a column of bits: there is more than the bits say, or nothing is known
OWN = 0  # originator: this node itself; partners follow in the order of the directory


class Sort(IntEnum):
    """What sort of record it is."""

    TRACK = 1
    WARNING = 2
    REMARK = 3
    COVERAGE = 4
    ALERT = 5
    CLAIM = 6
    CAPABILITY = 7
    GAP = 8  # where nobody sees: the most sensitive of all


class Sensitivity(IntEnum):
    """How much a record asks to be kept close, as its originator says."""

    OPEN = 0
    LIMITED = 1
    RESTRICTED = 2
    CLOSED = 3


class Purpose(IntFlag):
    """What a receiver may use a record for. There is no purpose for the use of force."""

    NONE = 0
    SAFETY_OF_LIFE = 1
    SEARCH_AND_RESCUE = 2
    CIVIL_PROTECTION = 4
    TRAFFIC_SAFETY = 8
    BORDER_AND_CUSTOMS = 16
    ENVIRONMENT = 32
    INVESTIGATION = 64
    EXERCISE = 128
    PICTURE = 256  # the shared picture itself


ALL_PURPOSES = 511


class Strip(IntFlag):
    """Fields that an obligation takes out of a release."""

    NONE = 0
    IDENTITY = 1  # MMSI, address, mode 3/A: what finds the craft elsewhere
    NAMES = 2  # name, call sign, particulars
    HEIGHT = 4
    KINEMATICS = 8  # speed, course, heading, climb
    ACCURACY = 16  # covariance and increments
    SOURCE = 32  # which sensors saw it
    KIND = 64  # what sort of craft it is; the domain stays


@dataclass(frozen=True, eq=False)
class Marking(Table):
    """One row for each releasable record, beside its own table, shape (n,)."""

    sort: U1 = column("u1", UNKNOWN)  # Sort
    domain: U1 = column("u1", UNKNOWN)  # reports.Domain; its UNKNOWN (0) counts as not known
    craft: U1 = column("u1", UNKNOWN)  # reports.Kind
    area_bits: U8 = column("u8", UNKNOWN_BIT)  # areas of the codebook in which it lies
    sources: U8 = column("u8", UNKNOWN_BIT)  # sources of the codebook that contributed
    originator: U2 = column("u2", 65_535)  # place in the codebook's partners; OWN: this node; 65,535: not known
    sensitivity: U1 = column("u1", UNKNOWN)  # Sensitivity
    emergency: U1 = column("u1", UNKNOWN)  # 1: emergency or distress, 0: not
    purpose: U4 = column("u4", ALL_PURPOSES)  # what the originator allows; Purpose
    time_ns: I8 = column("i8")  # of applicability
    expires_ns: I8 = column("i8", (1 << 63) - 1)  # nothing is released after it
    onward: U8 = column("u8")  # partners to whom it may go on, as the originator says; own records: all


@dataclass(frozen=True, eq=False)
class Obligations(Table):
    """What a permit demands before a row may leave, joined over all permits that matched, shape (n,)."""

    cell_m: U4 = column("u4")  # side of the cell in metres; 0: the precise tier
    epoch_s: U4 = column("u4")  # 0: each tick
    delay_s: U4 = column("u4")
    rate_s: U4 = column("u4")  # at most one row of a track in so many seconds; 0: each tick
    pseudonym_s: U4 = column("u4", 0xFFFFFFFF)  # period of a pseudonym; the largest value: as long as the agreement
    strip: U4 = column("u4")  # Strip
    purpose: U4 = column("u4", ALL_PURPOSES)
    retention_s: U4 = column("u4", 0xFFFFFFFF)
    onward: U8 = column("u8")  # partners of the codebook to whom the recipient may pass it on


class Codebook:
    """Names and their places in the bit columns: areas, sources, partners. At most 63 of each.

    >>> book = Codebook(areas=("north", "strait"), sources=("hill radar",), partners=("arvena", "belora"))
    >>> book.area_bits(("strait",)), book.partner("belora")
    (2, 1)
    """

    __slots__ = ("areas", "partners", "sources")

    def __init__(self, areas: tuple[str, ...], sources: tuple[str, ...], partners: tuple[str, ...]) -> None:
        self.areas, self.sources, self.partners = areas, sources, partners

    def area_bits(self, names: tuple[str, ...]) -> int:
        """Bits of these areas; KeyError names one that is not in the book."""
        return _bits(self.areas, names)

    def source_bits(self, names: tuple[str, ...]) -> int:
        """Bits of these sources."""
        return _bits(self.sources, names)

    def partner_bits(self, names: tuple[str, ...]) -> int:
        """Bits of these partners."""
        return _bits(self.partners, names)

    def partner(self, name: str) -> int:
        """Place of a partner; 0 is this node's own."""
        return self.partners.index(name)


def _bits(known: tuple[str, ...], names: tuple[str, ...]) -> int:
    bits = 0
    for name in names:
        if name not in known:
            raise KeyError(name)
        bits |= 1 << known.index(name)
    return bits
