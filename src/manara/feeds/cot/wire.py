"""CoT on the wire: XML events one after another, and TAK protocol version 1 (protobuf)."""

from __future__ import annotations

import math
from typing import Any

from lxml import etree

from manara.feeds.cot.event import CotEvent, known, time_ns

EVENT_BYTES = 256 * 1024
MAGIC = b"\xbf"
_MS_NS = 1_000_000


def xml_span(data: bytes, start: int) -> tuple[int, int] | None:
    """One XML event: from its `<event` to behind `</event>`; the XML declaration before it belongs to it."""
    end = data.find(b"</event>", start)
    if end < 0:
        return None
    begin = data.rfind(b"<event", start, end)
    declared = data.rfind(b"<?xml", start, max(begin, start))
    if begin >= 0 and declared >= 0 and data.find(b"?>", declared, begin) >= 0:
        begin = declared
    return (begin if begin >= 0 else end), end + len(b"</event>")


def read_xml(data: bytes) -> CotEvent | str:
    """An event, or why it is none. Entities and outside references are never followed."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError):
        return "bad_xml"
    point = root.find("point")
    if root.tag != "event" or point is None:
        return "no_point"
    track, contact = root.find("detail/track"), root.find("detail/contact")
    said = _numbers(point, "lat", "lon", "hae", "ce")
    moving = _numbers(track, "speed", "course")
    if not root.get("uid") or math.isnan(said["lat"]) or math.isnan(said["lon"]):
        return "no_point"
    return CotEvent(
        uid=root.get("uid", "")[:256],
        type=root.get("type", "")[:64],
        how=root.get("how", "")[:32],
        time_ns=time_ns(root.get("start", "")),
        stale_ns=time_ns(root.get("stale", "")),
        lat_deg=said["lat"],
        lon_deg=said["lon"],
        hae_m=known(said["hae"]),
        ce_m=known(said["ce"]),
        speed_mps=moving["speed"],
        course_deg=moving["course"],
        callsign=(contact.get("callsign", "") if contact is not None else "")[:64],
    )


def _numbers(element: Any, *names: str) -> dict[str, float]:
    found = {}
    for name in names:
        try:
            found[name] = float(element.get(name, "nan")) if element is not None else math.nan
        except ValueError:
            found[name] = math.nan
    return found


def varint(data: bytes, at: int) -> tuple[int, int] | None:
    """A protobuf varint of at most five bytes: (value, place behind it); None when it is not complete.

    >>> varint(bytes([0xAC, 0x02]), 0)
    (300, 2)
    """
    value = 0
    for k in range(5):
        if at + k >= len(data):
            return None
        value |= (data[at + k] & 0x7F) << 7 * k
        if data[at + k] < 0x80:
            return value, at + k + 1
    return value, at + 5


def proto_span(data: bytes, start: int) -> tuple[int, int] | None:
    """One TAK stream frame: 0xBF, the length as a varint, the payload. A length beyond the bound is no frame."""
    begin = data.find(MAGIC, start)
    while begin >= 0:
        found = varint(data, begin + 1)
        if found is None:
            return None
        length, payload = found
        if 0 < length <= EVENT_BYTES:
            return (begin, payload + length) if payload + length <= len(data) else None
        begin = data.find(MAGIC, begin + 1)
    return None


def read_proto(payload: bytes) -> CotEvent | str:
    """A TakMessage payload, or why it is none."""
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped] # no stubs installed
    from takproto.proto import TakMessage

    said = TakMessage()
    try:
        said.ParseFromString(payload)
    except (DecodeError, ValueError):
        return "bad_protobuf"
    event = said.cotEvent
    if not event.uid:
        return "no_point"
    moving = event.detail.track if event.detail.HasField("track") else None
    return CotEvent(
        uid=event.uid[:256],
        type=event.type[:64],
        how=event.how[:32],
        time_ns=_ms(event.startTime),
        stale_ns=_ms(event.staleTime),
        lat_deg=event.lat,
        lon_deg=event.lon,
        hae_m=known(event.hae),
        ce_m=known(event.ce),
        speed_mps=moving.speed if moving is not None else math.nan,
        course_deg=moving.course if moving is not None else math.nan,
        callsign=event.detail.contact.callsign[:64],
    )


def _ms(said: int) -> int:
    """Milliseconds since 1970 to ns; 0 for what lies beyond the year 2200."""
    return said * _MS_NS if 0 < said < 7_258_118_400_000 else 0
