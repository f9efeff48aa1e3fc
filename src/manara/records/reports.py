"""Reports: what craft say of themselves, one row each (AIS, ADS-B, other trackers' system tracks)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag

from manara.records.columns import F8, I8, U1, U4, U8, Table, column


class Kind(IntEnum):
    """What the row is about. The domain (air, sea, land) follows from it."""

    UNKNOWN = 0
    VESSEL_A = 1  # AIS class A
    VESSEL_B = 2  # AIS class B
    BASE_STATION = 3
    AID_TO_NAVIGATION = 4
    SEARCH_AIRCRAFT = 5  # AIS type 9
    DISTRESS_DEVICE = 6  # MMSI 970 (SART), 972 (man over board), 974 (EPIRB)
    AIRCRAFT = 7
    UNMANNED_AIRCRAFT = 8
    GROUND_VEHICLE = 9
    SYSTEM_TRACK_AIR = 10  # another tracker's statement
    SYSTEM_TRACK_SEA = 11
    SURFACE_OBSTACLE = 12
    VESSEL = 13  # class not known (radar, CoT, GeoJSON)


class Domain(IntEnum):
    """Where it moves."""

    UNKNOWN = 0
    AIR = 1
    SEA = 2
    LAND = 3


class Flag(IntFlag):
    """What else is known of a row or a track."""

    NONE = 0
    EMERGENCY = 1  # squawk 7700 or an emergency status
    RADIO_FAILURE = 2  # 7600
    UNLAWFUL_INTERFERENCE = 4  # 7500
    DISTRESS = 8  # a distress device, or navigational status 14
    IDENT = 16  # special position identification
    ON_GROUND = 32
    TEST = 64  # test signal, simulated
    IDENTITY_CONFLICT = 128  # two craft claim one identity
    POSITION_SUSPECT = 256  # plausibility gate passed only just, or accuracy unknown
    NO_POSITION = 512  # the row carries no position
    FROM_GROUND = 1024  # relayed (TIS-B, AIS repeat, synthetic)
    MANUAL = 2048
    POSITION_JUMP = 4096  # suspected, never asserted
    TIME_ASSUMED = 8192  # time of applicability is the time of receipt
    DEAD_RECKONED = 16384  # the source says that it extrapolated


class AltRef(IntEnum):
    """What an altitude is measured from."""

    NONE = 0
    ELLIPSOID = 1  # WGS-84
    PRESSURE = 2  # 1013.25 hPa
    MEAN_SEA = 3


@dataclass(frozen=True, eq=False)
class Reports(Table):
    """Columns of self-reports, shape (n,). NaN: not said. Angles clockwise from true north, in [0, 2π)."""

    time_ns: I8 = column("i8")  # time of applicability, UTC
    received_ns: I8 = column("i8")
    source: U4 = column("u4")
    identity: U8 = column("u8")
    kind: U1 = column("u1")
    lat_rad: F8 = column("f8", float("nan"))  # WGS-84
    lon_rad: F8 = column("f8", float("nan"))
    alt_m: F8 = column("f8", float("nan"))
    alt_ref: U1 = column("u1")
    speed_mps: F8 = column("f8", float("nan"))  # over ground
    course_rad: F8 = column("f8", float("nan"))  # over ground
    heading_rad: F8 = column("f8", float("nan"))  # true
    climb_mps: F8 = column("f8", float("nan"))
    sigma_m: F8 = column("f8", float("nan"))  # position, one standard deviation per axis, as the source states it
    flags: U4 = column("u4")
