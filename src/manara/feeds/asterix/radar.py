"""Radar: CAT048 (monoradar reports with Mode S) and CAT001 (the older form) to plots."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from manara.feeds.asterix import convert
from manara.feeds.asterix.labels import Labels
from manara.feeds.asterix.walker import Found
from manara.records.plots import Form, Plots
from manara.records.reports import AltRef, Flag, Kind

FIELDS_048 = {
    "sac_sic": "010", "time": "140#", "typ": "020.TYP", "sim": "020.SIM", "spi": "020.SPI", "rab": "020.RAB",
    "tst": "020.TST", "me": "020.ME", "rho": "040.RHO", "theta": "040.THETA#", "v3": "070.V", "g3": "070.G",
    "code": "070.MODE3A", "vc": "090.V", "gc": "090.G", "level": "090.FL", "address": "220", "callsign": "240",
    "number": "161.TRN", "x": "042.X", "y": "042.Y", "speed": "200.GSP", "heading": "200.HDG#", "stat": "230.STAT",
}  # fmt: skip

FIELDS_001 = {
    "sac_sic": "010", "time": "141#", "sim": "020.SIM", "spi": "020.SPI", "rab": "020.RAB", "tst": "020.TST",
    "ds": "020.DS1DS2", "me": "020.ME", "rho": "040.RHO", "theta": "040.THETA#", "v3": "070.V", "g3": "070.G",
    "code": "070.MODE3A", "vc": "090.V", "gc": "090.G", "level": "090.HGT", "number": "161", "x": "042.X",
    "y": "042.Y", "speed": "200.GSP", "heading": "200.HDG#",
}  # fmt: skip

TRUNCATED_TICKS = 1 << 16  # I001/141 wraps every 512 s


def plots_048(found: Found, feed: int) -> tuple[Plots, Labels]:
    """CAT048. Flags from I048/020, the code of I048/070 and the flight status of I048/230."""
    time_ns, assumed = convert.utc(found, "time")
    code = convert.mode_3a(found, "code", "v3", "g3")
    stat = found["stat"]
    flags = convert.squawk_flags(code) | convert.flags(
        len(found),
        (assumed, Flag.TIME_ASSUMED),
        (found.flag("sim") | found.flag("tst"), Flag.TEST),
        (found.flag("spi") | (stat == 4.0) | (stat == 5.0), Flag.IDENT),
        (found.flag("rab"), Flag.FROM_GROUND),
        (found.flag("me"), Flag.EMERGENCY),
        ((stat == 1.0) | (stat == 3.0), Flag.ON_GROUND),
        (found["typ"] == 0.0, Flag.DEAD_RECKONED),
    )
    address = found.whole("address")
    plots = _plots(found, feed, time_ns, code, flags)
    identity = convert.space(address)
    plots = plots.replace(identity=identity, kind=np.where(address > 0, Kind.AIRCRAFT, Kind.UNKNOWN).astype(np.uint8))
    none = np.zeros(len(found), np.int64)
    labels = Labels(found.at, identity, time_ns, plots.source, found.whole("callsign"), code, none)
    return plots, labels


def plots_001(found: Found, feed: int, near_ns: NDArray[np.int64]) -> Plots:
    """CAT001. ``near_ns``: the last full time of the same source (CAT002), or the time of receipt."""
    time_ns, assumed = convert.nearest(found["time"], TRUNCATED_TICKS, near_ns)
    code = convert.mode_3a(found, "code", "v3", "g3")
    ds = found["ds"]
    flags = convert.squawk_flags(code) | convert.flags(
        len(found),
        (assumed, Flag.TIME_ASSUMED),
        (found.flag("sim") | found.flag("tst"), Flag.TEST),
        (found.flag("spi"), Flag.IDENT),
        (found.flag("rab"), Flag.FROM_GROUND),
        (found.flag("me") | (ds == 3.0), Flag.EMERGENCY),
        (ds == 1.0, Flag.UNLAWFUL_INTERFERENCE),
        (ds == 2.0, Flag.RADIO_FAILURE),
    )
    return _plots(found, feed, time_ns, code, flags)


def _plots(
    found: Found, feed: int, time_ns: NDArray[np.int64], code: NDArray[np.int32], flags: NDArray[np.uint32]
) -> Plots:
    n = len(found)
    alt_m = convert.level_m(found, "level", "vc", "gc")
    polar = ~np.isnan(found["rho"])
    nothing = np.full(n, np.nan)
    flags |= (~polar & np.isnan(found["x"])) * np.uint32(Flag.NO_POSITION)
    return Plots(
        time_ns=time_ns,
        received_ns=found.received_ns,
        source=convert.sources(found, feed),
        form=np.where(polar, Form.POLAR, Form.CARTESIAN).astype(np.uint8),
        range_m=found["rho"] * convert.NM_M,
        azimuth_rad=found["theta"] * convert.TURN16_RAD,
        x_m=np.where(polar, np.nan, found["x"] * convert.NM_M),
        y_m=np.where(polar, np.nan, found["y"] * convert.NM_M),
        lat_rad=nothing,
        lon_rad=nothing,
        alt_m=alt_m,
        alt_ref=np.where(np.isnan(alt_m), AltRef.NONE, AltRef.PRESSURE).astype(np.uint8),
        speed_mps=found["speed"] * convert.NM_M,
        course_rad=found["heading"] * convert.TURN16_RAD,
        sigma_range_m=nothing,
        sigma_azimuth_rad=nothing,
        sigma_m=nothing,
        identity=np.zeros(n, np.uint64),
        track_number=found.whole("number", -1).astype(np.int32),
        mode_3a=code,
        kind=np.zeros(n, np.uint8),
        flags=flags,
    )
