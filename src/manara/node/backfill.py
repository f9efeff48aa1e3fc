"""History for a new recipient: what was heard, once more, through a fresh source view and today's rules.

::

    journal's windows ─▶ feeds ─▶ tracking, picture of the recipient's sources alone ─▶ today's rules ─▶ Replayed
                                                                  └─▶ others who share these sources: their shadow

Partners' rows are not in it: what others told is theirs to tell. The tracks have numbers of their own, so that history
and what is live cannot be tied to one another by number. Delays count in the time of the replay: what would still be
waiting at its end is not told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from manara.feeds import stage as feeds
from manara.node.arrows import feeds_to_tracking, picture_to_release, to_picture
from manara.node.sources import WARM_NS, SourceView
from manara.picture import stage as picture
from manara.records.agreement import Agreement, Phase
from manara.records.config import NodeConfig
from manara.records.directory import Directory
from manara.records.inputs import Chunk, FeedState, Input, Replayed
from manara.release import adversary, channel
from manara.release.channel import InForce, Offer
from manara.release.never import never_bits
from manara.release.phases import phase_name
from manara.release.rules import Program, compile_rules
from manara.release.space import overlapping
from manara.release.stage import view_name
from manara.tracking import stage as tracking

TICK_NS = 1_000_000_000
SERIALS = 0x7000  # views of replays are numbered from here on; a node's own count up from 1


@dataclass(frozen=True)
class Stands:
    """An agreement of this node's, the hash of its document, and the phase in which it stands now."""

    agreement: Agreement
    sha256: str
    phase: Phase


@dataclass(frozen=True)
class Wish:
    """Whose history, from when to when. ``others``: agreements that stand beside it; those of the same sources count
    for the shadow adversary."""

    stands: Stands
    others: Sequence[Stands]
    begin_ns: int
    until_ns: int


Windows = Iterable[tuple[int, tuple[Input, ...]]]


def replay(
    config: NodeConfig, directory: Directory, wish: Wish, windows: Windows, secret: bytes
) -> Iterator[Replayed | None]:
    """One answer for each past tick, in order; None where nothing is told (while the view warms up). ``windows``: what
    each recorded step took, from at least a minute before the begin on; ``secret``: of the node, for pseudonyms."""
    book = picture_to_release.codebook(config, directory)
    areas = picture_to_release.corners(directory)
    forces = _forces(config, directory, wish)
    if not forces or forces[0].sha256 != wish.stands.sha256:
        return
    own = hashlib.blake2b(
        wish.stands.sha256.encode(), key=secret[:64], digest_size=32, person=b"manara/backfill"
    ).digest()
    channels = [channel.init() for _ in forces]
    shadow = adversary.init()
    heard, view, ticked = feeds.init(config.feeds, config.stale_s), _view(config, wish), -1
    for now_ns, inputs in windows:
        if now_ns < wish.begin_ns - WARM_NS:
            continue
        if now_ns >= wish.until_ns:
            return
        out = feeds.advance(heard, tuple(one for one in inputs if isinstance(one, Chunk | FeedState)), now_ns)
        rows = feeds_to_tracking.seen(feeds_to_tracking.rows(out), view, config)
        tracked = tracking.advance(view.tracking, rows, now_ns)
        shown = picture.advance(view.picture, to_picture.inbox(tracked, out, (), view, book, directory, config), now_ns)
        if now_ns // TICK_NS <= ticked:
            continue
        ticked = now_ns // TICK_NS
        if now_ns < wish.begin_ns:
            yield None
            continue
        marking = picture_to_release.marking(shown, tracked.sources, book, areas, config)
        offer = Offer(shown.tracks, marking, shown.particulars)
        filled = [
            channel.fill(held, force, offer, shadow, book, own, now_ns)
            for held, force in zip(channels, forces, strict=True)
        ]
        yield _replayed(forces[0], filled[0], now_ns)


def _replayed(force: InForce, filled: channel.Filled, now_ns: int) -> Replayed | None:
    if not filled.blocks and not force.agreement.constant_cadence:
        return None
    return Replayed(
        recipient=force.agreement.recipient,
        policy=force.sha256,
        phase=phase_name(force.phase),
        of_ns=now_ns,
        terms=filled.terms,
        blocks=filled.blocks,
        received_ns=now_ns,
    )


def _view(config: NodeConfig, wish: Wish) -> SourceView:
    serial = SERIALS | int(wish.stands.sha256[:3], 16)
    return SourceView(
        name=view_name(wish.stands.agreement),
        serial=serial,
        sources=wish.stands.agreement.sources,
        recipient="",
        since_ns=wish.begin_ns - WARM_NS,
        tracking=tracking.init(capacity=config.capacity, serial=serial),
        picture=picture.init(serial),
    )


def _forces(config: NodeConfig, directory: Directory, wish: Wish) -> list[InForce]:
    """The agreement that is wished for, first, then those who share its sources; none that is suspended."""
    book = picture_to_release.codebook(config, directory)
    overlaps = {"area": overlapping(directory.areas)}
    never = never_bits(config.never_to, book)
    made = []
    for one in (wish.stands, *wish.others):
        alike = sorted(one.agreement.sources) == sorted(wish.stands.agreement.sources)
        if one.phase and alike:
            program = compile_rules(one.agreement, book, one.phase, overlaps=overlaps, never=never)
            if isinstance(program, Program):
                made.append(InForce(one.agreement, one.sha256, one.phase, program))
    return made
