"""link ─▶ picture: what partners' frames tell of their registers, for each source view as far as it may hold it."""

from __future__ import annotations

import numpy as np

from manara.link import heads
from manara.link import stage as link
from manara.node.arrows import link_to_picture
from manara.node.sources import SourceView
from manara.picture import means
from manara.picture.means import MeansRows
from manara.records.marking import Codebook
from manara.records.released import RowTable


def take(view: SourceView, came: link.Outbox, book: Codebook) -> None:
    """Rows, silences and recalls, in the order in which they came."""
    for one in came.frames:
        if one.partner not in book.partners:
            continue
        place = book.partner(one.partner)
        if link_to_picture.silences(one):
            means.silence(view.means, place)
        elif link_to_picture.is_live(one) and (view.sources is None or view.recipient):
            means.take(view.means, (_rows(one, place, view),))
    for one, said in link_to_picture.recalls(came.frames):
        if one.partner in book.partners:
            numbers = np.array(said.numbers(), np.uint64)
            means.drop(view.means, book.partner(one.partner), numbers if len(numbers) else None)


def _rows(frame: link.Frame, place: int, view: SourceView) -> MeansRows:
    terms = frame.head.terms
    goes = np.array([view.sources is None or view.recipient in one.onward for one in terms], bool)
    return MeansRows(
        partner=place,
        name=frame.partner,
        received_ns=frame.received_ns,
        told_ns=heads.time_ns(frame.head),
        terms=terms,
        capability=link_to_picture.kept(frame.rows.tables, RowTable.CAPABILITY, goes),
        cover=link_to_picture.kept(frame.rows.tables, RowTable.COVERAGE, goes),
        gaps=link_to_picture.kept(frame.rows.tables, RowTable.GAP, goes),
    )
