"""picture, link and warning ─▶ release: hand-over of tracks, on both sides of an offer.

What a partner's frames offer is held against what it has told us; what our people offer, against what the partner was
told; and whom straight flight leads over a border is proposed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from manara.link import heads
from manara.link import stage as link
from manara.node.arrows import picture_to_release
from manara.picture import stage as picture
from manara.records.handovers import OFFERED, Proposal
from manara.records.marking import Codebook
from manara.records.released import RowTable
from manara.records.tracks import Tracks
from manara.release import channel, handing, handover, stamps
from manara.release import stage as release
from manara.release.channel import Offer
from manara.warning.leaving import leaving

LOOK_NS = 5_000_000_000
PROPOSED_MAX = 16


def settled(
    state: release.State,
    agreed: release.Agreed,
    offered: release.Offered | None,
    seen: picture.Outbox,
    held: picture.State,
    frames: Sequence[link.Frame],
    book: Codebook,
    now_ns: int,
) -> tuple[release.Agreed, tuple[release.Told, ...]]:
    """What commands led to, with those of this tick's offers, and the frames that offer. ``seen``, ``held``: the node's
    own picture. Between two ticks only what came is taken."""
    if not state.own:
        return agreed, ()
    for one in frames:
        _came(state, one, held, book, now_ns)
    if offered is None:
        return agreed, ()
    _follow(state, held, book)
    due = now_ns - state.between.handing.looked_ns >= LOOK_NS
    asked = due or bool(state.between.handing.asked)  # else nobody looks at our tracks
    own = seen.tracks.take(np.flatnonzero((seen.of_partner == 0) & asked))
    found = handing.settle(state, own, offered.offers, now_ns)
    if due:
        state.between.handing.looked_ns = now_ns
        state.between.handing.proposals = _proposals(state, own, offered, now_ns)
    more = replace(
        agreed, answers=(*agreed.answers, *found.answers), statements=(*agreed.statements, *found.statements)
    )
    return more, found.told


def _came(state: release.State, one: link.Frame, held: picture.State, book: Codebook, now_ns: int) -> None:
    if "/" in one.stream or heads.recipient(one.stream) != state.own:
        return
    said = handover.read(one.head.subject) if one.head.kind == "statement" else None
    if said is not None:
        track = _track(held, one.partner, int(said.track), book)
        handover.came(state.between.handing, one.stream, said, track, heads.time_ns(one.head), now_ns)
        return
    heard = stamps.parse(one.head.subject).heard if one.head.kind in ("batch", "statement") else ()
    if heard:
        handover.confirm(state.between.handing, one.stream, frozenset(heard))
    ended = one.rows.tables.get(RowTable.ENDED)
    if ended is not None and len(ended):
        gone = set(ended["track"].tolist())
        for open_one in [n for n in handover.live(state.between.handing, one.stream) if n.state == OFFERED]:
            if open_one.number in gone:
                handover.void(state.between.handing, one.stream, "ended", open_one.number)


def _track(held: picture.State, partner: str, number: int, book: Codebook) -> int | None:
    return picture.find(held, book.partner(partner), number) if partner in book.partners else None


def _follow(state: release.State, held: picture.State, book: Codebook) -> None:
    """Partners' tracks that were offered to us, wherever they stand in our picture now."""
    now = {}
    for one in handover.live(state.between.handing):
        if heads.recipient(one.stream) == state.own:
            now[one.id] = _track(held, heads.releaser(one.stream), one.number, book) or one.track
    handover.follow(state.between.handing, now)


def _proposals(state: release.State, own: Tracks, offered: release.Offered, now_ns: int) -> tuple[Proposal, ...]:
    """Of those that leave our area: tracks that the partner was told of and that nobody has offered it yet."""
    areas, found = state.directory.areas, []
    taken = {(heads.recipient(one.stream), one.subject) for one in handover.live(state.between.handing)}
    for one in leaving(own, areas, picture_to_release.corners(state.directory), state.own, now_ns):
        known = state.standings.agreements.get(f"{state.own}>{one.partner}")
        admitted = state.documents.get(known.agreement) if known else None
        offer: Offer | None = offered.offers.get(release.view_name(admitted.document.agreement)) if admitted else None
        held = state.channels.get(one.partner)
        if offer is None or held is None:
            continue
        subject = handing.subject_of(held, own, offer.tracks, one.track)
        if not isinstance(subject, int) or isinstance(channel.told(held, subject, now_ns), str):
            continue
        if (one.partner, subject) not in taken:
            found.append(
                Proposal(partner=one.partner, area=one.area, track=one.track, in_s=round(one.in_s, 1),
                         probability=round(one.probability, 2))
            )  # fmt: skip
    return tuple(found[:PROPOSED_MAX])
