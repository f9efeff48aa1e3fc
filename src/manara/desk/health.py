"""Whose feed is broken: the state of feeds and sensors for the desk."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from manara.desk import words
from manara.desk.picture import source_name
from manara.records import identity
from manara.records.inputs import Views
from manara.records.particulars import SafetyText, SensorStatus
from manara.records.sensors import FeedHealth, Registration

Plain = dict[str, Any]
_JUMPS = {
    "first": ("east_m", 1.0),
    "second": ("north_m", 1.0),
    "turn": ("turn_deg", 180.0 / math.pi),
    "time": ("late_s", 1.0),
}
MOST_TEXTS = 20
APART_S = 10.0  # tracking refuses what is so far ahead
ALARM_S = 600.0  # so long a jump is shown
PATIENCE_S = 3.0  # real seconds: at twenty times the clock the node's own limit is less than one of them


def health(views: Views, speed: float = 1.0) -> Plain:
    """Feeds, sensors, trouble and the latest safety texts, with the node's own time. All ages are node seconds.

    ``speed``: node seconds per real second; a feed is called stale only when a person would call it so too.
    """
    return {
        "time": words.time_text(views.now_ns),
        "sequence": views.sequence,
        "tracks": len(views.tracks),
        "trouble": views.trouble,
        "clock_apart_s": _apart_s(views),
        "refused": dict(views.refused),
        "feeds": [_feed(feed, views.now_ns, speed) for feed in views.health],
        "sensors": [_sensor(views, status) for _, status in sorted(views.status.items())],
        "registration": [_registered(views, one) for one in views.registered],
        "texts": [_text(views, text) for text in _latest(views.texts)],
    }


def _apart_s(views: Views) -> float | None:
    """By how much sensors' clocks are ahead of the node's (negative: behind), s, where that is why their craft are not
    shown: tracking has just refused rows as of the future or too late. None where it is not: a single late row says
    nothing of a clock."""
    refused = {"future": views.refused.get("future", 0), "too_late": views.refused.get("too_late", 0)}
    offsets = [-one.clock_offset_s for one in views.health if one.state == "live" and one.clock_offset_s is not None]
    ahead = max((one for one in offsets if one > APART_S and refused["future"]), default=None)
    behind = min((one for one in offsets if one < -APART_S and refused["too_late"]), default=None)
    worst = ahead if ahead is not None else behind
    return None if worst is None else round(worst, 1)


def _feed(feed: FeedHealth, now_ns: int, speed: float) -> Plain:
    plain: Plain = msgspec.to_builtins(feed)
    seen = feed.last_seen_ns > 0
    if feed.state == "stale" and now_ns - feed.last_seen_ns < PATIENCE_S * speed * 1e9:
        plain["state"] = "live"
    plain["last_seen"] = words.time_text(feed.last_seen_ns)
    plain["silent_s"] = round((now_ns - feed.last_seen_ns) * 1e-9, 1) if seen else None
    del plain["last_seen_ns"]
    return plain


def _sensor(views: Views, status: SensorStatus) -> Plain:
    plain: Plain = msgspec.to_builtins(status)
    plain["source"] = source_name(views, status.source)
    plain["time"] = words.time_text(status.time_ns)
    del plain["time_ns"]
    return plain


def _registered(views: Views, one: Registration) -> Plain:
    """One source: its biases with sigmas (metres, degrees, seconds), what is done about them, the last jump.

    ``noise``: how many times its stated noise it has. ``jump``: null unless one came in the last ten minutes.
    """
    polar = one.form == "polar"
    age_s = (views.now_ns - one.alarm_ns) * 1e-9
    plain: Plain = {
        "source": source_name(views, one.source),
        "form": one.form,
        "applied": one.applied,
        "noise": round(math.sqrt(one.noise_factor), 2),
        "dishonest": one.dishonest,
        "differences": one.differences,
        "jumps": one.alarms,
        "jump": None,
    }
    if one.form != "reports":
        places = ("range_m",) if polar else ("east_m", "north_m")
        for name, mean, sigma in zip(places, one.place_m, one.place_sigma_m, strict=False):
            plain[name] = [round(mean, 1), round(sigma, 1)]
        plain["turn_deg"] = [round(math.degrees(v), 3) for v in (one.turn_rad, one.turn_sigma_rad)]
        plain["late_s"] = [round(one.late_s, 3), round(one.late_sigma_s, 3)]
    if one.alarm and age_s <= ALARM_S:
        name, scale = _JUMPS[one.alarm]
        name = "range_m" if polar and one.alarm == "first" else name
        plain["jump"] = {"of": name, "by": float(f"{one.alarm_size * scale:.3g}"), "age_s": round(age_s, 1)}
    return plain


def _latest(texts: Sequence[SafetyText]) -> list[SafetyText]:
    """The latest of each text of each sender, oldest first: devices in distress repeat theirs every few minutes."""
    latest: dict[tuple[int, str], SafetyText] = {}
    for text in texts:
        latest.pop((text.identity, text.text), None)
        latest[text.identity, text.text] = text
    return list(latest.values())[-MOST_TEXTS:]


def _text(views: Views, text: SafetyText) -> Plain:
    said = views.particulars.get(text.identity)
    rows = np.flatnonzero((views.tracks.identity == np.uint64(text.identity)) & (views.tracks.identity > 0))
    return {
        "text": text.text,
        "time": words.time_text(text.time_ns),
        "age_s": round((views.now_ns - text.time_ns) * 1e-9, 1),
        "identity": identity.text(text.identity),
        "name": said.name if said else "",
        "track_id": str(int(views.tracks.track_id[rows[0]])) if len(rows) else None,
        "source": source_name(views, text.source),
    }
