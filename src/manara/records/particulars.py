"""Particulars: what is said of a craft that does not move (names, types, sizes), and safety texts."""

from __future__ import annotations

import msgspec


class Particulars(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one report said of one identity. Empty string, NaN-free None: not said."""

    identity: int
    time_ns: int
    source: int
    name: str = ""
    callsign: str = ""
    imo: int | None = None
    ship_type: int | None = None  # ITU-R M.1371 table of types
    emitter_category: str = ""  # ADS-B, e.g. "A3"
    length_m: float | None = None
    beam_m: float | None = None
    draught_m: float | None = None
    destination: str = ""
    eta: str = ""  # MM-DD HH:MM as sent, no year on the wire
    nav_status: int | None = None
    squawk: str = ""  # four octal digits
    mothership: int | None = None  # MMSI, for auxiliary craft


class SafetyText(msgspec.Struct, frozen=True, kw_only=True):
    """A safety-related text (AIS types 12 and 14)."""

    identity: int
    time_ns: int
    source: int
    text: str
    addressee: int | None = None


class SensorStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a sensor says of itself: north marks, antenna period, faults (ASTERIX 002, 019, 034, 063, 065)."""

    source: int
    time_ns: int
    kind: str  # north_mark, sector, status, service, heartbeat
    antenna_period_s: float | None = None
    sector_deg: float | None = None
    operational: bool | None = None
    site_lat_deg: float | None = None
    site_lon_deg: float | None = None
    site_height_m: float | None = None
    detail: str = ""
