"""feeds ─▶ tracking: the rows of all feeds in one table each, with the sensors that made them; for each source view
only its own."""

from __future__ import annotations

from manara.feeds import stage as feeds
from manara.node.sources import SourceView
from manara.records.config import NodeConfig
from manara.records.plots import Plots
from manara.records.reports import Reports
from manara.tracking import stage as tracking


def rows(heard: feeds.Outbox) -> tracking.Inbox:
    """Rows in the order of their bytes."""
    return tracking.Inbox(
        reports=Reports.join([b.reports for b in heard.batches if len(b.reports)]),
        plots=Plots.join([b.plots for b in heard.batches if len(b.plots)]),
    )


def seen(whole: tracking.Inbox, view: SourceView, config: NodeConfig) -> tracking.Inbox:
    """What a view sees of it. The configuration goes along with a view's first step and is kept from there; sensors
    that it may not know are not in it."""
    fresh = not view.tracking.feeds
    known = tuple(s for s in config.sensors if view.sources is None or {s.name, s.feed} & set(view.sources))
    return tracking.Inbox(
        reports=whole.reports if view.sources is None else whole.reports.take(view.mask(whole.reports.source, config)),
        plots=whole.plots if view.sources is None else whole.plots.take(view.mask(whole.plots.source, config)),
        sensors=known if fresh else (),
        feeds={i: feed.name for i, feed in enumerate(config.feeds)} if fresh else {},
    )
