"""picture, warning, link and release ─▶ views: what a step publishes for reading."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from manara.feeds import stage as feeds
from manara.ledger import stage as ledger
from manara.link import stage as link
from manara.node.arrows import register_to_release
from manara.node.arrows.release_to_concerns import concerned
from manara.node.names import name_of
from manara.node.sources import SourceView
from manara.picture import means
from manara.picture import stage as picture
from manara.records.config import NodeConfig
from manara.records.directory import Partner
from manara.records.inputs import Views
from manara.records.partners import PartnerStatus
from manara.release import handover, standing
from manara.release import stage as release
from manara.tracking import stage as tracking
from manara.warning import stage as warning


class Shared(NamedTuple):
    """The rooms that deal with partners, after the step."""

    link: link.State
    release: release.State
    ledger: ledger.State
    own: SourceView


def views(
    shown: tuple[tracking.Outbox, picture.Outbox],
    heard: feeds.Outbox,
    feared: warning.Outbox,
    config: NodeConfig,
    shared: Shared,
    now_ns: int,
    sequence: int,
) -> Views:
    """Everything that may be read until the next step."""
    (tracked, seen), entries = shown, register_to_release.entries(shared.release, config, now_ns)
    return Views(
        now_ns=now_ns,
        sequence=sequence,
        own=config.partner,
        tracks=seen.tracks,
        sources=tracked.sources,
        source_names={one: name_of(one, config) for one in {*tracked.sources, *(r.source for r in tracked.registered)}},
        particulars=seen.particulars,
        texts=seen.texts,
        status=seen.status,
        health=heard.health,
        registered=tracked.registered,
        trails=seen.trails,
        attention=seen.attention,
        refused=tracked.refused,
        pedigree=seen.pedigree,
        regions=seen.regions,
        warned=seen.warned,
        drafts=feared.drafts,
        capability=(*entries, *means.shown(shared.own.means, now_ns)),
        coverage=shared.own.surveyed.joined if shared.own.surveyed else None,
        told_gaps=dict(shared.own.means.gaps),
        areas=shared.release.directory.areas,
        partners=_partners(shared, now_ns),
        reliability=seen.reliability,
        credibility=seen.credibility,
        apart=seen.apart,
        labels=seen.labels,
        whole=seen.whole,
        reading={name: one.next for name, one in shared.link.reading.items()},
        signed=dict(shared.link.answered),
        cut=dict(shared.ledger.cut),
        standings=msgspec.json.encode(standing.dump(shared.release.standings)) if shared.release.own else b"",
        log_size=shared.ledger.size,
        measured=release.place(shared.release).measuring(),
        handovers=handover.shown(shared.release.between.handing),
        witnessed=ledger.witnessed(shared.ledger, max(1, release.quorum(shared.release))),
    )


def _partners(shared: Shared, now_ns: int) -> tuple[PartnerStatus, ...]:
    """What is said of each partner; nothing for a node that shares with nobody."""
    own = shared.release.own
    others = [one for one in shared.release.directory.partners if own and one.id != own]
    return tuple(_status(one, shared, now_ns) for one in others)


def _status(known: Partner, shared: Shared, now_ns: int) -> PartnerStatus:
    released, stream = shared.release, f"{shared.release.own}>{known.id}"
    piece = link.piece(shared.link, known.id)
    return PartnerStatus(
        id=known.id,
        name=known.name,
        name_ar=known.name_ar,
        link=piece.link if known.url or piece.link != "waiting" or piece.detail else "none",
        detail=piece.detail,
        phase_out=standing.phase_at(released.standings.agreements.get(stream), now_ns).name.lower(),
        phase_in=piece.phase_in,
        heard_ns=piece.heard_ns,
        clock_offset_s=piece.clock_offset_s,
        sent_entries=ledger.following(shared.ledger, stream) - shared.ledger.first,
        receipted=max(0, piece.receipted - shared.ledger.first),
        received_entries=piece.received_entries,
        rows_out=released.counts.rows.get(known.id, 0),
        rows_in=piece.rows_in,
        void=released.counts.void.get(known.id, 0),
        withheld=dict(released.counts.withheld.get(known.id, {})),
        refused=piece.refused,
        concerns=tuple(concerned(released, known.id)),
        epoch=piece.epoch,
    )
