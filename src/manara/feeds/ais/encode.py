"""AIS sentences out: fields or tracks to NMEA lines. pyais packs the bits; we give it the honest defaults.

What is not known is sent as "not available", never as zero: pyais's own defaults would put a ship without a
position at 0° N 0° E.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import xor
from typing import Any

from manara.records.identity import Space, unpack
from manara.records.particulars import Particulars
from manara.records.reports import Flag, Kind
from manara.records.tracks import Life, Tracks

PAYLOAD_CHARS = 60  # of one sentence, so that a line stays within the 82 characters of IEC 61162-1
TEXT_CHARS = {12: 156, 14: 161}  # M.1371 tables: 936 and 968 bits
KNOT_MPS = 1852.0 / 3600.0

_NOWHERE: dict[str, object] = {"lon": 181.0, "lat": 91.0, "second": 60}
_POSITION: dict[str, object] = {**_NOWHERE, "speed": 102.3, "course": 360.0}
_CLASS_A: dict[str, object] = {**_POSITION, "heading": 511, "turn": -128.0, "status": 15, "maneuver": 0}
_CLOCK: dict[str, object] = {**_NOWHERE, "year": 0, "month": 0, "day": 0, "hour": 24, "minute": 60}
# M.1371 "not available" of each field, by type; a field not named here has 0 or "" for that.
UNKNOWN: dict[int, dict[str, object]] = {
    1: _CLASS_A,
    2: _CLASS_A,
    3: _CLASS_A,
    4: _CLOCK,
    5: {"hour": 24, "minute": 60, "epfd": 0},
    9: {**_POSITION, "alt": 4095, "speed": 1023},
    11: _CLOCK,
    18: {**_POSITION, "heading": 511},
    19: {**_POSITION, "heading": 511},
    21: _NOWHERE,
    27: {"lon": 181.0, "lat": 91.0, "speed": 63, "course": 511, "status": 15},
}
_TENTHS = frozenset({"speed", "course", "draught"})
_WHOLE_SPEED = frozenset({9, 27})  # whole knots; type 27 also whole degrees


@dataclass(frozen=True)
class Sent:
    """Sentences of some tracks: how many tracks they tell of, and how many had no identity to send under."""

    data: bytes
    tracks: int
    left_out: int


def sentences(
    msg_type: int,
    fields: Mapping[str, object],
    *,
    time_ns: int | None = None,
    station: str = "",
    talker: str = "AIVDM",
    sequence: int = 0,
    channel: str = "A",
) -> bytes:
    r"""One AIS report as CRLF lines, with a tag block if a time or a station is given.

    ``fields``: pyais's names and units (degrees, knots, metres); absent, None or NaN becomes "not available".
    Text beyond the six-bit alphabet becomes "?". ``sequence`` 0–9 binds the parts of a long report together.
    Raises ValueError for a type that M.1371 does not know or an identity that is not one.

    >>> sentences(14, {"mmsi": 2573999, "text": "drill"}, time_ns=1_700_000_000_000_000_000)
    b'\\c:1700000000*5F\\!AIVDM,1,1,,A,>02M6chA8Thh,2*45\r\n'
    """
    from pyais.messages import MSG_CLASS

    if not 1 <= msg_type <= 27:
        raise ValueError(f"no such AIS type: {msg_type}")
    mmsi = fields.get("mmsi")
    if not isinstance(mmsi, int) or not 0 < mmsi <= 999_999_999:
        raise ValueError(f"not an MMSI: {mmsi!r}")
    payload, fill = MSG_CLASS[msg_type].create(**_wire(msg_type, fields)).encode()
    parts = [payload[i : i + PAYLOAD_CHARS] for i in range(0, len(payload), PAYLOAD_CHARS)]
    seq = str(sequence % 10) if len(parts) > 1 else ""
    lines = []
    for number, part in enumerate(parts, start=1):
        last = number == len(parts)
        group = f"g:{number}-{len(parts)}-{sequence % 10}" if len(parts) > 1 else ""
        body = f"{talker},{len(parts)},{number},{seq},{channel},{part},{fill if last else 0}"
        lines.append(f"{_tag_block(group, time_ns, station, first=number == 1)}!{body}*{_checksum(body)}\r\n")
    return "".join(lines).encode("ascii")


def _tag_block(group: str, time_ns: int | None, station: str, *, first: bool) -> str:
    words = [group if station or time_ns is not None else ""]
    if first:
        words += [f"s:{_plain(station)}" if station else "", f"c:{time_ns // 10**9}" if time_ns is not None else ""]
    body = ",".join(word for word in words if word)
    return f"\\{body}*{_checksum(body)}\\" if body else ""


def _checksum(body: str) -> str:
    return f"{reduce(xor, body.encode('ascii'), 0):02X}"


def _plain(station: str) -> str:
    return "".join(c for c in station if c.isascii() and c.isalnum())[:15]


def _wire(msg_type: int, fields: Mapping[str, object]) -> dict[str, Any]:
    wire: dict[str, Any] = {**UNKNOWN.get(msg_type, {}), "type": msg_type, "msg_type": msg_type}
    for name, value in fields.items():
        if value is None or (isinstance(value, float) and math.isnan(value)) or name in ("type", "msg_type"):
            continue
        wire[name] = _six_bit(value) if isinstance(value, str) else value
    for name in _TENTHS & wire.keys():
        # pyais truncates; a quarter of a quantum makes its truncation our rounding.
        step = 1 if msg_type in _WHOLE_SPEED and (name == "speed" or msg_type == 27) else 10
        wire[name] = (round(float(wire[name]) * step) + 0.25) / step
    if "text" in wire:
        wire["text"] = wire["text"][: TEXT_CHARS.get(msg_type, 156)]
    return wire


def _six_bit(text: str) -> str:
    return "".join(c if " " <= c <= "_" else "?" for c in text.upper())


def encode_tracks(tracks: Tracks, particulars: Mapping[int, Particulars]) -> Sent:
    """Tracks as AIS types 1, 5, 18 and 21, stamped with each track's time. No identity is ever invented.

    A track without an MMSI, without a position, dropped, or of a kind that these types cannot say is left out and
    counted. ``particulars``: identity → what is known of it; a class A vessel's becomes a type 5.
    """
    out: list[bytes] = []
    told = 0
    for i in range(len(tracks)):
        lines = list(_track(tracks, i, particulars.get(int(tracks.identity[i]))))
        told += bool(lines)
        out += lines
    return Sent(b"".join(out), told, len(tracks) - told)


def _track(t: Tracks, i: int, known: Particulars | None) -> Iterator[bytes]:
    space, mmsi = unpack(int(t.identity[i]))
    sayable = 0 < mmsi <= 999_999_999 and t.life[i] != Life.DROPPED and not int(t.flags[i]) & Flag.NO_POSITION
    if space is not Space.MMSI or not sayable or not (math.isfinite(t.lat_rad[i]) and math.isfinite(t.lon_rad[i])):
        return
    kind, time_ns = int(t.kind[i]), int(t.time_ns[i])
    fields: dict[str, object] = {
        "mmsi": mmsi,
        "lat": math.degrees(t.lat_rad[i]),
        "lon": math.degrees(t.lon_rad[i]),
        "second": time_ns // 10**9 % 60,
    }
    if kind == Kind.AID_TO_NAVIGATION:
        yield sentences(21, {**fields, "name": known.name if known else ""}, time_ns=time_ns)
    elif kind == Kind.VESSEL_B:
        yield sentences(18, {**fields, **_motion(t, i)}, time_ns=time_ns)
    elif kind in (Kind.VESSEL_A, Kind.VESSEL, Kind.SYSTEM_TRACK_SEA, Kind.DISTRESS_DEVICE):
        status = known.nav_status if known else None
        yield sentences(1, {**fields, **_motion(t, i), "status": status}, time_ns=time_ns)
        if known:
            yield sentences(5, {"mmsi": mmsi, **_static(known)}, time_ns=time_ns, sequence=i)


def _motion(t: Tracks, i: int) -> dict[str, object]:
    east, north, heading = float(t.ve_mps[i]), float(t.vn_mps[i]), float(t.heading_rad[i])
    speed = math.hypot(east, north) / KNOT_MPS
    moving = math.isfinite(speed)
    return {
        "speed": min(speed, 102.2) if moving else None,
        "course": round(math.degrees(math.atan2(east, north)) % 360.0, 1) % 360.0 if moving else None,
        "heading": None if math.isnan(heading) else round(math.degrees(heading)) % 360,
    }


def _static(p: Particulars) -> dict[str, object]:
    length, beam = min(round(p.length_m or 0), 511), min(round(p.beam_m or 0), 63)
    return {
        "imo": p.imo,
        "callsign": p.callsign,
        "shipname": p.name,
        "ship_type": p.ship_type,
        # Where the antenna stands is not known: M.1371 says reference point unknown as bow = port = 0.
        "to_stern": length,
        "to_starboard": beam,
        "draught": min(p.draught_m, 25.5) if p.draught_m is not None else None,
        "destination": p.destination,
        **_eta(p.eta),
    }


def _eta(eta: str) -> dict[str, object]:
    try:
        return {"month": int(eta[0:2]), "day": int(eta[3:5]), "hour": int(eta[6:8]), "minute": int(eta[9:11])}
    except ValueError:
        return {}
