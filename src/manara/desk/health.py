"""Whose feed is broken: the state of feeds and sensors for the desk."""

from __future__ import annotations

from typing import Any

import msgspec

from manara.desk import words
from manara.desk.picture import source_name
from manara.records import identity
from manara.records.inputs import Views
from manara.records.particulars import SafetyText, SensorStatus
from manara.records.sensors import FeedHealth

Plain = dict[str, Any]
MOST_TEXTS = 20


def health(views: Views) -> Plain:
    """Feeds, sensors and the latest safety texts, with the node's own time."""
    return {
        "time": words.time_text(views.now_ns),
        "sequence": views.sequence,
        "tracks": len(views.tracks),
        "feeds": [_feed(feed, views.now_ns) for feed in views.health],
        "sensors": [_sensor(views, status) for _, status in sorted(views.status.items())],
        "texts": [_text(views, text) for text in views.texts[-MOST_TEXTS:]],
    }


def _feed(feed: FeedHealth, now_ns: int) -> Plain:
    plain: Plain = msgspec.to_builtins(feed)
    seen = feed.last_seen_ns > 0
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


def _text(views: Views, text: SafetyText) -> Plain:
    return {
        "text": text.text,
        "time": words.time_text(text.time_ns),
        "identity": identity.text(text.identity),
        "source": source_name(views, text.source),
    }
