"""The inbox as the desk shows it: drafts that persons take or close."""

from __future__ import annotations

from typing import Any

from manara.desk import words
from manara.records.directory import Area
from manara.records.inputs import Decided, Views
from manara.records.warnings import Draft, Hazard, Severity

Plain = dict[str, Any]
CLOSED_SHOWN = 20
ACTS = ("take", "close")
HAZARDS = {int(one): one.name.lower() for one in Hazard}
SEVERITIES = {int(one): one.name.lower() for one in Severity}


def drafts(views: Views) -> Plain:
    """Open and taken ones, the newest first; behind them those that were closed last."""
    areas = {one.id: one for one in views.areas}
    newest = sorted(views.drafts, key=lambda one: -one.id)
    live = [one for one in newest if one.state != "closed"]
    closed = sorted((one for one in newest if one.state == "closed"), key=lambda one: -one.decided_ns)[:CLOSED_SHOWN]
    return {
        "time": words.time_text(views.now_ns),
        "sequence": views.sequence,
        "drafts": [_draft(one, areas, views.now_ns) for one in (*live, *closed)],
    }


def _draft(one: Draft, areas: dict[str, Area], now_ns: int) -> Plain:
    area = areas.get(one.area)
    return {
        "id": one.id,
        "area": one.area,
        "area_name": area.name if area else one.area,
        "area_name_ar": area.name_ar if area else "",
        "hazard": HAZARDS.get(one.hazard, ""),
        "severity": SEVERITIES.get(one.severity, "unknown"),
        "first": words.time_text(one.first_ns),
        "last": words.time_text(one.last_ns),
        "in_s": round((one.first_ns - now_ns) * 1e-9, 1),
        "probability": round(one.probability, 2) if one.probability >= 0.0 else None,
        "since": words.time_text(one.since_ns),
        "renewed": words.time_text(one.renewed_ns),
        "partners": list(one.partners),
        "tracks": [str(track) for track in one.tracks],
        "warned": words.time_text(one.warned_ns),
        "own": words.time_text(one.own_ns),
        "ahead_s": round((one.own_ns - one.warned_ns) * 1e-9, 1) if one.own_ns and one.warned_ns else None,
        "state": one.state,
        "by": one.by,
        "decided": words.time_text(one.decided_ns),
    }


def decision(views: Views, draft: int, act: str, by: str) -> Decided | int:
    """What goes into the journal, or the status of HTTP that says why not: 404 for a draft or an act that there is
    not, 409 where it is closed already."""
    found = next((one for one in views.drafts if one.id == draft), None)
    if found is None or act not in ACTS:
        return 404
    if found.state == "closed":
        return 409
    return Decided(draft, act, by, views.now_ns)
