"""Tracks written as SBS lines, for programs that read a BaseStation feed (TCP 30003)."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping

import numpy as np

from manara.records.identity import Space
from manara.records.particulars import Particulars
from manara.records.reports import AltRef, Flag
from manara.records.tracks import Tracks

_KNOT = 1852.0 / 3600.0
_FOOT = 0.3048
_EMERGENCIES = int(Flag.EMERGENCY | Flag.RADIO_FAILURE | Flag.UNLAWFUL_INTERFERENCE)


def sbs_line(
    transmission: int,
    icao: int,
    time_ns: int,
    *,
    callsign: str = "",
    alt_ft: float = math.nan,
    speed_kn: float = math.nan,
    track_deg: float = math.nan,
    lat_deg: float = math.nan,
    lon_deg: float = math.nan,
    climb_fpm: float = math.nan,
    squawk: str = "",
    emergency: bool | None = None,
    spi: bool | None = None,
    on_ground: bool | None = None,
) -> bytes:
    """One MSG line; what is not known stays empty. Times are written in UTC.

    >>> sbs_line(3, 0xD00001, 0, alt_ft=12000, lat_deg=1.5, lon_deg=-2.25, on_ground=False)
    b'MSG,3,1,1,D00001,1,1970/01/01,00:00:00.000,1970/01/01,00:00:00.000,,12000,,,1.50000,-2.25000,,,,,,0\\r\\n'
    """
    moment = datetime.datetime.fromtimestamp(time_ns // 1_000_000_000, datetime.UTC)
    stamp = f"{moment:%Y/%m/%d,%H:%M:%S}.{time_ns // 1_000_000 % 1000:03d}"
    fields = (
        _digits(alt_ft, 0),
        _digits(speed_kn, 1),
        _digits(track_deg, 1),
        _digits(lat_deg, 5),
        _digits(lon_deg, 5),
        _digits(climb_fpm, 0),
        squawk,
        "",
        _truth(emergency),
        _truth(spi),
        _truth(on_ground),
    )
    name = "".join(letter for letter in callsign.upper() if letter.isascii() and letter.isalnum())[:8]
    return f"MSG,{transmission},1,1,{icao:06X},1,{stamp},{stamp},{name},{','.join(fields)}\r\n".encode("ascii")


def _digits(value: float, places: int) -> str:
    return f"{value:.{places}f}" if math.isfinite(value) else ""


def _truth(value: bool | None) -> str:
    return "" if value is None else "-1" if value else "0"


def encode_tracks(tracks: Tracks, particulars: Mapping[int, Particulars]) -> bytes:
    """Tracks with an ICAO address as SBS lines: name (1), place (2 on the ground, else 3), velocity (4), code (6).

    A track without an address of its own is left out: an identity is never invented. SBS knows pressure altitude
    only; any other height stays empty.
    """
    known = np.flatnonzero((tracks.identity >> np.uint64(56)) == int(Space.ICAO24))
    return b"".join(_lines(tracks, i, particulars.get(int(tracks.identity[i]))) for i in known.tolist())


def _lines(tracks: Tracks, i: int, words: Particulars | None) -> bytes:
    icao, time_ns = int(tracks.identity[i]) & 0xFFFFFF, int(tracks.time_ns[i])
    ve, vn = float(tracks.ve_mps[i]), float(tracks.vn_mps[i])
    flags = int(tracks.flags[i])
    ground = bool(flags & Flag.ON_GROUND)
    emergency = bool(flags & _EMERGENCIES)
    alt_ft = float(tracks.alt_m[i]) / _FOOT if tracks.alt_ref[i] == AltRef.PRESSURE else math.nan
    speed_kn, track_deg = math.hypot(ve, vn) / _KNOT, math.degrees(math.atan2(ve, vn)) % 360.0
    lat_deg, lon_deg = math.degrees(tracks.lat_rad[i]), math.degrees(tracks.lon_rad[i])
    squawk = int(tracks.mode_3a[i])
    code = f"{squawk:04o}" if squawk <= 0o7777 else words.squawk if words else ""
    out = [sbs_line(1, icao, time_ns, callsign=words.callsign)] if words and words.callsign else []
    if ground:
        out.append(
            sbs_line(
                2,
                icao,
                time_ns,
                alt_ft=alt_ft,
                speed_kn=speed_kn,
                track_deg=track_deg,
                lat_deg=lat_deg,
                lon_deg=lon_deg,
                on_ground=True,
            )
        )
    else:
        climb_fpm = float(tracks.vu_mps[i]) / _FOOT * 60.0
        out.append(sbs_line(4, icao, time_ns, speed_kn=speed_kn, track_deg=track_deg, climb_fpm=climb_fpm))
        out.append(
            sbs_line(
                3,
                icao,
                time_ns,
                alt_ft=alt_ft,
                lat_deg=lat_deg,
                lon_deg=lon_deg,
                emergency=emergency,
                spi=bool(flags & Flag.IDENT),
                on_ground=False,
            )
        )
    if code:
        out.append(sbs_line(6, icao, time_ns, alt_ft=alt_ft, squawk=code, emergency=emergency, on_ground=ground))
    return b"".join(out)
