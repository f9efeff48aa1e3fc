"""The register as the desk shows it: our own entries and what partners told of theirs, each with owner and caveat."""

from __future__ import annotations

import math
from typing import Any

from manara.desk import words
from manara.records.capability import Availability, Entry
from manara.records.inputs import Views
from manara.records.marking import ALL_PURPOSES

Plain = dict[str, Any]
NEVER_NS = (1 << 63) - 1


def capability(views: Views) -> Plain:
    """All entries, our own first, with their marking."""
    return {
        "time": words.time_text(views.now_ns),
        "sequence": views.sequence,
        "capability": [_entry(one, views.now_ns) for one in views.capability],
    }


def _entry(one: Entry, now_ns: int) -> Plain:
    placed = math.isfinite(one.lat_rad) and math.isfinite(one.lon_rad)
    return {
        "partner": one.partner or "own",
        "number": str(one.number),
        "id": one.id,
        "kind": one.kind,
        "form": one.form,
        "name": one.name,
        "name_ar": one.name_ar,
        "owner": one.owner,
        "lat": round(math.degrees(one.lat_rad), 5) if placed else None,
        "lon": round(math.degrees(one.lon_rad), 5) if placed else None,
        "cell": f"{one.cell:x}" if one.cell else "",
        "area": one.area,
        "domain": one.domain,
        "availability": Availability(one.availability).name.lower(),
        "since": words.time_text(one.since_ns),
        "until": words.time_text(one.until_ns),
        "caveat": one.caveat,
        "caveat_ar": one.caveat_ar,
        "endurance_s": one.endurance_s or None,
        "speed_mps": round(one.speed_mps, 1) or None,
        "reach_m": round(one.reach_m) or None,
        "persons": one.persons or None,
        "age_s": round((now_ns - one.told_ns) * 1e-9, 1) if one.told_ns else None,
        "expires": words.time_text(one.expires_ns) if one.expires_ns < NEVER_NS else "",
        "marking": {
            "purpose": words.purposes(one.purpose or ALL_PURPOSES),
            "onward": list(one.onward),
            "rules": list(one.rules),
            "sensitivity": one.sensitivity if not one.partner else "",
        },
    }
