"""The picture as CAT062 system tracks and a CAT065 heartbeat, for other centres. Nothing is said that is not known:
an aircraft address only from an ICAO identity, a callsign only as it was reported."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from manara.feeds.asterix import encode
from manara.feeds.asterix.convert import DAY_NS, FL_M, FT_M
from manara.records.identity import Space, unpack
from manara.records.particulars import Particulars
from manara.records.reports import AltRef, Flag
from manara.records.tracks import Life, Tracks

EDITION_062, EDITION_065 = "1.20", "1.5"
DATAGRAM_BYTES_MAX = 1400
SERVICE = 1  # the service identification of I062/015: one service
NO_CODE = 0xFFFFFFFF
ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ")
LIVES = (Life.CONFIRMED, Life.COASTING, Life.DROPPED)  # a tentative track is nobody else's business


def encode_tracks(
    tracks: Tracks, particulars: Mapping[int, Particulars], now_ns: int, sac: int, sic: int
) -> list[bytes]:
    """CAT062 blocks, one a datagram of at most 1,400 bytes, for tracks with a position that are not tentative."""
    wanted = np.isin(tracks.life, LIVES) & ~np.isnan(tracks.lat_rad) & ~np.isnan(tracks.lon_rad)
    datagrams: list[bytes] = []
    group: list[bytes] = []
    size = 3
    for i in np.flatnonzero(wanted).tolist():
        one = encode.record(62, EDITION_062, _items(tracks, i, particulars, now_ns, sac, sic))
        if size + len(one) > DATAGRAM_BYTES_MAX:
            datagrams.append(encode.block(62, group))
            group, size = [], 3
        group.append(one)
        size += len(one)
    if group:
        datagrams.append(encode.block(62, group))
    return datagrams


def heartbeat(now_ns: int, sac: int, sic: int) -> bytes:
    """A CAT065 block: this centre is alive and operational (I065/000 type 1, I065/040 all well)."""
    status = {"NOGO": 0, "OVL": 0, "TSV": 0, "PSS": 0, "STTN": 0}
    items = {"010": {"SAC": sac, "SIC": sic}, "000": 1, "015": SERVICE, "030": _tod_s(now_ns), "040": status}
    return encode.block(65, [encode.record(65, EDITION_065, items)])


def _tod_s(time_ns: int) -> float:
    """The time of day, never rounded up to 24 h."""
    return time_ns % DAY_NS // 7_812_500 / 128.0


def _items(
    tracks: Tracks, i: int, particulars: Mapping[int, Particulars], now_ns: int, sac: int, sic: int
) -> dict[str, Any]:
    identity = int(tracks.identity[i])
    known = particulars.get(identity)
    flags = int(tracks.flags[i])
    items: dict[str, Any] = {
        "010": {"SAC": sac, "SIC": sic},
        "015": SERVICE,
        "070": _tod_s(int(tracks.time_ns[i])),
        "105": {"LAT": math.degrees(tracks.lat_rad[i]), "LON": _lon_deg(float(tracks.lon_rad[i]))},
        "185": {"VX": _within(tracks.ve_mps[i], 8191.75), "VY": _within(tracks.vn_mps[i], 8191.75)},
        "040": int(tracks.number[i]) & 0xFFFF,
        "080": _status(int(tracks.life[i]), flags, int(tracks.sources[i]).bit_count()),
        "290": {"TRK": min((now_ns - int(tracks.born_ns[i])) / 1e9, 63.75)} if now_ns >= tracks.born_ns[i] else None,
        "500": _accuracy(tracks.cov[i]),
    }
    items |= _height(float(tracks.alt_m[i]), int(tracks.alt_ref[i]))
    if math.isfinite(tracks.vu_mps[i]):
        items["220"] = _within(tracks.vu_mps[i] / FT_M * 60.0, 204_000.0)
    if int(tracks.mode_3a[i]) != NO_CODE:
        items["060"] = {"V": 0, "G": 0, "CH": 0, "MODE3A": f"{int(tracks.mode_3a[i]) & 0xFFF:04o}"}
    return items | _who(identity, known)


def _who(identity: int, known: Particulars | None) -> dict[str, Any]:
    space, value = unpack(identity)
    derived: dict[str, Any] = {"ADR": value} if space is Space.ICAO24 else {}
    callsign = (known.callsign or known.name if known else "").upper()[:8].strip()
    if callsign and set(callsign) <= ALPHABET:
        if space is Space.ICAO24:
            derived["ID"] = callsign
        # STI 0: downlinked by the craft itself; 1: a callsign that did not come that way.
        found = {"245": {"STI": 0 if space is Space.ICAO24 else 1, "CHR": callsign}}
    else:
        found = {}
    return found | ({"380": derived} if derived else {})


def _status(life: int, flags: int, sources: int) -> dict[str, int]:
    """I062/080. Parts that say nothing are not sent."""
    found = {"MON": int(sources == 1), "SPI": int(bool(flags & Flag.IDENT)), "MRH": 0, "SRC": 0, "CNF": 0}
    found |= {"SIM": int(bool(flags & Flag.TEST)), "TSE": int(life == Life.DROPPED), "TSB": 0}
    if life == Life.COASTING:
        found["CST"] = 1
    for flag, value in ((Flag.EMERGENCY, 1), (Flag.RADIO_FAILURE, 4), (Flag.UNLAWFUL_INTERFERENCE, 5)):
        if flags & flag:
            found["EMS"] = value
    return found


def _height(alt_m: float, ref: int) -> dict[str, Any]:
    """The measured level from a pressure altitude, the geometric altitude from an ellipsoidal one."""
    if not math.isfinite(alt_m):
        return {}
    if ref == AltRef.PRESSURE and -15.0 <= alt_m / FL_M <= 1500.0:
        return {"136": alt_m / FL_M}
    if ref == AltRef.ELLIPSOID and -1500.0 <= alt_m / FT_M <= 150_000.0:
        return {"130": alt_m / FT_M}
    return {}


def _accuracy(cov: Any) -> dict[str, Any] | None:
    """Standard deviations east and north, and their covariance as its signed root, from (10,) m² of the state."""
    east, north, cross = float(cov[0]), float(cov[4]), float(cov[1])
    if not (east > 0.0 and north > 0.0 and math.isfinite(cross)):
        return None
    root = math.copysign(math.sqrt(abs(cross)), cross)
    apc = {"X": min(math.sqrt(east), 32_767.0), "Y": min(math.sqrt(north), 32_767.0)}
    return {"APC": apc, "COV": _within(root, 16_383.0)}


def _within(value: float, most: float) -> float:
    return max(-most, min(most, float(value))) if math.isfinite(value) else 0.0


def _lon_deg(lon_rad: float) -> float:
    """In [-180, 180)."""
    return (math.degrees(lon_rad) + 180.0) % 360.0 - 180.0
