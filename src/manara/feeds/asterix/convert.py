"""From the numbers on the wire to SI, radians and UTC nanoseconds, a column at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from manara.feeds.asterix.walker import Found
from manara.records.identity import Space
from manara.records.reports import Flag

DAY_NS = 86_400_000_000_000
TICK_NS = 7_812_500  # 1/128 s
DAY_TICKS = 86_400 * 128
NM_M = 1852.0
FT_M = 0.3048
FL_M = 30.48
FTMIN_MPS = FT_M / 60.0
RAD = math.pi / 180.0
TURN16_RAD = 2.0 * math.pi / 65_536.0

Bools = NDArray[np.bool_]
F8 = NDArray[np.float64]
I8 = NDArray[np.int64]


def utc(found: Found, name: str) -> tuple[I8, Bools]:
    """Time of applicability and where it had to be assumed: a time of day without a date is put on the day that
    brings it nearest to the time of receipt, so that midnight passes without a jump. Beyond 24 h: assumed.

    The column ``name`` holds bare counts of 1/128 s.
    """
    ticks = found[name]
    known = ticks < DAY_TICKS  # NaN compares false
    received_ns = found.received_ns
    time_ns = received_ns - received_ns % DAY_NS + np.where(known, ticks, 0.0).astype(np.int64) * TICK_NS
    away = time_ns - received_ns
    time_ns = time_ns + DAY_NS * (away < -DAY_NS // 2) - DAY_NS * (away > DAY_NS // 2)
    return np.where(known, time_ns, received_ns), ~known


def nearest(ticks: F8, span_ticks: int, near_ns: I8) -> tuple[I8, Bools]:
    """As ``utc`` for a clock that wraps after ``span_ticks``: the time nearest to ``near_ns``."""
    known = ~np.isnan(ticks)
    span_ns = span_ticks * TICK_NS
    phase_ns = np.where(known, ticks, 0.0).astype(np.int64) * TICK_NS
    away = (phase_ns - near_ns % DAY_NS + span_ns // 2) % span_ns - span_ns // 2
    return np.where(known, near_ns + away, near_ns), ~known


def flags(n: int, *pairs: tuple[Bools, int]) -> NDArray[np.uint32]:
    """Flags from masks."""
    word = np.zeros(n, np.uint32)
    for mask, flag in pairs:
        word |= mask * np.uint32(flag)
    return word


def position(lat_deg: F8, lon_deg: F8) -> tuple[F8, F8]:
    """WGS-84 in radians; both NaN where no such place exists (the wire can say 180 degrees north)."""
    real = (np.abs(lat_deg) <= 90.0) & (np.abs(lon_deg) <= 180.0)
    return np.where(real, lat_deg * RAD, np.nan), np.where(real, lon_deg * RAD, np.nan)


def squawk_flags(code: NDArray[Any]) -> NDArray[np.uint32]:
    """7700, 7600 and 7500 as flags; ``code`` holds the twelve bits."""
    return flags(
        len(code),
        (code == 0o7700, Flag.EMERGENCY),
        (code == 0o7600, Flag.RADIO_FAILURE),
        (code == 0o7500, Flag.UNLAWFUL_INTERFERENCE),
    )


def mode_3a(found: Found, code: str, invalid: str, garbled: str) -> NDArray[np.int32]:
    """The twelve bits of the code, -1 where absent, not validated or garbled."""
    bad = found.flag(invalid) | found.flag(garbled) | np.isnan(found[code])
    return np.where(bad, -1, found[code]).astype(np.int32)


def level_m(found: Found, level: str, invalid: str, garbled: str) -> F8:
    """A flight level in metres, NaN where absent, not validated or garbled."""
    bad = found.flag(invalid) | found.flag(garbled)
    return np.where(bad, np.nan, found[level] * FL_M)


def velocity(east: F8, north: F8) -> tuple[F8, F8]:
    """Speed and course in [0, 2π); the course of no movement is not known."""
    speed = np.hypot(east, north)
    course = np.mod(np.arctan2(east, north), 2.0 * math.pi)
    return speed, np.where(speed > 0.0, course, np.nan)


def space(value: I8, which: int | I8 = int(Space.ICAO24)) -> NDArray[np.uint64]:
    """Packed identities; a value of 0 is no identity."""
    packed = np.asarray(which, np.int64) << 56 | value
    return np.where(value > 0, packed, 0).astype(np.uint64)


def sources(found: Found, feed: int) -> NDArray[np.uint32]:
    """The source of each row: feed, SAC, SIC. Without the field: SAC 0, SIC 0."""
    return (feed << 16 | found.whole("sac_sic")).astype(np.uint32)
