"""Decoded reports to rows: units, sentinels, accuracy, kinds and times, a column at a time.

Accuracy: M.1371 says ≤ 10 m (bit set) or > 10 m (not set) for 95 % of fixes; the second is taken as 100 m. For a
circular normal error the radius r₉₅ = √(−2 ln 0.05) σ = 2.448 σ, so σ = 4.1 m or 40.9 m per axis. Type 27 sends tenths
of a minute: a quantum of 185 m adds 185.2/√12 = 53.5 m in quadrature.

Time of applicability: the feed's stamp (when a station heard it). Where the report names its UTC second (0–59) and
that second lies within 5 s of the stamp, it is that second: the fix was made then, the stamp came after. Without a
stamp: time of receipt, flagged TIME_ASSUMED.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from manara.records.columns import I8, U1, U4
from manara.records.identity import Space, pack
from manara.records.reports import AltRef, Flag, Kind, Reports

KNOT_MPS = 1852.0 / 3600.0
R95 = 2.4477468306808166
SIGMA_HIGH_M, SIGMA_LOW_M = 10.0 / R95, 100.0 / R95
SIGMA_QUANTUM_27_M = 185.2 / 12.0**0.5
SECOND_NS = 1_000_000_000
NEAR_NS = 5 * SECOND_NS

# One row of numbers for each decoded position, in this order.
FIELDS = (
    "mmsi", "type", "status", "repeat", "lat", "lon", "speed", "course", "heading", "alt", "barometric", "accuracy",
    "second", "virtual",
)  # fmt: skip
NAN = float("nan")
NO_REPORTS = Reports.blank(0)


def position_row(msg_type: int, m: Any) -> tuple[float, ...]:
    """The numbers of one pyais message, still in its units and with its sentinels."""
    if msg_type <= 3:
        return (m.mmsi, msg_type, m.status, m.repeat, m.lat, m.lon, m.speed, m.course, m.heading, NAN, 0, m.accuracy,
                m.second, 0)  # fmt: skip
    if msg_type in (18, 19):
        return (m.mmsi, msg_type, 15, m.repeat, m.lat, m.lon, m.speed, m.course, m.heading, NAN, 0, m.accuracy,
                m.second, 0)  # fmt: skip
    if msg_type == 9:
        return (m.mmsi, 9, 15, m.repeat, m.lat, m.lon, m.speed, m.course, NAN, m.alt, m.reserved_1 >> 7, m.accuracy,
                m.second, 0)  # fmt: skip
    if msg_type == 27:
        return (m.mmsi, 27, m.status, m.repeat, m.lat, m.lon, m.speed, m.course, NAN, NAN, 0, m.accuracy, 60, 0)
    virtual = msg_type == 21 and m.virtual_aid
    return (m.mmsi, msg_type, 15, m.repeat, m.lat, m.lon, NAN, NAN, NAN, NAN, 0, m.accuracy, m.second, virtual)


def reports(rows: list[tuple[float, ...]], stamps: list[int], received_ns: int, source: int) -> Reports:
    """Columns from position rows. stamps: ns, or -1 where the feed gave no time. Positions are already known good."""
    if not rows:
        return NO_REPORTS
    c = dict(zip(FIELDS, np.array(rows, dtype=np.float64).T, strict=True))
    stamp = np.array(stamps, dtype=np.int64)
    mmsi, msg_type = c["mmsi"].astype(np.int64), c["type"].astype(np.int64)
    has_alt = c["alt"] < 4095
    return Reports(
        time_ns=_times(stamp, c["second"], received_ns),
        received_ns=np.full(len(rows), received_ns, np.int64),
        source=np.full(len(rows), source, np.uint32),
        identity=mmsi.astype(np.uint64) | np.uint64(pack(Space.MMSI, 0)),
        kind=_kinds(mmsi, msg_type),
        lat_rad=np.radians(c["lat"]),
        lon_rad=np.radians(c["lon"]),
        alt_m=np.where(has_alt, c["alt"], NAN),
        alt_ref=np.where(has_alt, np.where(c["barometric"] > 0, AltRef.PRESSURE, AltRef.MEAN_SEA), 0).astype(np.uint8),
        speed_mps=_speeds(c["speed"], msg_type),
        course_rad=np.radians(np.where(c["course"] < 360.0, c["course"], NAN)),
        heading_rad=np.radians(np.where(c["heading"] < 360.0, c["heading"], NAN)),
        climb_mps=np.full(len(rows), NAN),
        sigma_m=_sigmas(c["accuracy"], msg_type),
        flags=_flags(c, mmsi, stamp),
    )


def _times(stamp: I8, second: NDArray[np.float64], received_ns: int) -> I8:
    minute = 60 * SECOND_NS
    offset = (np.where(second < 60, second, 0).astype(np.int64) * SECOND_NS - stamp % minute) % minute
    offset = np.where(offset > minute // 2, offset - minute, offset)  # to the nearest such second
    refine = (second < 60) & (np.abs(offset) <= NEAR_NS)
    return np.where(stamp < 0, received_ns, np.where(refine, stamp + offset, stamp))


def _kinds(mmsi: I8, msg_type: I8) -> U1:
    kind = np.full(len(mmsi), Kind.VESSEL_A, np.uint8)
    kind[(msg_type == 18) | (msg_type == 19)] = Kind.VESSEL_B
    kind[(msg_type == 4) | (mmsi < 10_000_000)] = Kind.BASE_STATION  # 00MIDxxxx
    kind[(msg_type == 21) | (mmsi // 10_000_000 == 99)] = Kind.AID_TO_NAVIGATION
    kind[(msg_type == 9) | (mmsi // 1_000_000 == 111)] = Kind.SEARCH_AIRCRAFT
    kind[is_distress_device(mmsi)] = Kind.DISTRESS_DEVICE
    return kind


def is_distress_device(mmsi: I8) -> NDArray[np.bool_]:
    """Whether the numbers are of search transponders, man-over-board devices or EPIRBs."""
    mid = mmsi // 1_000_000
    device: NDArray[np.bool_] = (mid == 970) | (mid == 972) | (mid == 974)
    return device


def _speeds(speed: NDArray[np.float64], msg_type: I8) -> NDArray[np.float64]:
    unknown = np.where(msg_type == 9, 1023.0, np.where(msg_type == 27, 63.0, 102.3))
    return np.where(speed < unknown - 0.05, speed * KNOT_MPS, NAN)


def _sigmas(accuracy: NDArray[np.float64], msg_type: I8) -> NDArray[np.float64]:
    sigma = np.where(accuracy > 0, SIGMA_HIGH_M, SIGMA_LOW_M)
    return np.where(msg_type == 27, np.hypot(sigma, SIGMA_QUANTUM_27_M), sigma)


def _flags(c: dict[str, NDArray[np.float64]], mmsi: I8, stamp: I8) -> U4:
    device = is_distress_device(mmsi)
    says_status = (c["type"] <= 3) | (c["type"] == 27)
    test = device & says_status & (c["status"] == 15)  # M.1371 table 45: 15 is also "under test"
    second = c["second"]
    flags = np.zeros(len(mmsi), np.uint32)
    if not (
        device.any() or (second >= 61).any() or (c["status"] == 14).any() or c["repeat"].any() or c["virtual"].any()
    ):
        return np.where(stamp < 0, np.uint32(Flag.TIME_ASSUMED), flags)  # nothing special: as good as always
    for where, flag in (
        ((device & ~test) | (says_status & (c["status"] == 14)), Flag.DISTRESS),
        (test, Flag.TEST),
        ((c["repeat"] > 0) | (c["virtual"] > 0), Flag.FROM_GROUND),
        ((second == 62) & (c["type"] != 4) & (c["type"] != 11), Flag.DEAD_RECKONED),
        ((second == 61) | (second == 63), Flag.POSITION_SUSPECT),  # typed in by hand, or the receiver is off
        (stamp < 0, Flag.TIME_ASSUMED),
    ):
        flags[where] |= np.uint32(flag)
    return flags
