"""feeds, tracking and link ─▶ picture: tracks, what was said of the craft besides, and what partners told."""

from __future__ import annotations

from collections.abc import Sequence

from manara.feeds import stage as feeds
from manara.link import stage as link
from manara.node.arrows import link_to_picture
from manara.node.sources import SourceView
from manara.picture import stage as picture
from manara.records.confidence import Judge, Ruling
from manara.records.config import NodeConfig
from manara.records.directory import Directory
from manara.records.marking import Codebook
from manara.tracking import stage as tracking

NOBODY = Judge()


def inbox(
    tracked: tracking.Outbox,
    heard: feeds.Outbox,
    frames: Sequence[link.Frame],
    view: SourceView,
    book: Codebook,
    directory: Directory,
    config: NodeConfig,
    judge: Judge = NOBODY,
    rulings: tuple[Ruling, ...] = (),
) -> picture.Inbox:
    """What this view of the sources may know, and nothing else."""
    return picture.Inbox(
        tracks=tracked.tracks,
        particulars=tuple(p for b in heard.batches for p in b.particulars if view.knows(p.source, config)),
        texts=tuple(t for b in heard.batches for t in b.texts if view.knows(t.source, config)),
        status=tuple(s for b in heard.batches for s in b.status if view.knows(s.source, config)),
        partners=link_to_picture.rows(frames, view, book),
        recipient=book.partner(view.recipient) if view.recipient in book.partners else 0,
        warned=link_to_picture.warned(frames, directory, config.partner) if view.sources is None else (),
        judge=judge,
        rulings=rulings,
    )
