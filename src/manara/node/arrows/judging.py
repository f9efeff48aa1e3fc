"""tracking, directory and officers ─▶ picture: what our own sensors can say of partners' rows, and what was decided."""

from __future__ import annotations

from collections.abc import Sequence

from manara.node.arrows.picture_to_release import corners
from manara.node.sources import SourceView
from manara.records.confidence import Judge, Ruling
from manara.records.config import NodeConfig
from manara.records.directory import Directory
from manara.records.inputs import Input, Ruled
from manara.records.marking import Codebook
from manara.tracking import stage as tracking
from manara.tracking.watching import watching


def judge(tracked: tracking.Outbox, view: SourceView, directory: Directory, config: NodeConfig, now_ns: int) -> Judge:
    """The judge of one view: its own sensors alone, so that what stands apart in it tells nothing of the rest."""
    if not config.partner:
        return Judge()
    sensors, slots = watching(view.tracking, tracked.sources, now_ns)
    return Judge(sensors, slots, tuple(area.id for area in directory.areas), corners(directory))


def rulings(inputs: Sequence[Input], book: Codebook) -> tuple[Ruling, ...]:
    """Officers' decisions about partners' rows. Those about a whole partner hold in every source view; one about a
    track in the node's own, whose number it bears. A partner that is not known is passed over."""
    return tuple(
        Ruling(book.partner(one.partner), one.track, one.act)
        for one in inputs
        if isinstance(one, Ruled) and one.partner in book.partners
    )
