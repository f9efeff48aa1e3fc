"""Airport surface sensors: CAT010 (surface movement) and CAT020 (multilateration) to plots."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from manara.feeds.asterix import convert
from manara.feeds.asterix.labels import Labels
from manara.feeds.asterix.walker import Found
from manara.records.plots import Form, Plots
from manara.records.reports import AltRef, Flag, Kind

_BOTH = {
    "sac_sic": "010", "time": "140#", "lat": "041.LAT", "lon": "041.LON", "x": "042.X", "y": "042.Y",
    "vx": "202.VX", "vy": "202.VY", "address": "220", "callsign": "245.CHR", "fleet": "300", "gbs": "020.GBS",
    "sim": "020.SIM", "tst": "020.TST", "spi": "020.SPI", "rab": "020.RAB", "vc": "090.V", "gc": "090.G",
    "level": "090.FL",
}  # fmt: skip

FIELDS_010 = _BOTH | {
    "type": "000", "rho": "040.RHO", "theta": "040.TH#", "speed": "200.GSP", "track": "200.TRA#",
    "number": "161.TRK", "v3": "060.V", "g3": "060.G", "code": "060.MODE3A", "tot": "020.TOT",
    "dx": "500.DEVX", "dy": "500.DEVY", "cst": "170.CST", "nogo": "550.NOGO",
}  # fmt: skip

FIELDS_020 = _BOTH | {
    "number": "161.TRN", "v3": "070.V", "g3": "070.G", "code": "070.MODE3A", "dx": "500.SDP.X", "dy": "500.SDP.Y",
    "height": "105", "stat": "230.STAT", "cst": "170.CST",
}  # fmt: skip


def plots_010(found: Found, feed: int) -> tuple[Plots, Labels]:
    """CAT010; the caller has taken out what is no report of a craft (I010/000 other than 1)."""
    plots, labels = _plots(found, feed)
    polar = np.isnan(plots.lat_rad) & np.isnan(plots.x_m) & ~np.isnan(found["rho"])
    form = np.where(polar, Form.POLAR, plots.form).astype(np.uint8)
    from_xy = ~np.isnan(plots.speed_mps)
    tot = found["tot"]
    kind = plots.kind.copy()
    kind[(tot == 1.0) | (tot == 3.0)] = Kind.AIRCRAFT
    kind[tot == 2.0] = Kind.GROUND_VEHICLE
    nowhere = (plots.form != Form.GEODETIC) & np.isnan(plots.x_m) & ~polar
    return plots.replace(
        form=form,
        kind=kind,
        range_m=np.where(polar, found["rho"], np.nan),
        azimuth_rad=np.where(polar, found["theta"] * convert.TURN16_RAD, np.nan),
        speed_mps=np.where(from_xy, plots.speed_mps, found["speed"] * convert.NM_M),
        course_rad=np.where(from_xy, plots.course_rad, found["track"] * convert.TURN16_RAD),
        flags=plots.flags & ~np.uint32(Flag.NO_POSITION) | nowhere * np.uint32(Flag.NO_POSITION),
    ), labels


def plots_020(found: Found, feed: int) -> tuple[Plots, Labels]:
    """CAT020. The geometric height (I020/105) stands where there is no flight level."""
    plots, labels = _plots(found, feed)
    height = np.isnan(plots.alt_m) & ~np.isnan(found["height"])
    stat = found["stat"]
    flags = plots.flags | convert.flags(
        len(found),
        ((stat == 1.0) | (stat == 3.0), Flag.ON_GROUND),
        ((stat == 4.0) | (stat == 5.0), Flag.IDENT),
    )
    return plots.replace(
        alt_m=np.where(height, found["height"] * convert.FT_M, plots.alt_m),
        alt_ref=np.where(height, AltRef.ELLIPSOID, plots.alt_ref).astype(np.uint8),
        flags=flags,
    ), labels


def _plots(found: Found, feed: int) -> tuple[Plots, Labels]:
    n = len(found)
    time_ns, assumed = convert.utc(found, "time")
    code = convert.mode_3a(found, "code", "v3", "g3")
    lat_rad, lon_rad = convert.position(found["lat"], found["lon"])
    geodetic = ~np.isnan(lat_rad)
    x_m = np.where(geodetic, np.nan, found["x"])
    speed_mps, course_rad = convert.velocity(found["vx"], found["vy"])
    alt_m = convert.level_m(found, "level", "vc", "gc")
    address = found.whole("address")
    identity = convert.space(address)
    plots = Plots.blank(n).replace(
        time_ns=time_ns,
        received_ns=found.received_ns,
        source=convert.sources(found, feed),
        form=np.where(geodetic, Form.GEODETIC, Form.CARTESIAN).astype(np.uint8),
        x_m=x_m,
        y_m=np.where(geodetic, np.nan, found["y"]),
        lat_rad=lat_rad,
        lon_rad=lon_rad,
        alt_m=alt_m,
        alt_ref=np.where(np.isnan(alt_m), AltRef.NONE, AltRef.PRESSURE).astype(np.uint8),
        speed_mps=speed_mps,
        course_rad=course_rad,
        sigma_m=_sigma_m(found),
        identity=identity,
        track_number=found.whole("number", -1).astype(np.int32),
        mode_3a=code,
        kind=np.where(found["fleet"] >= 0, Kind.GROUND_VEHICLE, np.where(address > 0, Kind.AIRCRAFT, 0)).astype(
            np.uint8
        ),
        flags=_flags(found, code, assumed, ~geodetic & np.isnan(x_m)),
    )
    none = np.zeros(n, np.int64)
    return plots, Labels(found.at, identity, time_ns, plots.source, found.whole("callsign"), code, none)


def _flags(found: Found, code: NDArray[np.int32], assumed: convert.Bools, nowhere: convert.Bools) -> NDArray[np.uint32]:
    return convert.squawk_flags(code) | convert.flags(
        len(found),
        (assumed, Flag.TIME_ASSUMED),
        (found.flag("sim") | found.flag("tst"), Flag.TEST),
        (found.flag("spi"), Flag.IDENT),
        (found.flag("rab"), Flag.FROM_GROUND),
        (found.flag("gbs"), Flag.ON_GROUND),
        (found["cst"] >= 1.0, Flag.DEAD_RECKONED),
        (nowhere, Flag.NO_POSITION),
    )


def _sigma_m(found: Found) -> NDArray[np.float64]:
    """The mean of both axes; a stated deviation of zero is no statement."""
    sigma = np.sqrt((found["dx"] * found["dx"] + found["dy"] * found["dy"]) / 2.0)
    return np.where(sigma > 0.0, sigma, np.nan)
