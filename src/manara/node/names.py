"""What people call a source."""

from __future__ import annotations

from manara.records.config import NodeConfig


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
