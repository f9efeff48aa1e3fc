"""The picture as GeoJSON and as details of one track, read from the published views."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from manara.desk import origins, trust, wire, words
from manara.desk.ellipse import CONFIDENCE, ellipse
from manara.records import identity
from manara.records.inputs import Trails, Views

Plain = dict[str, Any]
MOST_FOUND = 50
MOST_TRAILS = 1_000


def collection(views: Views, rows: Iterable[int]) -> Plain:
    """Those rows of the picture as a GeoJSON FeatureCollection, with the time of the picture."""
    level = wire.attention(views)
    return {
        "type": "FeatureCollection",
        "time": words.time_text(views.now_ns),
        "sequence": views.sequence,
        "total": len(views.tracks),
        "features": [_feature(views, row, int(level[row])) for row in rows],
    }


def ordered(views: Views, sort: str, descending: bool, limit: int) -> list[int]:
    """Row numbers in the order of one column (ties by track number), at most ``limit``; rows without it last.

    An unknown column orders by attention and age.
    """
    keys = _SORTS.get(sort, _by_attention)(views)
    number = views.tracks.number
    if keys.dtype.kind == "f":
        missing = np.isnan(keys)
        order = np.lexsort((number, np.where(missing, 0.0, -keys if descending else keys), missing))
    else:
        order = np.lexsort((number, keys))
        order = order[::-1] if descending else order
    return [int(row) for row in order[:limit]]


def details(views: Views, track_id: int) -> Plain | None:
    """All that the views hold of one track; None when it is not (or no longer) in the picture."""
    found = np.flatnonzero(views.tracks.track_id == np.uint64(track_id))
    if not len(found):
        return None
    row = int(found[0])
    plain = _feature(views, row, int(wire.attention(views)[row]))
    t = views.tracks
    plain["properties"] |= {
        "born": words.time_text(int(t.born_ns[row])),
        "updated": words.time_text(int(t.updated_ns[row])),
        "hits": int(t.hits[row]),
        "covariance": [words.rounded(float(x), 4) for x in t.cov[row]],
        "confidence": CONFIDENCE,
        "particulars": _particulars(views, int(t.identity[row])),
        "texts": [_text(x) for x in views.texts if x.identity and x.identity == int(t.identity[row])],
        "trail": trail(views.trails, track_id),
        **trust.of_track(views, row),
    }
    return plain


def search(views: Views, query: str) -> list[Plain]:
    """Tracks whose identity, name, callsign, number or squawk contains the query; beginnings first; bounded."""
    wanted = query.strip().casefold()
    if not wanted:
        return []
    ranked: list[tuple[int, int]] = []
    t = views.tracks
    columns = (t.identity.tolist(), t.number.tolist(), t.mode_3a.tolist())
    for row, (who, number, mode_3a) in enumerate(zip(*columns, strict=True)):
        rank = _rank(wanted, [identity.text(who), *_names(views, who), str(number or ""), words.squawk(mode_3a)])
        if rank:
            ranked.append((rank, row))
    best = [row for _, row in sorted(ranked)[:MOST_FOUND]]
    level = wire.attention(views)
    return [_feature(views, row, int(level[row]))["properties"] for row in best]


def trail(trails: Trails | None, track_id: int) -> list[list[Any]]:
    """Where a track was, oldest first: [lon, lat, time]; empty when nothing is kept of it."""
    if trails is None:
        return []
    found = np.flatnonzero(trails.track_id == np.uint64(track_id))
    return [[lon, lat, words.time_text(ns)] for lon, lat, ns in _ring(trails, int(found[0]))] if len(found) else []


class Box(NamedTuple):
    """A part of the map in degrees; west > east where it crosses the antimeridian."""

    west_deg: float = -180.0
    south_deg: float = -90.0
    east_deg: float = 180.0
    north_deg: float = 90.0

    def holds(self, lat_rad: NDArray[np.float64], lon_rad: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which positions lie inside; NaN never."""
        lat, lon = np.degrees(lat_rad), np.degrees(lon_rad)
        across = self.west_deg > self.east_deg
        wide = (
            (lon >= self.west_deg) | (lon <= self.east_deg)
            if across
            else (lon >= self.west_deg) & (lon <= self.east_deg)
        )
        return wide & (lat >= self.south_deg) & (lat <= self.north_deg)


EVERYWHERE = Box()


def trails(views: Views, box: Box = EVERYWHERE) -> Plain:
    """The trails of the tracks inside, as {track id: [lon, lat, lon, lat, ...]}, oldest first; at most MOST_TRAILS.

    ``total``: how many are inside.
    """
    kept, t = views.trails, views.tracks
    seen = t.track_id[box.holds(t.lat_rad, t.lon_rad)]
    if kept is None:
        return {"lines": {}, "total": 0}
    rows = np.flatnonzero(np.isin(kept.track_id, seen))
    lines = {str(int(kept.track_id[row])): _flat(kept, int(row)) for row in rows[:MOST_TRAILS]}
    return {"lines": lines, "total": len(rows)}


def _flat(kept: Trails, row: int) -> list[float]:
    return [x for lon, lat, _ in _ring(kept, row) for x in (lon, lat)]


def _ring(kept: Trails, row: int) -> list[tuple[float, float, int]]:
    order = np.roll(np.arange(kept.time_ns.shape[1]), -kept.head)
    order = order[kept.time_ns[row][order] > 0]
    lon = np.degrees(kept.lon_rad[row][order]).round(6).tolist()
    lat = np.degrees(kept.lat_rad[row][order]).round(6).tolist()
    points = zip(lon, lat, kept.time_ns[row][order].tolist(), strict=True)
    return [p for p in points if math.isfinite(p[0]) and math.isfinite(p[1])]


def _feature(views: Views, row: int, level: int) -> Plain:
    t = views.tracks
    lon, lat, alt = words.degrees(float(t.lon_rad[row])), words.degrees(float(t.lat_rad[row])), float(t.alt_m[row])
    position = None if lon is None or lat is None else [lon, lat]
    return {
        "type": "Feature",
        "id": str(int(t.track_id[row])),
        "geometry": position and {"type": "Point", "coordinates": position},
        "properties": {**_who(views, row, level), **_motion(views, row), "altitude_m": words.rounded(alt, 1)},
    }


def _who(views: Views, row: int, level: int) -> Plain:
    t = views.tracks
    who = int(t.identity[row])
    name, callsign = _names(views, who)
    space = identity.unpack(who)[0] if who else identity.Space.NONE
    return {
        "track_id": str(int(t.track_id[row])),
        "number": int(t.number[row]),
        "identity": identity.text(who) if who else "",
        "identity_space": space.name.lower(),
        "name": name,
        "callsign": callsign,
        "squawk": words.squawk(int(t.mode_3a[row])),
        "kind": words.KINDS.get(int(t.kind[row]), "unknown"),
        "domain": words.DOMAINS.get(int(t.domain[row]), "unknown"),
        "life": words.LIVES.get(int(t.life[row]), "dropped"),
        "attention": level,
        "flags": words.flag_words(int(t.flags[row])),
        "sources": _sources(views, int(t.sources[row])),
        **_from(views, row),
        **trust.labels(views, int(t.track_id[row])),
    }


def _from(views: Views, row: int) -> Plain:
    """Who contributed: ``own`` and ids of partners; who leads; whether there is somebody who is not named."""
    found = origins.origin(views, row)
    return {
        "from": [origins.name(views, place) for place in found.places],
        "led_by": origins.name(views, found.leader),
        "undisclosed": found.undisclosed,
    }


def _motion(views: Views, row: int) -> Plain:
    t = views.tracks
    shape = ellipse(float(t.cov[row, 0]), float(t.cov[row, 1]), float(t.cov[row, 4]))
    return {
        "time": words.time_text(int(t.time_ns[row])),
        "age_s": round((views.now_ns - int(t.updated_ns[row])) * 1e-9, 1),
        **words.motion(float(t.ve_mps[row]), float(t.vn_mps[row])),
        "heading_deg": words.degrees(float(t.heading_rad[row]), 1),
        "climb_mps": words.rounded(float(t.vu_mps[row]), 2),
        "altitude_reference": words.ALT_REFS.get(int(t.alt_ref[row]), "none"),
        "semi_major_m": round(shape.semi_major_m, 1) if shape else None,
        "semi_minor_m": round(shape.semi_minor_m, 1) if shape else None,
        "ellipse_bearing_deg": round(shape.bearing_deg, 1) if shape else None,
    }


def _names(views: Views, who: int) -> tuple[str, str]:
    said = views.particulars.get(who) if who else None
    return (said.name, said.callsign) if said else ("", "")


def _sources(views: Views, bits: int) -> list[str]:
    """Names of the sources whose bits are set; bit 63 stands for any that has no slot of its own."""
    names = [source_name(views, s) for slot, s in enumerate(views.sources[:63]) if bits >> slot & 1]
    return [*names, "…"] if bits >> 63 & 1 else names


def source_name(views: Views, source: int) -> str:
    """How people call a source; its feed and SAC/SIC where nobody named it."""
    plain = f"{source >> 16}:{source >> 8 & 0xFF}/{source & 0xFF}" if source & 0xFFFF else f"feed {source >> 16}"
    return views.source_names.get(source) or plain


def _particulars(views: Views, who: int) -> Plain:
    said = views.particulars.get(who) if who else None
    if said is None:
        return {}
    plain = msgspec.to_builtins(said)
    for unread in ("identity", "time_ns", "source"):
        plain.pop(unread, None)
    return {**plain, "said_by": source_name(views, said.source), "said": words.time_text(said.time_ns)}


def _text(said: Any) -> Plain:
    return {"text": said.text, "time": words.time_text(said.time_ns), "identity": identity.text(said.identity)}


def _rank(wanted: str, texts: Sequence[str]) -> int:
    best = 0
    for text in texts:
        at = text.casefold().find(wanted)
        if at == 0:
            return 1
        best = 2 if at > 0 else best
    return best


def _by_attention(views: Views) -> NDArray[Any]:
    return -wire.attention(views).astype(np.float64)


def _speed(views: Views) -> NDArray[Any]:
    return np.hypot(views.tracks.ve_mps, views.tracks.vn_mps)


def _named(views: Views) -> NDArray[Any]:
    names = [" ".join(_names(views, who)).strip().casefold() or "\uffff" for who in views.tracks.identity.tolist()]
    return np.array(names, dtype=np.str_)


_SORTS: dict[str, Callable[[Views], NDArray[Any]]] = {
    "attention": _by_attention,
    "number": lambda v: v.tracks.number.astype(np.float64),
    "name": _named,
    "identity": lambda v: v.tracks.identity,
    "kind": lambda v: v.tracks.kind,
    "life": lambda v: v.tracks.life,
    "age": lambda v: -v.tracks.updated_ns,
    "speed": _speed,
    "course": lambda v: np.mod(np.arctan2(v.tracks.ve_mps, v.tracks.vn_mps), 2 * np.pi),
    "altitude": lambda v: v.tracks.alt_m,
    "from": lambda v: origins.leaders(v.tracks.track_id),
}
SORTS = tuple(_SORTS)
