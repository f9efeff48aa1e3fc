"""The picture as CoT events, XML. Affiliation is always "u" (unknown): we do not say whose side a craft is on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime

from lxml import etree

from manara.feeds.cot.event import UNKNOWN_M
from manara.records import identity
from manara.records.identity import Space
from manara.records.particulars import Particulars
from manara.records.reports import AltRef, Domain, Kind
from manara.records.tracks import Tracks

STALE_NS = 60_000_000_000
_TYPES = {Domain.AIR: "a-u-A", Domain.SEA: "a-u-S", Domain.LAND: "a-u-G"}
_HEADER = b"<?xml version='1.0' encoding='UTF-8' standalone='yes'?>\n"


def encode_tracks(tracks: Tracks, particulars: Mapping[int, Particulars], now_ns: int, tlp: str = "") -> list[bytes]:
    """One XML event for each track with a position and a domain, each ready for a datagram or a stream.
    ``tlp``: said in the remarks of each."""
    rows = range(len(tracks))
    return [
        _event(tracks, i, particulars, now_ns, tlp)
        for i in rows
        if math.isfinite(tracks.lat_rad[i]) and tracks.domain[i]
    ]


def uid(tracks: Tracks, i: int) -> str:
    """MMSI-… or ICAO-… where the craft claims one, else our own track id."""
    claimed = int(tracks.identity[i])
    space = identity.unpack(claimed)[0]
    if space is Space.MMSI:
        return f"MMSI-{identity.text(claimed)}"
    if space is Space.ICAO24:
        return f"ICAO-{identity.text(claimed)}"
    return f"MANARA-{int(tracks.track_id[i]):016x}"


def _event(tracks: Tracks, i: int, particulars: Mapping[int, Particulars], now_ns: int, tlp: str) -> bytes:
    said = particulars.get(int(tracks.identity[i]))
    cot_type = "a-u-A-M-F-Q" if tracks.kind[i] == Kind.UNMANNED_AIRCRAFT else _TYPES[Domain(int(tracks.domain[i]))]
    root = etree.Element(
        "event",
        version="2.0",
        uid=uid(tracks, i),
        type=cot_type,
        time=_iso(now_ns),
        start=_iso(int(tracks.time_ns[i])),
        stale=_iso(int(tracks.time_ns[i]) + STALE_NS),
        how="m-f",
    )
    ellipsoid = tracks.alt_ref[i] == AltRef.ELLIPSOID and math.isfinite(tracks.alt_m[i])
    sigma_m = math.sqrt(max(0.5 * (tracks.cov[i, 0] + tracks.cov[i, 4]), 0.0))
    etree.SubElement(
        root,
        "point",
        lat=f"{math.degrees(tracks.lat_rad[i]):.7f}",
        lon=f"{math.degrees(tracks.lon_rad[i]):.7f}",
        hae=f"{tracks.alt_m[i]:.1f}" if ellipsoid else f"{UNKNOWN_M:.1f}",
        ce=f"{sigma_m:.1f}" if sigma_m > 0 else f"{UNKNOWN_M:.1f}",
        le=f"{UNKNOWN_M:.1f}",
    )
    detail = etree.SubElement(root, "detail")
    speed = math.hypot(tracks.ve_mps[i], tracks.vn_mps[i])
    course = math.degrees(math.atan2(tracks.ve_mps[i], tracks.vn_mps[i])) % 360
    etree.SubElement(detail, "track", speed=f"{speed:.2f}", course=f"{course:.1f}")
    if said and (said.name or said.callsign):
        etree.SubElement(detail, "contact", callsign=_printable(said.callsign or said.name))
    if tlp:
        etree.SubElement(detail, "remarks").text = f"TLP:{tlp.upper()}"
    return _HEADER + bytes(etree.tostring(root))


def _printable(text: str) -> str:
    return "".join(c for c in text if c.isprintable())


def _iso(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns // 1_000_000 / 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
