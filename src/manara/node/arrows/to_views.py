"""picture ─▶ views: what a step publishes for reading."""

from __future__ import annotations

from manara.feeds import stage as feeds
from manara.picture import stage as picture
from manara.records.config import NodeConfig
from manara.records.inputs import Views
from manara.tracking import stage as tracking


def views(
    shown: picture.Outbox,
    heard: feeds.Outbox,
    tracked: tracking.Outbox,
    config: NodeConfig,
    now_ns: int,
    sequence: int,
) -> Views:
    """Everything that may be read until the next step."""
    return Views(
        now_ns=now_ns,
        sequence=sequence,
        tracks=shown.tracks,
        sources=tracked.sources,
        source_names={source: name_of(source, config) for source in tracked.sources},
        particulars=shown.particulars,
        texts=shown.texts,
        status=shown.status,
        health=heard.health,
        trails=shown.trails,
        attention=shown.attention,
        refused=tracked.refused,
    )


def name_of(source: int, config: NodeConfig) -> str:
    """A source as people know it: its sensor's name, else its feed's with the ASTERIX number.

    >>> from manara.records.sensors import FeedConfig
    >>> name_of(0x0101, NodeConfig(feeds=(FeedConfig(name="harbour", url="-"),)))
    'harbour 1/1'
    """
    feed, sac, sic = source >> 16, source >> 8 & 0xFF, source & 0xFF
    feed_name = config.feeds[feed].name if feed < len(config.feeds) else f"feed {feed}"
    for sensor in config.sensors:
        if (sensor.sac, sensor.sic) == (sac, sic) and sensor.feed in ("", feed_name) and (sac or sic or sensor.feed):
            return sensor.name
    return f"{feed_name} {sac}/{sic}" if sac or sic else feed_name
