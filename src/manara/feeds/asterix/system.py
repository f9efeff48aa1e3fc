"""CAT062: the system tracks of another centre, as reports."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from manara.feeds.asterix import convert
from manara.feeds.asterix.labels import Labels
from manara.feeds.asterix.walker import Found
from manara.records.identity import Space
from manara.records.reports import AltRef, Flag, Kind, Reports

FIELDS_062 = {
    "sac_sic": "010", "time": "070#", "lat": "105.LAT", "lon": "105.LON", "vx": "185.VX", "vy": "185.VY",
    "code": "060.MODE3A", "v3": "060.V", "g3": "060.G", "callsign": "245.CHR", "address": "380.ADR", "ident": "380.ID",
    "number": "040", "spi": "080.SPI", "sim": "080.SIM", "cst": "080.CST", "ems": "080.EMS", "tse": "080.TSE",
    "level": "136", "geometric": "130", "barometric": "135.CTB", "qnh": "135.QNH", "climb": "220", "fleet": "300",
    "sx": "500.APC.X", "sy": "500.APC.Y", "slat": "500.APW.LAT", "slon": "500.APW.LON", "emitter": "380.EMC",
}  # fmt: skip

EMERGENCIES = {1: Flag.EMERGENCY, 4: Flag.RADIO_FAILURE, 5: Flag.UNLAWFUL_INTERFERENCE}  # I062/080 EMS


def reports_062(found: Found, feed: int) -> tuple[Reports, Labels]:
    """CAT062. The identity is the aircraft address where one is given, else the centre's own track number."""
    n = len(found)
    time_ns, assumed = convert.utc(found, "time")
    source = convert.sources(found, feed)
    identity = _identity(found, source)
    speed_mps, course_rad = convert.velocity(found["vx"], found["vy"])
    alt_m, alt_ref = _altitude(found)
    lat_rad, lon_rad = convert.position(found["lat"], found["lon"])
    code = convert.mode_3a(found, "code", "v3", "g3")
    ems = found["ems"]
    flags = convert.squawk_flags(code) | convert.flags(
        n,
        (assumed, Flag.TIME_ASSUMED),
        (found.flag("spi"), Flag.IDENT),
        (found.flag("sim"), Flag.TEST),
        (found.flag("cst"), Flag.DEAD_RECKONED),
        (np.isnan(lat_rad), Flag.NO_POSITION),
        *((ems == value, flag) for value, flag in EMERGENCIES.items()),
    )
    reports = Reports(
        time_ns=time_ns,
        received_ns=found.received_ns,
        source=source,
        identity=identity,
        kind=np.where(found["fleet"] >= 0, Kind.GROUND_VEHICLE, Kind.SYSTEM_TRACK_AIR).astype(np.uint8),
        lat_rad=lat_rad,
        lon_rad=lon_rad,
        alt_m=alt_m,
        alt_ref=alt_ref,
        speed_mps=speed_mps,
        course_rad=course_rad,
        heading_rad=np.full(n, np.nan),
        climb_mps=found["climb"] * convert.FTMIN_MPS,
        sigma_m=_sigma_m(found),
        flags=flags,
    )
    callsign = np.where(found["ident"] > 0, found.whole("ident"), found.whole("callsign"))
    return reports, Labels(found.at, identity, time_ns, source, callsign, code, found.whole("emitter"))


def _identity(found: Found, source: NDArray[np.uint32]) -> NDArray[np.uint64]:
    address = found.whole("address")
    number = found.whole("number", -1)
    own = int(Space.SENSOR_TRACK) << 56 | source.astype(np.int64) << 16 | np.maximum(number, 0)
    own = np.where(number >= 0, own, 0)
    return np.where(address > 0, int(Space.ICAO24) << 56 | address, own).astype(np.uint64)


def _altitude(found: Found) -> tuple[convert.F8, NDArray[np.uint8]]:
    """The measured flight level, else the tracked barometric, else the geometric altitude."""
    level, barometric, geometric = found["level"], found["barometric"], found["geometric"]
    first, second, third = ~np.isnan(level), ~np.isnan(barometric), ~np.isnan(geometric)
    height = np.where(second, barometric * convert.FL_M, geometric * convert.FT_M)
    corrected = np.where(found.flag("qnh"), AltRef.MEAN_SEA, AltRef.PRESSURE)
    ref = np.where(second, corrected, np.where(third, AltRef.ELLIPSOID, AltRef.NONE))
    alt_m = np.where(first, level * convert.FL_M, height)
    return alt_m, np.where(first, AltRef.PRESSURE, ref).astype(np.uint8)


def _sigma_m(found: Found) -> convert.F8:
    """The mean of both axes: I062/500 APC in metres, else APW in degrees."""
    lat_m = found["slat"] * convert.RAD * 6_371_000.0
    lon_m = found["slon"] * convert.RAD * 6_371_000.0 * np.cos(found["lat"] * convert.RAD)
    north, east = (
        np.where(np.isnan(found["sy"]), lat_m, found["sy"]),
        np.where(np.isnan(found["sx"]), lon_m, found["sx"]),
    )
    sigma = np.sqrt((north * north + east * east) / 2.0)
    return np.where(sigma > 0.0, sigma, np.nan)
