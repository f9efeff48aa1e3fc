"""CAT021: what aircraft say of themselves, relayed by a ground station; editions 0.23 to 0.26 and 2.1 onwards."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from manara.feeds.asterix import convert
from manara.feeds.asterix.labels import Labels
from manara.feeds.asterix.walker import Found
from manara.records.identity import Space
from manara.records.reports import AltRef, Flag, Kind, Reports

_BOTH = {
    "sac_sic": "010", "gbs": "040.GBS", "sim": "040.SIM", "tst": "040.TST", "rab": "040.RAB", "atp": "040.ATP",
    "address": "080", "callsign": "170", "emitter": "020", "level": "145", "height": "140", "speed": "160.GS",
    "track": "160.TA#",
}  # fmt: skip

FIELDS_NEW = _BOTH | {
    "time": "071#", "time2": "073#", "time3": "075#", "time4": "077#", "lat": "131.LAT", "lon": "131.LON",
    "lat2": "130.LAT", "lon2": "130.LON", "code": "070.MODE3A", "climb": "157.GVR", "climb2": "155.BVR",
    "re_speed": "160.RE", "re_climb": "157.RE", "ps": "200.PS", "ss": "200.SS", "nacp": "090.NACP",
    "nucp": "090.NUCPNIC", "version": "210.VN", "heading": "152#", "rcf": "040.RCF",
}  # fmt: skip

FIELDS_OLD = _BOTH | {
    "time": "030#", "lat": "130.LAT", "lon": "130.LON", "climb": "157", "climb2": "155", "ps": "200", "spi": "040.SPI",
    "pa": "090.PA#",
}  # fmt: skip

# 95 % bounds of the horizontal error in metres (ICAO Doc 9871, tables A-2-x NACp and NUCp); the first is "unknown".
_NACP_M = np.array([np.nan, 18520.0, 7408.0, 3704.0, 1852.0, 926.0, 555.6, 185.2, 92.6, 30.0, 10.0, 3.0] + [np.nan] * 4)
_NUCP_M = np.array([np.nan, 18520.0, 9260.0, 1852.0, 926.0, 463.0, 185.2, 92.6, 10.0, 3.0] + [np.nan] * 6)
_RAYLEIGH_95 = 2.4477  # 95 % radius of a circular normal error over its deviation per axis
EMITTER_UNMANNED = 13
EMITTERS_GROUND = (20, 21)
EMITTERS_OBSTACLE = (22, 23, 24)


def reports_new(found: Found, feed: int) -> tuple[Reports, Labels]:
    """Editions 2.1 and later."""
    ticks = found["time"].copy()
    for name in ("time2", "time3", "time4"):  # position received, velocity received, report sent
        ticks = np.where(np.isnan(ticks), found[name], ticks)
    fine = ~np.isnan(found["lat"])
    lat = np.where(fine, found["lat"], found["lat2"])
    lon = np.where(fine, found["lon"], found["lon2"])
    code = np.where(np.isnan(found["code"]), -1, found["code"]).astype(np.int32)
    ps = found["ps"]
    flags = convert.squawk_flags(code) | convert.flags(
        len(found),
        (found["ss"] == 3.0, Flag.IDENT),
        (ps == 1.0, Flag.EMERGENCY),
        (ps == 4.0, Flag.RADIO_FAILURE),
        (ps == 5.0, Flag.UNLAWFUL_INTERFERENCE),
        (found.flag("rcf"), Flag.POSITION_SUSPECT),
        (found["atp"] == 1.0, Flag.IDENTITY_CONFLICT),
    )
    old_quality = found["version"] == 0.0
    bound_m = np.where(old_quality, _NUCP_M[found.whole("nucp")], _NACP_M[found.whole("nacp")])
    climb = np.where(found.flag("re_climb"), np.nan, found["climb"])
    climb = np.where(np.isnan(climb), found["climb2"], climb)
    anonymous = found["atp"] == 3.0
    over = found.flag("re_speed")  # "value exceeds the range": not a number to use
    ticks_found = _with(found, "time", ticks)
    return _reports(ticks_found, feed, lat, lon, bound_m, climb, anonymous, over, code, flags)


def reports_old(found: Found, feed: int) -> tuple[Reports, Labels]:
    """Editions 0.23 to 0.26. The position accuracy PA is read as the NUCp scale of its time (DO-260)."""
    n = len(found)
    ps = found["ps"]
    flags = convert.flags(
        n,
        (found.flag("spi"), Flag.IDENT),
        (ps == 1.0, Flag.EMERGENCY),
        (ps == 4.0, Flag.RADIO_FAILURE),
        (ps == 5.0, Flag.UNLAWFUL_INTERFERENCE),
    )
    climb = np.where(np.isnan(found["climb"]), found["climb2"], found["climb"])
    anonymous = (found["atp"] == 0.0) | (found["atp"] == 3.0)
    code = np.full(n, -1, np.int32)
    bound_m = _NUCP_M[found.whole("pa")]
    none = np.zeros(n, np.bool_)
    return _reports(found, feed, found["lat"], found["lon"], bound_m, climb, anonymous, none, code, flags)


def _with(found: Found, name: str, column: NDArray[np.float64]) -> Found:
    found.table[found.names[name]] = column
    return found


def _reports(
    found: Found,
    feed: int,
    lat: convert.F8,
    lon: convert.F8,
    bound_m: convert.F8,
    climb: convert.F8,
    anonymous: convert.Bools,
    over: convert.Bools,
    code: NDArray[np.int32],
    flags: NDArray[np.uint32],
) -> tuple[Reports, Labels]:
    time_ns, assumed = convert.utc(found, "time")
    emitter = found.whole("emitter")
    which = np.where(anonymous, int(Space.ANONYMOUS24), int(Space.ICAO24))
    identity = convert.space(found.whole("address"), which)
    alt_m, alt_ref = _altitude(found)
    lat_rad, lon_rad = convert.position(lat, lon)
    flags |= convert.flags(
        len(found),
        (assumed, Flag.TIME_ASSUMED),
        (found.flag("gbs"), Flag.ON_GROUND),
        (found.flag("sim") | found.flag("tst"), Flag.TEST),
        (found.flag("rab"), Flag.FROM_GROUND),
        (np.isnan(lat_rad), Flag.NO_POSITION),
    )
    reports = Reports(
        time_ns=time_ns,
        received_ns=found.received_ns,
        source=convert.sources(found, feed),
        identity=identity,
        kind=_kind(emitter),
        lat_rad=lat_rad,
        lon_rad=lon_rad,
        alt_m=alt_m,
        alt_ref=alt_ref,
        speed_mps=np.where(over | (found["speed"] < 0.0), np.nan, found["speed"] * convert.NM_M),
        course_rad=found["track"] * convert.TURN16_RAD,
        heading_rad=np.full(len(found), np.nan),  # I021/152 is magnetic
        climb_mps=climb * convert.FTMIN_MPS,
        sigma_m=bound_m / _RAYLEIGH_95,
        flags=flags,
    )
    return reports, Labels(found.at, identity, time_ns, reports.source, found.whole("callsign"), code, emitter)


def _altitude(found: Found) -> tuple[convert.F8, NDArray[np.uint8]]:
    """The flight level, as radars and Mode S receivers give it; the geometric height where there is none."""
    level, height = found["level"], found["height"]
    pressure, ellipsoid = ~np.isnan(level), ~np.isnan(height)
    alt_m = np.where(pressure, level * convert.FL_M, height * convert.FT_M)
    ref = np.where(pressure, AltRef.PRESSURE, np.where(ellipsoid, AltRef.ELLIPSOID, AltRef.NONE))
    return alt_m, ref.astype(np.uint8)


def _kind(emitter: NDArray[np.int64]) -> NDArray[np.uint8]:
    kind = np.full(len(emitter), int(Kind.AIRCRAFT), np.uint8)
    kind[emitter == EMITTER_UNMANNED] = Kind.UNMANNED_AIRCRAFT
    kind[np.isin(emitter, EMITTERS_GROUND)] = Kind.GROUND_VEHICLE
    kind[np.isin(emitter, EMITTERS_OBSTACLE)] = Kind.SURFACE_OBSTACLE
    return kind
