"""How far partners are believed, for the desk: reliability as a letter, credibility of a track, what stands apart."""

from __future__ import annotations

from typing import Any

import numpy as np

from manara.desk import origins, words
from manara.kernels.membership import area_bits
from manara.records import identity
from manara.records.confidence import ACTS, Apart, Reliability, Why
from manara.records.inputs import Ruled, Views

Plain = dict[str, Any]
SHOWN = 200  # tracks in quarantine; the others are counted


def reliability(views: Views, place: int) -> list[Plain]:
    """What our own sensors say of one partner, by domain and area; the most evidence first."""
    mine = [one for one in views.reliability if one.partner == place]
    return [_reliability(one) for one in sorted(mine, key=lambda one: -(one.corroborated + one.refuted))]


def _reliability(one: Reliability) -> Plain:
    return {
        "domain": words.DOMAINS.get(one.domain, "unknown"),
        "area": one.area,
        "letter": one.letter,
        "corroborated": round(one.corroborated, 1),
        "refuted": round(one.refuted, 1),
        "mean": round(one.mean, 3),
        "low": round(one.low, 3),
        "high": round(one.high, 3),
    }


def apart_of(views: Views, place: int) -> Plain:
    """How many of one partner's tracks stand in quarantine, and whether all do."""
    n = 0 if views.apart is None else int((views.apart.partner == place).sum())
    return {"tracks": n, "whole": views.whole.get(place, "")}


def of_track(views: Views, row: int) -> Plain:
    """A row's credibility and, beside it, how reliable each partner that contributed has been where the track is."""
    level = 0 if views.credibility is None or len(views.credibility) != len(views.tracks) else views.credibility[row]
    there = _areas(views, row)
    found = origins.origin(views, row)
    letters = {}
    for place in found.places:
        if place:
            of = [one for one in views.reliability if one.partner == place and one.domain == views.tracks.domain[row]]
            letters[origins.name(views, place)] = [_reliability(one) for one in of if one.area in there]
    return {"credibility": int(level), "reliability": letters}


def _areas(views: Views, row: int) -> tuple[str, ...]:
    t, areas = views.tracks, views.areas[:63]
    points = [np.radians(np.array(one.corners_deg, np.float64).reshape(-1, 2)) for one in areas]
    first = np.cumsum([0, *(len(one) for one in points)]).astype(np.int64)
    whole = np.concatenate(points) if points else np.zeros((0, 2))
    corners = np.ascontiguousarray(whole[:, 0]), np.ascontiguousarray(whole[:, 1])
    bits = int(area_bits(t.lat_rad[row : row + 1], t.lon_rad[row : row + 1], first, *corners)[0])
    return tuple(one.id for k, one in enumerate(areas) if bits >> k & 1) or ("",)


TLP = ("clear", "green", "amber", "amber+strict", "red")


def labels(views: Views, track_id: int) -> Plain:
    """How partners marked a track, in our own words, and the narrowest level of the Traffic Light Protocol among them;
    nothing for a track that nobody marked."""
    said = views.labels.get(track_id, ())
    if not said:
        return {}
    levels = [TLP.index(tlp) for _, _, tlp in said if tlp in TLP]
    return {
        "labels": [{"partner": origins.name(views, place), "word": word, "tlp": tlp} for place, word, tlp in said],
        "tlp": f"TLP:{TLP[max(levels)].upper()}" if levels else "",
    }


def quarantine(views: Views) -> Plain:
    """What of partners' tracks stands apart, the newest first, and why."""
    table = views.apart if views.apart is not None else Apart.blank(0)
    order = np.argsort(-table.since_ns, kind="stable")[:SHOWN]
    return {
        "time": words.time_text(views.now_ns),
        "sequence": views.sequence,
        "total": len(table),
        "whole": [{"partner": origins.name(views, place), "why": why} for place, why in sorted(views.whole.items())],
        "tracks": [_track(views, table, int(row)) for row in order],
    }


def _track(views: Views, table: Apart, row: int) -> Plain:
    who = int(table.identity[row])
    return {
        "track_id": str(int(table.id[row])),
        "partner": origins.name(views, int(table.partner[row])),
        "why": [one.name.lower() for one in Why if one and int(table.why[row]) & one and one.name],
        "since": words.time_text(int(table.since_ns[row])),
        "lat": words.degrees(float(table.lat_rad[row]), 5),
        "lon": words.degrees(float(table.lon_rad[row]), 5),
        "kind": words.KINDS.get(int(table.kind[row]), "unknown"),
        "domain": words.DOMAINS.get(int(table.domain[row]), "unknown"),
        "identity": identity.text(who) if who else "",
    }


def ruling(views: Views, partner: str, act: str, track: str, by: str) -> Ruled | None:
    """An officer's word for the journal; None where there is no such partner, act or track in quarantine."""
    places = {one.id: place for place, one in enumerate(views.partners, 1)}
    if partner not in places or act not in ACTS or not (track.isdecimal() and len(track) <= 20):
        return None
    number = int(track)
    if number:
        table = views.apart if views.apart is not None else Apart.blank(0)
        mine = table.id[table.partner == places[partner]]
        if act != "release" or number >= 1 << 64 or not (mine == np.uint64(number)).any():
            return None
    return Ruled(partner, number, act, by, views.now_ns)
