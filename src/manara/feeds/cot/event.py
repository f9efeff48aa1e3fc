"""One CoT event, whichever way it was written, as a row."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import msgspec

from manara.feeds.documents import Gathered, uid_identity
from manara.records.identity import source_id
from manara.records.particulars import Particulars
from manara.records.reports import AltRef, Flag, Kind

UNKNOWN_M = 9_999_999.0  # CoT's own word for "not known", for hae, ce and le
SPEED_MAX_MPS = 3_000.0


class CotEvent(msgspec.Struct, frozen=True, kw_only=True):
    """The words of an event that a picture needs. Times in ns UTC; NaN: not said."""

    uid: str
    type: str
    how: str = ""
    time_ns: int = 0
    stale_ns: int = 0
    lat_deg: float
    lon_deg: float
    hae_m: float = math.nan  # height above the WGS-84 ellipsoid
    ce_m: float = math.nan  # one standard deviation, horizontal
    speed_mps: float = math.nan
    course_deg: float = math.nan
    callsign: str = ""


# Battle dimension of an atom type "a-x-D-…" -> kind. What the affiliation letter says is not taken over.
_KINDS = {"A": Kind.AIRCRAFT, "S": Kind.VESSEL, "U": Kind.VESSEL, "G": Kind.GROUND_VEHICLE}


def kind_of(cot_type: str) -> Kind:
    """The kind of craft; UNKNOWN for what is not a craft.

    >>> kind_of("a-n-A-C-F").name, kind_of("a-u-S-X-M").name, kind_of("a-u-A-M-F-Q").name, kind_of("b-m-p").name
    ('AIRCRAFT', 'VESSEL', 'UNMANNED_AIRCRAFT', 'UNKNOWN')
    """
    parts = cot_type.split("-")
    if len(parts) < 3 or parts[0] != "a":
        return Kind.UNKNOWN
    if parts[2] == "A" and parts[-1] == "Q":
        return Kind.UNMANNED_AIRCRAFT
    return _KINDS.get(parts[2], Kind.UNKNOWN)


def put(event: CotEvent, feed: int, received_ns: int, raw: bytes, got: Gathered) -> None:
    """One event into the rows; what is no craft is only counted, what cannot be true is refused."""
    if not (abs(event.lat_deg) <= 90 and abs(event.lon_deg) <= 180):
        return got.refuse("bad_position", raw, f"{event.lat_deg}, {event.lon_deg}")
    kind = kind_of(event.type)
    if kind is Kind.UNKNOWN:
        return got.count(f"cot {'-'.join(event.type.split('-')[:3])[:16]}")
    got.count("cot craft")
    got.rows.append(_row(event, kind, feed, received_ns))
    if event.callsign:
        got.particulars.append(
            Particulars(
                identity=uid_identity(event.uid),
                time_ns=event.time_ns or received_ns,
                source=source_id(feed),
                callsign=event.callsign[:64],
            )
        )
    return None


def _row(event: CotEvent, kind: Kind, feed: int, received_ns: int) -> dict[str, Any]:
    flags = Flag.NONE if event.time_ns else Flag.TIME_ASSUMED
    if event.how.startswith("h"):
        flags |= Flag.MANUAL
    return {
        "time_ns": event.time_ns or received_ns,
        "received_ns": received_ns,
        "source": source_id(feed),
        "identity": uid_identity(event.uid),
        "kind": int(kind),
        "lat_rad": math.radians(event.lat_deg),
        "lon_rad": math.radians(event.lon_deg),
        "alt_m": known(event.hae_m),
        "alt_ref": int(AltRef.NONE if math.isnan(known(event.hae_m)) else AltRef.ELLIPSOID),
        "speed_mps": event.speed_mps if 0 <= event.speed_mps <= SPEED_MAX_MPS else math.nan,
        "course_rad": math.radians(event.course_deg % 360) if math.isfinite(event.course_deg) else math.nan,
        "sigma_m": known(event.ce_m) if event.ce_m > 0 else math.nan,
        "flags": int(flags),
    }


def known(value_m: float) -> float:
    """NaN for CoT's 9999999 and for what is no number."""
    return value_m if math.isfinite(value_m) and abs(value_m) < UNKNOWN_M - 1 else math.nan


def time_ns(said: str) -> int:
    """An ISO 8601 time; 0 when it is none."""
    try:
        when = datetime.fromisoformat(said)
    except ValueError:
        return 0
    if when.tzinfo is None or not 1970 <= when.year < 2200:
        return 0
    return int(when.timestamp() * 1_000_000) * 1_000


def full(event: CotEvent) -> dict[str, Any]:
    """The event as JSON can say it: what is not known is None."""
    plain: dict[str, Any] = msgspec.to_builtins(event)
    return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in plain.items()}
