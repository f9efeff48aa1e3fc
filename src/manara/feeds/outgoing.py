"""Feeds that we send: the picture in the formats that other systems take. An identity is never invented."""

from __future__ import annotations

from collections.abc import Mapping

from manara.records.particulars import Particulars
from manara.records.tracks import Tracks

TLP = ("clear", "green", "amber", "amber+strict", "red")  # Traffic Light Protocol 2.0
MARKED = ("cot", "geojson")  # formats that have a place for it
FORMATS = ("asterix062", "ais", "cot", "geojson", "sbs")


def encode(
    name: str,
    tracks: Tracks,
    particulars: Mapping[int, Particulars],
    now_ns: int,
    *,
    sac: int = 0,
    sic: int = 0,
    tlp: str = "",
) -> list[bytes]:
    """Datagrams (or pieces of a stream) of one format. ``tlp``: a level that cot and geojson say of each track. Raises
    ValueError for a name that is not in FORMATS."""
    if name == "asterix062":
        from manara.feeds.asterix.outgoing import encode_tracks, heartbeat

        return [heartbeat(now_ns, sac, sic), *encode_tracks(tracks, particulars, now_ns, sac, sic)]
    if name == "ais":
        from manara.feeds.ais import encode as ais

        return [ais.encode_tracks(tracks, particulars).data]
    if name == "sbs":
        from manara.feeds.adsb import encode_sbs

        return [encode_sbs.encode_tracks(tracks, particulars)]
    if name == "cot":
        from manara.feeds.cot import encode as cot

        return cot.encode_tracks(tracks, particulars, now_ns, tlp)
    if name == "geojson":
        from manara.feeds.geojson import encode_tracks as geojson_tracks

        return [geojson_tracks(tracks, particulars, now_ns, tlp)]
    raise ValueError(f"unknown outgoing format {name!r}; one of {', '.join(FORMATS)}")
