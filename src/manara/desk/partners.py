"""How it stands with each partner, for the desk: link, phases, what went and what came, and the node's own log."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec
import numpy as np

from manara.desk import trust, words
from manara.desk.origins import leaders
from manara.records.inputs import Views
from manara.records.partners import PartnerStatus, Warned

Plain = dict[str, Any]
MOST_WARNED = 20
NOTHING: Mapping[str, Mapping[str, object]] = MappingProxyType({})
HAZARDS = ("", "distress", "unidentified_aircraft", "falling", "collision", "pollution", "weather")
SEVERITIES = ("unknown", "minor", "moderate", "severe", "extreme")


def partners(views: Views, added: Mapping[str, Mapping[str, object]] = NOTHING) -> Plain:
    """All partners in the order of the directory, what they warn of, and how much of the node's log is witnessed."""
    standing = _standings(views)
    led = np.bincount(leaders(views.tracks.track_id), minlength=64) if views.partners else np.zeros(64, np.int64)
    regions = np.bincount(views.regions.partner, minlength=64) if views.regions is not None else np.zeros(64, np.int64)
    return {
        "time": words.time_text(views.now_ns),
        "sequence": views.sequence,
        "log": {"size": views.log_size, "witnessed": views.witnessed},
        "partners": [
            _partner(one, views.now_ns)
            | {"tracks": int(led[place]), "regions": int(regions[place])}
            | {"reliability": trust.reliability(views, place), "apart": trust.apart_of(views, place)}
            | {"added": added.get(one.id)}
            | standing.get(one.id, {"since": "", "reason": ""})
            for place, one in enumerate(views.partners, 1)
        ],
        "warned": [warned(one, views.now_ns) for one in reversed(views.warned[-MOST_WARNED:])],
    }


def _partner(one: PartnerStatus, now_ns: int) -> Plain:
    plain: Plain = msgspec.to_builtins(one)
    heard_ns = plain.pop("heard_ns")
    plain["heard"] = words.time_text(heard_ns)
    plain["silent_s"] = round((now_ns - heard_ns) * 1e-9, 1) if heard_ns > 0 else None
    return plain


def warned(one: Warned, now_ns: int) -> Plain:
    """One warning under rule 0 in words: there is no more to it than this."""
    return {
        "partner": one.partner,
        "area": one.area,
        "window": words.time_text(one.window_ns),
        "hazard": HAZARDS[one.hazard] if one.hazard < len(HAZARDS) else "",
        "severity": SEVERITIES[one.severity] if one.severity < len(SEVERITIES) else "unknown",
        "age_s": round((now_ns - one.received_ns) * 1e-9, 1),
    }


def _standings(views: Views) -> dict[str, Plain]:
    """Since when, and why, our agreement towards each partner stands as it does; by the partner's id."""
    if not views.standings:
        return {}
    agreements: dict[str, Plain] = msgspec.json.decode(views.standings).get("agreements", {})
    others = {one.id for one in views.partners}
    return {
        one["recipient"]: {"since": words.time_text(one["since_ns"]), "reason": one.get("reason", "")}
        for one in agreements.values()
        if one["releaser"] not in others
    }
