"""feeds ─▶ tracking: the rows of all feeds in one table each, with the sensors that made them."""

from __future__ import annotations

from manara.feeds import stage as feeds
from manara.records.config import NodeConfig
from manara.records.plots import Plots
from manara.records.reports import Reports
from manara.tracking import stage as tracking


def rows(heard: feeds.Outbox, config: NodeConfig, first: bool) -> tracking.Inbox:
    """Rows in the order of their bytes. The configuration goes along with the first step and is kept from there."""
    return tracking.Inbox(
        reports=Reports.join([b.reports for b in heard.batches if len(b.reports)]),
        plots=Plots.join([b.plots for b in heard.batches if len(b.plots)]),
        sensors=config.sensors if first else (),
        feeds={i: feed.name for i, feed in enumerate(config.feeds)} if first else {},
    )
