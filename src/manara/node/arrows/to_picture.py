"""feeds and tracking ─▶ picture: tracks, and what was said of the craft besides."""

from __future__ import annotations

from manara.feeds import stage as feeds
from manara.picture import stage as picture
from manara.tracking import stage as tracking


def inbox(tracked: tracking.Outbox, heard: feeds.Outbox) -> picture.Inbox:
    """The node's own view of the sources, and every word of its feeds."""
    return picture.Inbox(
        tracks=tracked.tracks,
        particulars=tuple(p for b in heard.batches for p in b.particulars),
        texts=tuple(t for b in heard.batches for t in b.texts),
        status=tuple(s for b in heard.batches for s in b.status),
    )
