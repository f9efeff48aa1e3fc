"""Partner GeoJSON in and out: Features, FeatureCollections, one after another or one a line.

A Feature is taken when it has a Point and an id. Properties that are read: ``time`` (ISO 8601) or ``time_ns``,
``mmsi``, ``icao24``, ``kind`` or ``domain``, ``speed_mps``, ``course_deg``, ``altitude_m`` (ellipsoid), ``sigma_m``,
``name``, ``callsign``. What we write (`encode_tracks`) we read back.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from manara.feeds.decoder import Decoder, Format, Options
from manara.feeds.documents import DocumentDecoder, Gathered, JsonCutter, spans, uid_identity
from manara.records import identity
from manara.records.identity import Space, source_id
from manara.records.particulars import Particulars
from manara.records.reject import Reject
from manara.records.reports import AltRef, Domain, Flag, Kind
from manara.records.tracks import Tracks

DOCUMENT_BYTES = 16 << 20
FEATURES = 1_000_000  # of one document
_DOMAINS = {"air": int(Kind.AIRCRAFT), "sea": int(Kind.VESSEL), "land": int(Kind.GROUND_VEHICLE)}
_KINDS = {one.name: int(one) for one in Kind}
_NO_HEIGHT, _HEIGHT, _TIME_ASSUMED = int(AltRef.NONE), int(AltRef.ELLIPSOID), int(Flag.TIME_ASSUMED)


def features(document: bytes) -> list[Any] | str:
    """The features of a document, or why there are none."""
    try:
        plain = msgspec.json.decode(document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "bad_json"
    if not isinstance(plain, dict):
        return "not_geojson"
    if plain.get("type") == "Feature":
        return [plain]
    held = plain.get("features")
    if plain.get("type") != "FeatureCollection" or not isinstance(held, list):
        return "not_geojson"
    return held[:FEATURES]


def _read(options: Options) -> Any:
    def read(data: bytes, received_ns: int, got: Gathered) -> None:
        found = features(data)
        if isinstance(found, str):
            return got.refuse(found, data)
        for one in found:
            why = _put(one, options.feed, received_ns, got)
            if why:
                got.refuse(why, msgspec.json.encode(one)[:256])
        return None

    return read


def _put(one: Any, feed: int, received_ns: int, got: Gathered) -> str:
    """One feature into the rows; gives why not, or ""."""
    if not isinstance(one, dict) or not isinstance(one.get("geometry"), dict):
        return "no_geometry"
    if one["geometry"].get("type") != "Point":
        got.count("geojson other geometry")
        return ""
    told = one["geometry"].get("coordinates")
    where = [_number(x) for x in told[:3]] if isinstance(told, list) else []
    if len(where) < 2 or not (abs(where[0]) <= 180 and abs(where[1]) <= 90):
        return "bad_position"
    properties = one.get("properties")
    said: dict[str, Any] = properties if isinstance(properties, dict) else {}
    claimed = _identity(one, said)
    if not claimed:
        return "no_id"
    got.count("geojson point")
    got.rows.append(_row(said, where, claimed, feed, received_ns))
    name, callsign = str(said.get("name") or "")[:64], str(said.get("callsign") or "")[:16]
    if name or callsign:
        time_ns = got.rows[-1]["time_ns"]
        got.particulars.append(
            Particulars(identity=claimed, time_ns=time_ns, source=source_id(feed), name=name, callsign=callsign)
        )
    return ""


def _identity(one: Mapping[str, Any], said: Mapping[str, Any]) -> int:
    mmsi, icao24 = str(said.get("mmsi") or ""), str(said.get("icao24") or "")
    if mmsi:
        return uid_identity(f"MMSI-{mmsi}")
    if icao24:
        return uid_identity(f"ICAO-{icao24}")
    uid = one.get("id") or said.get("track_id") or said.get("id")
    return uid_identity(str(uid)[:256]) if uid else 0


def _row(said: Mapping[str, Any], where: list[float], claimed: int, feed: int, received_ns: int) -> dict[str, Any]:
    time_ns = _time_ns(said)
    altitude_m = _number(said.get("altitude_m", where[2] if len(where) > 2 else None))
    speed, course = _number(said.get("speed_mps")), _number(said.get("course_deg"))
    sigma_m = _number(said.get("sigma_m"))
    return {
        "time_ns": time_ns or received_ns,
        "received_ns": received_ns,
        "source": source_id(feed),
        "identity": claimed,
        "kind": _kind(said),
        "lat_rad": math.radians(where[1]),
        "lon_rad": math.radians(where[0]),
        "alt_m": altitude_m,
        "alt_ref": _NO_HEIGHT if math.isnan(altitude_m) else _HEIGHT,
        "speed_mps": speed if 0 <= speed <= 3000 else math.nan,
        "course_rad": math.radians(course % 360),
        "sigma_m": sigma_m if sigma_m > 0 else math.nan,
        "flags": 0 if time_ns else _TIME_ASSUMED,
    }


def _kind(said: Mapping[str, Any]) -> int:
    named = _KINDS.get(str(said.get("kind") or "").upper())
    return _DOMAINS.get(str(said.get("domain") or "").lower(), 0) if named is None else named


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    return float(value) if abs(value) < 1e300 else math.nan


def _time_ns(said: Mapping[str, Any]) -> int:
    """ns UTC from ``time_ns`` or ``time``; 0 when neither can be read."""
    exact = said.get("time_ns")
    if isinstance(exact, int) and 0 < exact < 1 << 62:
        return exact
    if not said.get("time"):
        return 0
    try:
        when = datetime.fromisoformat(str(said["time"]))
    except ValueError:
        return 0
    if not 1970 <= when.year < 2200:
        return 0
    return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1_000_000) * 1_000


def _new(options: Options) -> Decoder:
    return DocumentDecoder(JsonCutter, _read(options), DOCUMENT_BYTES)


def _guess(head: bytes) -> float:
    if not head.lstrip().startswith(b"{"):
        return 0.0
    spaceless = head.replace(b" ", b"")
    return 0.95 if b'"type":"Feature' in spaceless else 0.0


def _cut(data: bytes) -> Iterator[tuple[int, int | None]]:
    for begin, end in spans(data, JsonCutter()):
        found = features(data[begin:end])
        first = found[0] if isinstance(found, list) and found else None
        said = first.get("properties") if isinstance(first, dict) else None
        yield end, (_time_ns(said) or None) if isinstance(said, dict) else None


def _full(data: bytes, options: Options) -> Iterator[dict[str, Any] | Reject]:
    at = 0
    for begin, end in spans(data, JsonCutter()):
        at = end
        found = features(data[begin:end])
        if isinstance(found, str):
            yield Reject(found, data[begin:end][:256])
            continue
        for one in found:
            why = _put(one, options.feed, 0, Gathered())
            yield Reject(why, msgspec.json.encode(one)[:256]) if why else one
    if data[at:].strip():
        yield Reject("truncated", data[at:][:256])


FORMATS = (Format("geojson", "GeoJSON of a partner", "geojson", _new, _guess, _cut, _full),)


def encode_tracks(tracks: Tracks, particulars: Mapping[int, Particulars], now_ns: int, tlp: str = "") -> bytes:
    """A FeatureCollection of the tracks that have a position, with a newline behind it. ``tlp``: said of each."""
    rows = [_feature(tracks, i, particulars) for i in range(len(tracks)) if math.isfinite(tracks.lat_rad[i])]
    if tlp:
        for one in rows:
            one["properties"]["tlp"] = f"TLP:{tlp.upper()}"
    return msgspec.json.encode({"type": "FeatureCollection", "time_ns": now_ns, "features": rows}) + b"\n"


def _feature(tracks: Tracks, i: int, particulars: Mapping[int, Particulars]) -> dict[str, Any]:
    claimed = int(tracks.identity[i])
    space = identity.unpack(claimed)[0]
    said = particulars.get(claimed)
    properties: dict[str, Any] = {
        "time_ns": int(tracks.time_ns[i]),
        "kind": Kind(int(tracks.kind[i])).name.lower(),
        "domain": Domain(int(tracks.domain[i])).name.lower(),
        "speed_mps": round(math.hypot(tracks.ve_mps[i], tracks.vn_mps[i]), 2),
        "course_deg": round(math.degrees(math.atan2(tracks.ve_mps[i], tracks.vn_mps[i])) % 360, 2),
        "sigma_m": round(math.sqrt(max(0.5 * (tracks.cov[i, 0] + tracks.cov[i, 4]), 0.0)), 1),
    }
    if space in (Space.MMSI, Space.ICAO24):
        properties["mmsi" if space is Space.MMSI else "icao24"] = identity.text(claimed)
    if math.isfinite(tracks.alt_m[i]) and tracks.alt_ref[i] == AltRef.ELLIPSOID:
        properties["altitude_m"] = round(float(tracks.alt_m[i]), 1)
    if said:
        properties |= {k: v for k, v in (("name", said.name), ("callsign", said.callsign)) if v}
    where = [round(math.degrees(tracks.lon_rad[i]), 7), round(math.degrees(tracks.lat_rad[i]), 7)]
    return {
        "type": "Feature",
        "id": f"{int(tracks.track_id[i]):016x}",
        "geometry": {"type": "Point", "coordinates": where},
        "properties": properties,
    }
